//! Bundles of connectors that users add themselves: which file brings what, generated from the bundles by `cargo xtask gen`.
use std::collections::BTreeMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

/// Library → ids of its connectors.
const BUNDLES: &str = include_str!("bundles.json");

/// The file name of the bundle that brings `connector`, on this system.
pub(crate) fn library_of(connector: &str) -> Option<String> {
    let bundles: BTreeMap<&str, Vec<&str>> = serde_json::from_str(BUNDLES).unwrap_or_default();
    let (library, _) = bundles.into_iter().find(|(_, ids)| ids.contains(&connector))?;
    Some(format!("{DLL_PREFIX}{library}{DLL_SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_connector_has_its_library() {
        let bundles: BTreeMap<&str, Vec<&str>> = serde_json::from_str(BUNDLES).expect("JSON");
        for (library, ids) in bundles {
            for id in ids {
                assert_eq!(library_of(id), Some(format!("{DLL_PREFIX}{library}{DLL_SUFFIX}")));
            }
        }
        assert_eq!(library_of("nobody"), None);
    }
}
