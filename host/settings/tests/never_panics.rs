//! No text, variable or flag makes the reader panic, and no message repeats a secret.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use proptest::prelude::*;
use settings::{CliOverrides, Env, File, Format, all, resolve};

const CANARY: &str = "sk-canary-4f9b";

fn texts_of(file_name: &str, text: &str, env: &Env) -> String {
    let file = File { name: file_name, format: Format::of(file_name), text };
    match resolve(Some(&file), env, &CliOverrides::default()) {
        Ok(resolved) => format!("{:?}{:?}{resolved:?}", resolved.explain(), resolved.warnings()),
        Err(refused) => format!("{refused}{refused:?}"),
    }
}

fn toml_with_secret() -> String {
    format!(
        "port = 1\n[auth]\napi_keys = [\"{CANARY}\"]\n[backends.openai]\napi_key = \"{CANARY}\"\n\
             api_url = \"https://h/v1\"\nclient_secret = \"{CANARY}\"\n"
    )
}

fn yaml_with_secret() -> String {
    format!(
        "port: 1\nauth:\n  api_keys: [\"{CANARY}\"]\nbackends:\n  openai:\n    api_key: \"{CANARY}\"\n    \
             api_url: \"https://h/v1\"\n    client_secret: \"{CANARY}\"\n"
    )
}

/// A small word of either language, to cut files where it hurts.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "\"", "'", "[", "]", "{", "}", ":", "=", "\n", " ", "#", "- ", "&a", "*a", "<<", "!!int ", "|",
            "\t", "\\", "5", "~"
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        texts_of("a.toml", &text, &Env::default());
        texts_of("a.yaml", &text, &Env::default());
    }

    #[test]
    fn any_value_of_any_setting_is_read_or_refused(
        idx in 0..all().count(),
        value in prop_oneof!["\\PC{0,20}", "-?[0-9]{1,40}(\\.[0-9]{1,20})?(e[0-9]{1,4})?", "[0-9]{1,20} ?[kMGT]i?B"],
    ) {
        let setting = all().nth(idx).unwrap();
        let env = Env::from_iter([(setting.env_names().swap_remove(0), value.clone())]);
        texts_of("a.toml", "", &env);
        for flag in setting.flags {
            let cli = CliOverrides::default().with(flag.long, &value).unwrap();
            let _ = resolve(None, &Env::default(), &cli);
        }
        texts_of("a.toml", &format!("{} = {value}", setting.key), &Env::default());
        texts_of("a.yaml", &format!("{{{}: {value}}}", setting.key), &Env::default());
    }

    #[test]
    fn broken_files_never_print_their_secrets(at in 0..400_usize, cut in 0..6_usize, put in fragment()) {
        for (name, text) in [("a.toml", toml_with_secret()), ("a.yaml", yaml_with_secret())] {
            let at = at % text.len();
            let end = (at + cut).min(text.len());
            let hurt = format!("{}{put}{}", &text[..at], &text[end..]);
            // A cut through the key itself leaves another text, which need not be the canary any more.
            let shown = texts_of(name, &hurt, &Env::default());
            prop_assert!(!shown.contains(CANARY), "{hurt}\n---\n{shown}");
        }
    }
}
