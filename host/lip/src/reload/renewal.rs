//! A new configuration on its way into a host that runs: read and checked whole before anything changes.
use super::report;
use crate::setup::Setup;
use crate::{backends, config, rules};
use engine::{BackendSpec, Engine, Rules, Swapped};
use serde_json::{Value, json};
use settings::Resolved;
use std::sync::Arc;

/// The backends of this setup. The folders may have lost the default one, but not the right to say so.
pub(super) fn backends(new: &Setup) -> (Vec<BackendSpec>, Option<String>) {
    let (mut specs, default) = new.backends();
    if let Some(name) = default.as_deref().filter(|name| specs.iter().all(|spec| spec.name != *name)) {
        specs.push(backends::departed(name, new));
    }
    (specs, default)
}

/// A configuration that can be used.
pub(super) struct Renewal {
    new: Arc<Setup>,
    specs: Vec<BackendSpec>,
    default: Option<String>,
    rules: Rules,
    needs_restart: Vec<String>,
    warnings: Vec<String>,
}

/// What a new configuration has changed.
pub(super) struct Renewed {
    changed: Vec<&'static str>,
    needs_restart: Vec<String>,
    warnings: Vec<String>,
    swapped: Swapped,
    /// What has changed about libraries, where they were touched.
    libraries: Vec<String>,
}

/// Reads and checks all of it.
///
/// # Errors
/// All that is wrong with it, one line each.
pub(super) fn prepare(old: &Setup, started: &Resolved, engine: &Engine) -> Result<Renewal, String> {
    let mut settings = old.settings_again()?.sharing_with(&old.settings);
    let mut warnings: Vec<String> = settings.warnings().iter().map(ToString::to_string).collect();
    let needs_restart = settings.keep_started(started);
    let new = old.under(settings);
    let (mut specs, default) = new.backends();
    let rules = rules::of(&new.settings)?;
    let running = engine.backends();
    let mut wrong: Vec<String> = Vec::new();
    if let Some(name) = default.as_deref().filter(|name| specs.iter().all(|spec| spec.name != *name)) {
        if running.get(name).is_some() {
            // Its library has gone since, which is told to whoever comes.
            specs.push(backends::departed(name, &new));
        } else {
            wrong.push(unknown_default(name, &specs, &new));
        }
    }
    let of_profiles = new.profiles.problems.iter().filter(|problem| !old.profiles.problems.contains(problem));
    wrong.extend(of_profiles.map(ToString::to_string));
    // What runs already has been judged.
    let is_new = |spec: &&BackendSpec| running.get(&spec.name).is_none_or(|old| !old.spec().is_same(spec));
    let mistakes = config::mistakes(&new, specs.iter().filter(is_new));
    wrong.extend(mistakes.wrong);
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    warnings.extend(mistakes.odd);
    let lacking = specs.iter().filter(|spec| spec.configured).filter(is_new);
    warnings.extend(
        lacking.filter_map(|spec| Some(format!("backend {}: {}", spec.name, spec.missing.as_ref()?))),
    );
    Ok(Renewal { new: Arc::new(new), specs, default, rules, needs_restart, warnings })
}

fn unknown_default(name: &str, specs: &[BackendSpec], new: &Setup) -> String {
    let place = new.settings.source("default_backend").map(|place| format!("{place}: ")).unwrap_or_default();
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    format!("{place}default_backend: there is no backend \"{name}\" (there are: {})", known.join(", "))
}

impl Renewal {
    /// Brings it into use.
    ///
    /// # Errors
    /// As [`Engine::reload`].
    pub(super) fn carry_out(self, old: &Setup, engine: &Engine) -> Result<(Arc<Setup>, Renewed), String> {
        let Self { new, specs, default, rules, needs_restart, warnings } = self;
        let swapped = engine.reload(specs, default.as_deref(), rules).map_err(|fault| fault.public())?;
        let changed = new.settings.changed_from(&old.settings);
        let none = Swapped::default();
        let libraries = match new.look == old.look {
            true => Vec::new(),
            false => report::changes(old, &new, &none).words(),
        };
        Ok((new, Renewed { changed, needs_restart, warnings, swapped, libraries }))
    }
}

impl Renewed {
    pub(super) fn as_json(&self) -> Value {
        let Swapped { added, replaced, kept, removed } = &self.swapped;
        json!({
            "changed": self.changed,
            "needs_restart": self.needs_restart,
            "warnings": self.warnings,
            "backends": {"added": added, "replaced": replaced, "kept": kept.len(), "removed": removed},
            "words": self.words(),
        })
    }

    /// One line for each thing that has changed, cannot, or is odd.
    fn words(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.changed.iter().map(|key| format!("changed: {key}")).collect();
        let Swapped { added, replaced, kept: _, removed } = &self.swapped;
        for (verb, names) in [("new", added), ("renewed", replaced), ("gone", removed)] {
            if !names.is_empty() {
                lines.push(format!("backends {verb}: {}", names.join(", ")));
            }
        }
        lines.extend(self.libraries.iter().cloned());
        lines.extend(self.needs_restart.iter().map(|key| format!("needs a restart: {key}")));
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines
    }

    pub(super) fn log(&self) {
        let words = self.words();
        if words.is_empty() {
            return tracing::info!("the configuration was read again: nothing new");
        }
        for line in words {
            match line.starts_with("needs a restart") || line.starts_with("warning") {
                true => tracing::warn!("configuration: {line}"),
                false => tracing::info!("configuration: {line}"),
            }
        }
    }
}
