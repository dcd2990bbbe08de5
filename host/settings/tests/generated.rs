//! What is generated from the table: goldens, and that it is true.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use std::collections::BTreeSet;

use settings::{
    CliOverrides, Env, File, Format, Status, all, all_of_backend, all_of_client, all_of_library, generate,
    resolve,
};

#[test]
fn goldens_are_up_to_date() {
    insta::assert_snapshot!("config_toml", generate::config_toml());
    insta::assert_snapshot!("json_schema", generate::json_schema());
    insta::assert_snapshot!("reference", generate::reference());
}

#[test]
fn generated_file_changes_nothing_as_it_stands() {
    let text = generate::config_toml();
    let file = File { name: "lip.toml", format: Format::Toml, text: &text };
    let with = resolve(Some(&file), &Env::default(), &CliOverrides::default()).unwrap();
    let without = resolve(None, &Env::default(), &CliOverrides::default()).unwrap();
    assert_eq!(with.explain(), without.explain());
    assert_eq!(with.warnings(), []);
}

#[test]
fn every_key_of_the_generated_file_can_be_uncommented() {
    let text = generate::config_toml();
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') && !rest.is_empty() => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text = text.lines().map(uncomment).collect::<Vec<_>>().join("\n");
    let file = File { name: "lip.toml", format: Format::Toml, text: &text };
    let env = Env::from_iter([
        ("LIP_CLIENT_KEY", "k"),
        ("FLEET_SECRET", "0123456789abcdef"),
        ("ACCOUNTS_KEY", "k"),
    ]);
    let resolved = resolve(Some(&file), &env, &CliOverrides::default()).unwrap();
    let n_in_file = all().filter(|setting| setting.in_file).count();
    let from_file = |row: &settings::Row| {
        let named =
            ["backends.", "plugins.library.", "auth.keys."].iter().any(|table| row.key.starts_with(table));
        row.source.to_string().starts_with("lip.toml") && !named
    };
    assert_eq!(resolved.explain().iter().filter(|row| from_file(row)).count(), n_in_file);
    let of_library = |row: &&settings::Row| row.key.starts_with("plugins.library.lip_acme.");
    assert_eq!(resolved.explain().iter().filter(of_library).count(), all_of_library().count());
    let of_client = |row: &&settings::Row| row.key.starts_with("auth.keys.alice.");
    assert_eq!(resolved.explain().iter().filter(of_client).count(), all_of_client().count());
    let n_of_backend =
        resolved.explain().iter().filter(|row| row.key.starts_with("backends.openai.")).count();
    assert_eq!(n_of_backend, all_of_backend().count());
    let n_later = all().chain(all_of_backend()).filter(|setting| setting.status != Status::Ready).count();
    assert_eq!(resolved.warnings().len(), n_later, "{:?}", resolved.warnings());
}

#[test]
fn names_of_the_table_are_unique_and_documented() {
    let mut seen = BTreeSet::new();
    for setting in all() {
        for name in setting.env_names().into_iter().chain([setting.key.to_owned()]) {
            assert!(seen.insert(name.clone()), "{name} stands twice");
        }
        assert!(setting.aliases.iter().all(|alias| seen.insert((*alias).to_owned())), "{}", setting.key);
        assert!(setting.doc.trim().ends_with('.'), "{}", setting.key);
    }
    for setting in all_of_backend().chain(all_of_library()).chain(all_of_client()) {
        assert!(setting.doc.trim().ends_with('.') && setting.flags.is_empty(), "{}", setting.key);
    }
}

#[test]
fn schema_knows_every_path() {
    let schema: serde_json::Value = serde_json::from_str(&generate::json_schema()).unwrap();
    for setting in all().filter(|setting| setting.in_file) {
        for path in std::iter::once(&setting.key).chain(setting.aliases) {
            let mut at = &schema;
            for part in path.split('.') {
                let section = at.get("anyOf").and_then(|any| any.get(1)).unwrap_or(at);
                at = &section["properties"][part];
            }
            assert!(at.is_object(), "{path}");
        }
    }
}
