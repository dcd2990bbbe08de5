//! Compares the types at the boundary as a library and this host were compiled with them.
use lip_abi::abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use lip_abi::abi_stable::type_layout::TypeLayout;

/// May a library with the layout `plugin` be loaded into a host with the layout `host`? Works for older and newer minor
/// versions alike.
///
/// # Errors
/// The first difference, in one line.
pub fn agree(host: &'static TypeLayout, plugin: &'static TypeLayout) -> Result<(), String> {
    // Fresh globals each time: shared ones unify the prefix types of all libraries seen so far, which would make the
    // verdict depend on the order of loading. Libraries never hand objects to each other here.
    let check = |interface, implementation| {
        check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
    };
    let Err(errors) = check(host, plugin) else {
        return Ok(());
    };
    // The check takes a library only if its prefix types have at least the host's fields. An older library has fewer:
    // then each of its types is a prefix of the host's, which is the same check with the sides exchanged.
    check(plugin, host).map_err(|_| first(&errors.to_string()))
}

/// The full text runs to hundreds of kilobytes; its first mismatch says what a person needs.
fn first(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let Some(at) = lines.iter().position(|line| line.starts_with("Error:")) else {
        return "unknown difference".to_owned();
    };
    let error = lines.get(at).and_then(|line| line.strip_prefix("Error:")).unwrap_or_default().trim();
    let ty =
        lines.iter().take(at).rev().find_map(|line| line.strip_prefix("type:")).unwrap_or_default().trim();
    let after = |label: &str| {
        let found = lines.iter().skip(at).position(|line| *line == label);
        found.and_then(|n| lines.get(at + n + 1)).map_or("?", |line| line.trim_end_matches(','))
    };
    let (expected, found) = (after("Expected:"), after("Found:"));
    crate::refusal::tidy(&format!("{ty}: {error} (expected {expected}, found {found})"), 240)
}
