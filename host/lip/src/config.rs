//! `lip config check` and `lip config show`.
use crate::setup::Setup;
use crate::{backends, out, setup};
use clap::ArgMatches;
use engine::BackendSpec;
use settings::{AccessMode, Severity};

/// Checks the configuration and what it leads to.
///
/// # Errors
/// Every error in it.
pub(crate) fn check(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    for warning in found.settings.warnings() {
        out::warning(warning);
    }
    let specs = backends::specs(&found);
    let wrong = mistakes(&found, &specs);
    if !wrong.is_empty() {
        return Err(wrong.iter().map(|what| format!("error: {what}")).collect::<Vec<_>>().join("\n"));
    }
    for spec in specs.iter().filter(|spec| spec.configured) {
        if let Some(missing) = &spec.missing {
            out::warning(format!("backend {}: {missing}", spec.name));
        }
    }
    found.engine()?;
    let mode = match found.settings.access_mode() {
        AccessMode::SingleUser => "single-user",
        AccessMode::MultiUser => "multi-user",
    };
    let configured = specs.iter().filter(|spec| spec.configured).count();
    let backends = if configured == 1 { "backend" } else { "backends" };
    out::line(format!("the configuration is good: {mode} mode, {configured} {backends} configured"));
    Ok(())
}

/// What is wrong with profiles, and with fields that only connectors understand. What is only odd is told at once.
fn mistakes(found: &Setup, specs: &[BackendSpec]) -> Vec<String> {
    let mut wrong: Vec<String> = found.profiles.problems.iter().map(ToString::to_string).collect();
    for spec in specs {
        let backend = found.settings.backends().iter().find(|backend| backend.name() == spec.name);
        let is_profile = found.profiles.get(&spec.name).is_some();
        let (Some(plugin), Some(manifest)) = (&spec.plugin, &spec.manifest) else { continue };
        let n_before = wrong.len();
        if let (Some(backend), Some(schema)) = (backend, manifest.more.get("config")) {
            for problem in backend.check_extra(schema) {
                match problem.severity {
                    Severity::Error => wrong.push(problem.to_string()),
                    Severity::Warning => out::warning(problem),
                }
            }
        }
        // The connector's own word; it performs no IO.
        let is_named = backend.is_some() || is_profile;
        if is_named
            && wrong.len() == n_before
            && let Err(fault) = plugin.try_create(&spec.connector, &spec.name, &spec.config)
        {
            let place = backend.map_or_else(String::new, |backend| format!("{}: ", backend.source()));
            wrong.push(format!("{place}backends.{}: {}", spec.name, fault.public()));
        }
    }
    wrong
}

/// Shows every setting with its value and where it came from.
///
/// # Errors
/// Every error in the configuration.
pub(crate) fn show(matches: &ArgMatches) -> Result<(), String> {
    let (settings, _) = setup::settings(matches)?;
    for warning in settings.warnings() {
        out::warning(warning);
    }
    let row = |row: settings::Row| {
        vec![row.key, row.value.unwrap_or_else(|| "(not set)".to_owned()), row.source.to_string()]
    };
    let rows: Vec<_> = settings.explain().into_iter().map(row).collect();
    out::line(out::table(&rows).trim_end());
    Ok(())
}
