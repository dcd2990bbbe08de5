//! Which bundle brings which backends: so that a host without it can say which file is missing.

use std::collections::BTreeMap;

use super::Page;
use super::manifests::Told;

/// The file, of all `told` connectors that `bundles` (names of packages) bring.
pub(super) fn page(told: &[Told], bundles: &[&str]) -> Page {
    let mut ids: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in told.iter().filter(|one| bundles.contains(&one.plugin.as_str())) {
        ids.entry(one.plugin.replace('-', "_")).or_default().push(&one.connector.id);
    }
    let mut text = serde_json::to_string_pretty(&ids).unwrap_or_default();
    text.push('\n');
    Page::new("host/lip/src/bundles.json", text)
}
