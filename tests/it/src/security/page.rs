//! The page of threats names attempts, and these are the attempts.
use super::{
    auth, browser, clients, cluster, floods, framing, guesses, leaks, operators, paths, reach, streams, tls,
};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../docs/reference/threat-model.md");
/// As many as were asked for.
const ATTEMPTS_MIN: usize = 60;

/// All attempts, as `theme/name`.
fn suite() -> BTreeSet<String> {
    let themes: [(&str, Vec<&'static str>); 13] = [
        ("auth", auth::names()),
        ("browser", browser::NAMES.to_vec()),
        ("clients", clients::NAMES.to_vec()),
        ("cluster", cluster::NAMES.to_vec()),
        ("floods", floods::NAMES.to_vec()),
        ("framing", framing::names()),
        ("guesses", guesses::NAMES.to_vec()),
        ("leaks", leaks::NAMES.to_vec()),
        ("operators", operators::NAMES.to_vec()),
        ("paths", paths::names()),
        ("reach", reach::NAMES.to_vec()),
        ("streams", streams::NAMES.to_vec()),
        ("tls", tls::NAMES.to_vec()),
    ];
    let of_theme = |(theme, names): (&str, Vec<&str>)| {
        names.into_iter().map(|name| format!("{theme}/{name}")).collect::<Vec<_>>()
    };
    let all: Vec<String> = themes.into_iter().flat_map(of_theme).collect();
    let unique: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(all.len(), unique.len(), "two attempts have one name");
    unique
}

#[test]
fn page_and_suite_name_the_same_attempts() {
    let suite = suite();
    assert!(suite.len() >= ATTEMPTS_MIN, "{}", suite.len());
    // `theme/name` in the cells of tables.
    let words =
        PAGE.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`').skip(1).step_by(2));
    let themes: BTreeSet<&str> =
        suite.iter().filter_map(|name| name.split_once('/').map(|(theme, _)| theme)).collect();
    let named: BTreeSet<String> = words
        .filter(|word| word.split_once('/').is_some_and(|(theme, _)| themes.contains(theme)))
        .map(str::to_owned)
        .collect();
    let untold: Vec<_> = suite.difference(&named).collect();
    let untried: Vec<_> = named.difference(&suite).collect();
    assert!(untold.is_empty(), "the page does not name {untold:#?}");
    assert!(untried.is_empty(), "nobody tries {untried:#?}");
}
