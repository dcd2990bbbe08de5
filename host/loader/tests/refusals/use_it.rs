//! What the host does with a loaded plugin: instances, turns, panics, owners.
use crate::{Bench, workshop};
use base::{Kind, Side};
use loader::{Auth, Isolation, Plugin, Registry, Writable};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// Runs one turn of a connector that answers with the turn's own body.
pub(crate) fn answers_with_its_body(plugin: &Arc<Plugin>) {
    let instance = Arc::new(plugin.create("good", "good.work", &json!({"base_url": "http://x"})).unwrap());
    let answer = instance.ask_and_wait("turn", br#"{"model":"m"}"#.to_vec(), "hello".into()).unwrap();
    assert_eq!(answer, "hello");
    instance.shutdown();
}

#[test]
fn good_plugin_answers() {
    let plugin = Bench::new().load(&workshop::open().good());
    assert_eq!((plugin.stamp(), plugin.sha256().len()), ("rogues 0.1.0", 64));
    assert!(plugin.warnings().is_empty());
    assert_eq!(plugin.manifest().connectors[0].auth, Auth::None);
    answers_with_its_body(&plugin);
    let fault = plugin.create("other", "other", &json!({})).unwrap_err();
    assert_eq!(
        (fault.kind, fault.message.as_str()),
        (Kind::NotFound, "rogues 0.1.0 has no connector \"other\"")
    );
}

#[test]
fn panic_in_create_is_a_fault() {
    let plugin = Bench::new().load(&workshop::open().rogue("create_panics"));
    for _ in 0..100 {
        let fault = plugin.create("panics", "panics.a", &json!({})).unwrap_err();
        assert_eq!((fault.side, fault.code.as_deref()), (Side::Plugin, Some("plugin_panic")));
        assert_eq!(fault.message, "the connector panicked: no instance \"panics.a\" today");
    }
}

#[test]
fn constructor_of_a_caged_library_writes_nothing() {
    for (isolation, writes) in [(Isolation::Inproc, true), (Isolation::Child, false)] {
        let bench = Bench::new();
        fs::copy(workshop::open().rogue("ctor_writes"), bench.dir("own").join("x.so")).unwrap();
        let found = bench.discover_for(isolation, &[bench.dir("own")], Writable::Warn);
        assert_eq!(found.plugins().next().unwrap().manifest().connectors[0].id, "good");
        let state = fs::read_dir(bench.root.path().join("state/plugins")).unwrap();
        let names: Vec<_> = state.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.iter().any(|name| name == "escaped"), writes, "{isolation:?}: {names:?}");
    }
}

#[test]
fn bundled_file_owns_its_connectors() {
    let bench = Bench::new();
    let (user, bundled) = (bench.dir("user"), bench.dir("bundled"));
    // Other bytes, same connector: what a shadowing plugin looks like.
    let mut shadow = fs::read(workshop::open().good()).unwrap();
    shadow.push(0);
    fs::write(user.join("a.so"), shadow).unwrap();
    fs::copy(workshop::open().good(), bundled.join("z.so")).unwrap();
    let found = bench.discover(&[user, bundled.clone()], Writable::Warn);
    let registry = Registry::build(found.plugins(), Some(&bundled), &BTreeMap::new());
    assert!(registry.get("good").unwrap().0.path().ends_with("bundled/z.so"));
    assert_eq!(registry.conflicts().len(), 1);
    let overrides = BTreeMap::from([("good".to_owned(), "a.so".to_owned())]);
    let registry = Registry::build(found.plugins(), Some(&bundled), &overrides);
    assert!(registry.get("good").unwrap().0.path().ends_with("user/a.so"));
    assert_eq!(registry.iter().count(), 1);
}
