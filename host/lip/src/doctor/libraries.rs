//! The connector libraries: does each load, and who vouches for it?
use super::finding::Finding;
use crate::plugin::list::trust_words;
use crate::setup::Setup;
use loader::Outcome;
use std::path::Path;

pub(super) fn look(found: &Setup) -> Vec<Finding> {
    let mut findings = Vec::new();
    for outcome in &found.discovery.outcomes {
        let what = format!("library {}", name(outcome.path()));
        match outcome {
            Outcome::Loaded(plugin) => {
                let manifest = plugin.manifest();
                let words = trust_words(plugin);
                let told = format!("{} {}, abi {}, {words}", manifest.plugin, manifest.version, manifest.abi);
                findings.push(Finding::ok(&what, &told));
                let warnings = plugin.warnings().iter();
                findings.extend(warnings.map(|warning| Finding::warn(&what, &warning.to_string())));
            }
            Outcome::Kept(kept) => findings.push(Finding::fail(&what, &kept.to_string())),
            Outcome::Refused(refused) => findings.push(Finding::fail(&what, &refused.sentence())),
        }
    }
    if findings.is_empty() {
        let sentence = "there is none; put connector libraries into a plugins directory (--plugins-dir)";
        findings.push(Finding::fail("libraries", sentence));
    }
    findings
        .extend(found.registry.conflicts().iter().map(|both| Finding::warn("libraries", &both.to_string())));
    findings.extend(found.discovery.notes.iter().map(|note| Finding::warn("libraries", &note.to_string())));
    findings
        .extend(found.profiles.problems.iter().map(|wrong| Finding::fail("profiles", &wrong.to_string())));
    findings
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
