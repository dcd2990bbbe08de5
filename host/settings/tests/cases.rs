//! Settings as a user meets them: each case of `tests/cases/*.txt` says what is written where, and what comes of it.
//!
//! A case is `--- file name`, the file's text indented by two blanks, `env NAME=value …`, `flags long=value …`,
//! `show key …` (the value and source of these settings) and the expected outcome after `> `.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use settings::{CliOverrides, Env, File, Format, Resolved, resolve};

#[derive(Default)]
struct Case<'a> {
    name: &'a str,
    text: String,
    env: &'a str,
    flags: &'a str,
    keys: &'a str,
    expected: Vec<String>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("--- ") {
            cases.push(Case { name, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        if let Some(expected) = line.strip_prefix("> ") {
            case.expected.push(expected.replace("{version}", env!("CARGO_PKG_VERSION")));
        } else if let Some(env) = line.strip_prefix("env ") {
            case.env = env;
        } else if let Some(flags) = line.strip_prefix("flags ") {
            case.flags = flags;
        } else if let Some(keys) = line.strip_prefix("show ") {
            case.keys = keys;
        } else {
            assert!(line.is_empty() || line.starts_with("  "), "no part of a case: {line:?}");
            case.text.push_str(line.get(2..).unwrap_or_default());
            case.text.push('\n');
        }
    }
    cases
}

/// Each asked key as `value @ source` and the warnings, or all errors.
fn outcome(case: &Case<'_>) -> String {
    let file = File { name: case.name, format: Format::of(case.name), text: &case.text };
    let env: Env = case.env.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect();
    let mut cli = CliOverrides::default();
    for flag in case.flags.split_whitespace() {
        let (long, value) = flag.split_once('=').unwrap_or((flag, "true"));
        cli = cli.with(long, value).unwrap();
    }
    match resolve(Some(&file), &env, &cli) {
        Ok(resolved) => shown(&resolved, case.keys),
        Err(refused) => refused.to_string(),
    }
}

fn shown(resolved: &Resolved, keys: &str) -> String {
    let rows = resolved.explain();
    let mut lines: Vec<String> = Vec::new();
    for key in keys.split_whitespace() {
        let row = rows.iter().find(|row| row.key == key).unwrap();
        lines.push(format!("{} @ {}", row.value.as_deref().unwrap_or("-"), row.source));
    }
    lines.extend(resolved.warnings().iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n")
}

fn check(text: &str, n_cases_min: usize) {
    let cases = cases(text);
    assert!(cases.len() >= n_cases_min, "only {} cases were found", cases.len());
    for case in cases {
        let expected = case.expected.join("\n");
        assert!(!expected.is_empty(), "nothing is expected of {}", case.text);
        assert_eq!(
            outcome(&case),
            expected,
            "\n{}\n{}env {}\nflags {}",
            case.name,
            case.text,
            case.env,
            case.flags
        );
    }
}

macro_rules! cases_of {
    ($($test:ident: $file:literal, $n_cases_min:literal;)+) => {
        $(#[test]
        fn $test() {
            check(include_str!(concat!("cases/", $file, ".txt")), $n_cases_min);
        })+
    };
}

cases_of! {
    every_source_outranks_the_one_below: "precedence", 9;
    values_are_read_from_texts_and_trees: "values", 27;
    wrong_values_say_place_expected_found_and_remedy: "wrong_values", 26;
    unknown_keys_are_errors_with_a_suggestion: "unknown_keys", 10;
    settings_of_the_python_proxy_are_one_warning_each: "python_names", 1;
    settings_of_later_versions_are_checked_and_warned_about: "later_versions", 6;
    access_modes_guard_the_listener: "access_modes", 12;
    shared_accounts_need_all_that_hosts_share: "shared_accounts", 3;
    misspelled_variables_are_told: "misspelled_variables", 2;
}

#[test]
fn plugin_directories_of_the_environment_are_separated_like_path() {
    let separator = if cfg!(windows) { ";" } else { ":" };
    let env = Env::from_iter([("LIP_PLUGINS_DIR", ["a", "", "b"].join(separator))]);
    let resolved = resolve(None, &env, &CliOverrides::default()).unwrap();
    assert_eq!(resolved.plugins_dir(), [std::path::Path::new("a"), std::path::Path::new("b")]);
}

#[test]
fn byte_order_mark_is_skipped() {
    for name in ["a.toml", "a.json"] {
        let text = if name == "a.toml" { "\u{feff}port = 9" } else { "\u{feff}{\"port\": 9}" };
        let file = File { name, format: Format::of(name), text };
        assert_eq!(resolve(Some(&file), &Env::default(), &CliOverrides::default()).unwrap().port(), 9);
    }
}
