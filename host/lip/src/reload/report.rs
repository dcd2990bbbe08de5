//! What a look has changed and how libraries stand, as JSON and in words.
use crate::setup::Setup;
use engine::Swapped;
use loader::{Kept, Outcome, Plugin, Refused};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What a look has changed.
pub(super) struct Report<'a> {
    added: Vec<&'a Arc<Plugin>>,
    replaced: Vec<&'a Arc<Plugin>>,
    n_kept: usize,
    removed: Vec<&'a Arc<Plugin>>,
    refused: Vec<Refusal<'a>>,
    conflicts: Vec<String>,
    notes: Vec<String>,
    swapped: &'a Swapped,
}

/// A file that is not in use as it stands.
struct Refusal<'a> {
    refused: &'a Refused,
    in_use: Option<&'a Arc<Plugin>>,
    sentence: String,
}

impl<'a> Refusal<'a> {
    fn of(outcome: &'a Outcome) -> Option<Self> {
        let refused = outcome.refused()?;
        let sentence = match outcome {
            Outcome::Kept(kept) => kept.to_string(),
            Outcome::Loaded(_) | Outcome::Refused(_) => format!("refused: {refused}"),
        };
        Some(Self { refused, in_use: outcome.plugin(), sentence })
    }

    fn as_json(&self) -> Value {
        json!({
            "path": self.refused.path,
            "code": self.refused.reason.code(),
            "sentence": self.sentence,
            "in_use_generation": self.in_use.map(|plugin| plugin.generation()),
        })
    }
}

/// What differs between two looks.
pub(super) fn changes<'a>(old: &'a Setup, new: &'a Setup, swapped: &'a Swapped) -> Report<'a> {
    let before = |path: &Path| old.discovery.plugins().find(|plugin| plugin.path() == path);
    let mut report = Report {
        added: Vec::new(),
        replaced: Vec::new(),
        n_kept: 0,
        removed: Vec::new(),
        refused: new.discovery.outcomes.iter().filter_map(Refusal::of).collect(),
        conflicts: new.registry.conflicts().iter().map(ToString::to_string).collect(),
        notes: new.discovery.notes.iter().map(ToString::to_string).collect(),
        swapped,
    };
    for plugin in new.discovery.plugins() {
        match before(plugin.path()) {
            Some(same) if Arc::ptr_eq(same, plugin) => report.n_kept += 1,
            Some(_) => report.replaced.push(plugin),
            None => report.added.push(plugin),
        }
    }
    let is_there = |path: &Path| new.discovery.plugins().any(|plugin| plugin.path() == path);
    report.removed = old.discovery.plugins().filter(|plugin| !is_there(plugin.path())).collect();
    report
}

impl Report<'_> {
    pub(super) fn as_json(&self) -> Value {
        let rows = |plugins: &[&Arc<Plugin>]| plugins.iter().map(|plugin| row(plugin)).collect::<Vec<_>>();
        let Swapped { added, replaced, kept, removed } = self.swapped;
        json!({
            "added": rows(&self.added),
            "replaced": rows(&self.replaced),
            "kept": self.n_kept,
            "removed": rows(&self.removed),
            "refused": self.refused.iter().map(Refusal::as_json).collect::<Vec<_>>(),
            "conflicts": self.conflicts,
            "notes": self.notes,
            "backends": {"added": added, "replaced": replaced, "kept": kept.len(), "removed": removed},
            "words": self.words(),
        })
    }

    /// One line for each thing that has changed or is wrong.
    pub(super) fn words(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (verb, plugins) in
            [("added", &self.added), ("replaced", &self.replaced), ("removed", &self.removed)]
        {
            lines.extend(plugins.iter().map(|plugin| format!("{verb}: {}", title(plugin))));
        }
        for plugin in self.added.iter().chain(&self.replaced) {
            let warnings = plugin.warnings().iter();
            lines.extend(warnings.map(|warning| format!("warning: {}: {warning}", plugin.path().display())));
        }
        lines.extend(self.refused.iter().map(|refusal| refusal.sentence.clone()));
        lines.extend(self.conflicts.iter().map(|conflict| format!("conflict: {conflict}")));
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        let Swapped { added, replaced, removed, .. } = self.swapped;
        for (verb, names) in [("new", added), ("renewed", replaced), ("gone", removed)] {
            if !names.is_empty() {
                lines.push(format!("backends {verb}: {}", names.join(", ")));
            }
        }
        lines
    }

    pub(super) fn log(&self) {
        let is_quiet = self.added.is_empty() && self.replaced.is_empty() && self.removed.is_empty();
        if is_quiet && self.refused.is_empty() {
            return tracing::info!(kept = self.n_kept, "libraries were looked for: nothing new");
        }
        for line in self.words() {
            match line.split_once(": ") {
                Some(("added" | "replaced" | "removed", _)) => tracing::info!("library {line}"),
                Some(("backends new" | "backends renewed" | "backends gone", _)) => tracing::info!("{line}"),
                _ => tracing::warn!("{line}"),
            }
        }
    }
}

fn title(plugin: &Plugin) -> String {
    let manifest = plugin.manifest();
    let (number, path) = (plugin.generation(), plugin.path().display());
    format!(
        "{} {} ({}), generation {number} of {path}",
        manifest.plugin,
        manifest.version,
        ids(plugin).join(", ")
    )
}

fn ids(plugin: &Plugin) -> Vec<&str> {
    plugin.manifest().connectors.iter().map(|connector| connector.id.as_str()).collect()
}

fn row(plugin: &Plugin) -> Value {
    json!({
        "path": plugin.path(),
        "sha256": plugin.sha256(),
        "plugin": plugin.manifest().plugin,
        "version": plugin.manifest().version,
        "abi": plugin.manifest().abi,
        "generation": plugin.generation(),
        "isolation": plugin.isolation().name(),
        "worker_pid": plugin.worker(),
        "connectors": ids(plugin),
        "warnings": plugin.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// How every file stands.
pub(super) fn status(now: &Setup) -> Value {
    let retired = |path: &Path| now.discovery.retired.get(path).copied().unwrap_or_default();
    let one = |outcome: &Outcome| {
        let (state, mut told) = match outcome {
            Outcome::Loaded(plugin) => ("loaded", row(plugin)),
            Outcome::Kept(Kept { plugin, .. }) => ("kept", row(plugin)),
            Outcome::Refused(refused) => ("refused", json!({"path": refused.path})),
        };
        let refusal = Refusal::of(outcome).map(|refusal| refusal.as_json());
        if let Some(told) = told.as_object_mut() {
            told.insert("state".to_owned(), state.into());
            told.insert("retired".to_owned(), retired(outcome.path()).into());
            told.insert("refusal".to_owned(), refusal.unwrap_or_default());
            let stats = outcome.plugin().map(|plugin| json!(plugin.stats()));
            told.insert("stats".to_owned(), stats.unwrap_or_default());
        }
        told
    };
    let plugins: Vec<Value> = now.discovery.outcomes.iter().map(one).collect();
    let conflicts: Vec<String> = now.registry.conflicts().iter().map(ToString::to_string).collect();
    let notes: Vec<String> = now.discovery.notes.iter().map(ToString::to_string).collect();
    json!({"plugins": plugins, "conflicts": conflicts, "notes": notes})
}
