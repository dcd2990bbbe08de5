//! The `backends` table: order, names, nesting, keys, and what goes to the connector.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use settings::{Backend, CliOverrides, Env, File, Format, Resolved, resolve};

fn load(name: &str, text: &str, env: &[(&str, &str)]) -> Result<Resolved, String> {
    let file = File { name, format: Format::of(name), text };
    let env: Env = env.iter().copied().collect();
    resolve(Some(&file), &env, &CliOverrides::default()).map_err(|refused| refused.to_string())
}

fn names(resolved: &Resolved) -> Vec<(&str, &str)> {
    resolved.backends().iter().map(|backend| (backend.name(), backend.connector())).collect()
}

#[test]
fn example_of_the_overview_page_loads_literally_without_keys() {
    let text = "backends:\n  openai:\n    type: openai\n  anthropic:\n    type: anthropic\n  gemini:\n    type: gemini\n\n\
                default_backend: openai\n";
    let resolved = load("config/config.yaml", text, &[]).unwrap();
    assert_eq!(names(&resolved), [("openai", "openai"), ("anthropic", "anthropic"), ("gemini", "gemini")]);
    assert_eq!(resolved.default_backend(), Some("openai"));
    assert_eq!(resolved.warnings(), []);
    assert_eq!(resolved.port(), 8000);
}

#[test]
fn instances_keep_the_order_of_the_file_in_every_spelling() {
    let expected =
        [("zai", "zai"), ("openai.work", "openai"), ("openai", "openai"), ("mine", "custom"), ("a", "a")];
    for (name, text) in [
        (
            "l.toml",
            "[backends.zai]\n[backends.\"openai.work\"]\n[backends.openai]\n[backends.mine]\ntype = 'custom'\n[backends.a]\n",
        ),
        (
            "l.toml",
            "[backends.zai]\n[backends.openai.work]\napi_key = 'x'\n[backends.openai]\nenabled = true\n\
                    [backends.mine]\nconnector = 'custom'\n[backends.a]\n",
        ),
        ("l.yaml", "backends:\n  zai:\n  openai.work: {}\n  openai:\n  mine: {type: custom}\n  a: {}\n"),
    ] {
        let resolved = load(name, text, &[]).unwrap();
        assert_eq!(names(&resolved), expected, "{text}");
    }
}

#[test]
fn nested_table_is_an_instance_only_when_it_has_a_mark_of_one() {
    let only = load("l.toml", "[backends.openai.work]\napi_url = 'http://h/v1'\n", &[]).unwrap();
    assert_eq!(names(&only), [("openai.work", "openai")]);
    let extra =
        load("l.toml", "[backends.openai]\nheaders = { a = 'b' }\nretry = { times = 3 }\n", &[]).unwrap();
    assert_eq!(names(&extra), [("openai", "openai")]);
    assert_eq!(
        serde_json::to_value(extra.backends()[0].extra()).unwrap(),
        serde_json::json!({ "headers": { "a": "b" }, "retry": { "times": 3 } })
    );
    assert_eq!(extra.warnings(), []);
    let odd = load("l.toml", "[backends.openai.work]\ntimeout = 3\n", &[]).unwrap();
    assert_eq!(
        odd.warnings()[0].to_string(),
        "l.toml:1:18: backends.openai: \"work\" goes to the connector as it is\n  \
                hint: if it is meant as a backend of its own, give it a type"
    );
}

#[test]
fn every_field_is_typed() {
    let text = "backends:\n  x.y:\n    connector: custom\n    api_key: 'env:K1'\n    api_keys: [lit, 'env:K2', lit, 'env:GONE']\n    \
                base_url: https://u:p@h/v1/\n    timeout: 1.5\n    models: [m1, m2]\n    plugin: liblip_x.so\n    enabled: false\n    \
                identity: {user_agent: me/1}\n    protocol: openai\n    num_ctx: 4096\n    extra: {routing_cost: 2.5, list: [1, ~]}\n";
    let resolved = load("l.yaml", text, &[("K1", "one"), ("K2", "one")]).unwrap();
    let backend: &Backend = &resolved.backends()[0];
    let values = backend.values();
    assert_eq!((backend.name(), backend.connector()), ("x.y", "custom"));
    let keys: Vec<_> = backend.api_keys().iter().map(|key| key.secret().unwrap().expose().clone()).collect();
    assert_eq!(keys, ["one", "lit"]);
    assert_eq!(backend.api_keys()[0].env_name(), Some("K1"));
    assert_eq!(backend.missing_env(), ["GONE"]);
    assert_eq!(values.api_url(), Some("https://u:p@h/v1"));
    assert_eq!(values.timeout().unwrap().as_millis(), 1_500);
    assert_eq!(
        (values.models(), values.plugin()),
        (&["m1".to_owned(), "m2".to_owned()][..], Some("liblip_x.so"))
    );
    assert_eq!((values.enabled(), values.user_agent()), (false, Some("me/1")));
    assert_eq!(
        serde_json::to_value(backend.extra()).unwrap(),
        serde_json::json!({ "protocol": "openai", "num_ctx": 4096, "routing_cost": 2.5, "list": [1, null] })
    );
    assert_eq!(resolved.secrets().len(), 2);
}

#[test]
fn python_example_with_nulls_loads() {
    let text = "backends:\n  default_backend: \"openai\"\n  openai:\n    api_url: null\n    timeout: 120\n    models:\n      - \"gpt-4\"\n  \
                qwen_oauth:\n    extra:\n      client_id: null\n";
    let resolved = load("config.yaml", text, &[]).unwrap();
    assert_eq!(names(&resolved), [("openai", "openai"), ("qwen_oauth", "qwen_oauth")]);
    assert_eq!(resolved.backends()[0].values().api_url(), None);
}

#[test]
fn wrong_backends_are_refused_with_place_and_remedy() {
    let name_hint = "\n  hint: a name has letters, digits, dots, dashes and underscores, begins with a letter or digit, has \
                     at most 64 characters, and is not alias or auto";
    for (text, expected) in [
        (
            "[backends.openai]\napi_key = 5",
            "error: l.toml:2:11: backends.openai.api_key: expected a key as text, or \
          \"env:NAME\", found a whole number\n  hint: put it in quotes"
                .to_owned(),
        ),
        (
            "[backends.openai]\napi_url = 'h/v1?key=secret'",
            "error: l.toml:2:11: backends.openai.api_url: expected a URL that \
          begins with http:// or https://, found a text"
                .to_owned(),
        ),
        (
            "[backends.'a:b']",
            format!("error: l.toml:1:11: backends: \"a:b\" cannot be the name of a backend{name_hint}"),
        ),
        (
            "[backends.'auto.x']",
            format!("error: l.toml:1:11: backends: \"auto.x\" cannot be the name of a backend{name_hint}"),
        ),
        (
            "[backends.'']",
            format!("error: l.toml:1:11: backends: \"\" cannot be the name of a backend{name_hint}"),
        ),
        (
            "[backends.x]\ntype = 'a'\nconnector = 'b'",
            "error: l.toml:3:1: backends.x.connector: is set twice, first at l.toml:2:1\n  hint: keep one"
                .to_owned(),
        ),
        (
            "[backends.x]\na = 1\nextra = { a = 2 }",
            "error: l.toml:3:11: backends.x: \"a\" is set twice\n  hint: keep one".to_owned(),
        ),
        (
            "[backends.x]\nidentity = { user_agnt = 'a' }",
            "error: l.toml:2:14: backends.x: unknown setting \
          \"identity.user_agnt\"\n  hint: did you mean identity.user_agent?"
                .to_owned(),
        ),
        (
            "[backends.'a.b']\n[backends.a.b]\ntype = 'x'",
            "error: l.toml:2:13: backends.a.b: is set twice, first on line 1\n  hint: keep one".to_owned(),
        ),
        ("backends = 3", "error: l.toml:1:12: backends: expected a table, found a whole number".to_owned()),
    ] {
        assert_eq!(load("l.toml", text, &[]).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn misspelled_field_goes_on_with_a_warning() {
    let resolved = load("l.toml", "[backends.openai]\napi_kye = 'sk-canary'", &[]).unwrap();
    assert_eq!(
        resolved.warnings()[0].to_string(),
        "l.toml:2:1: backends.openai: \"api_kye\" is not a field of LIP and goes to the connector as it is\n  \
                hint: did you mean api_key?"
    );
    assert!(!format!("{:?}", resolved.explain()).contains("canary"));
}

#[test]
fn empty_key_counts_as_not_set() {
    let resolved = load("l.yaml", "backends: {openai: {api_key: ''}}", &[]).unwrap();
    assert!(resolved.backends()[0].api_keys().is_empty());
    assert_eq!(
        resolved.warnings()[0].to_string(),
        "l.yaml:1:30: backends.openai.api_key: is empty and counts as not set"
    );
}

#[test]
fn backend_without_configuration_has_defaults() {
    let backend =
        Backend::unconfigured("openai.1", settings::Source::Flag("--default-backend".to_owned())).unwrap();
    assert_eq!(
        (backend.connector(), backend.values().enabled(), backend.api_keys().len()),
        ("openai", true, 0)
    );
    assert!(Backend::unconfigured("a:b", settings::Source::Default).is_none());
}
