//! `lip config check`, `lip config show` and `lip config reload`.
use crate::setup::Setup;
use crate::{access, backends, operate, out, setup};
use clap::ArgMatches;
use engine::BackendSpec;
use serde_json::{Value, json};
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
    let of_profiles = found.profiles.problems.iter().map(ToString::to_string);
    let Mistakes { wrong, odd } = mistakes(&found, &specs);
    odd.iter().for_each(out::warning);
    let wrong: Vec<String> = of_profiles.chain(wrong).collect();
    if !wrong.is_empty() {
        return Err(wrong.iter().map(|what| format!("error: {what}")).collect::<Vec<_>>().join("\n"));
    }
    for spec in specs.iter().filter(|spec| spec.configured) {
        if let Some(missing) = &spec.missing {
            out::warning(format!("backend {}: {missing}", spec.name));
        }
    }
    found.engine()?;
    access::tls(&found.settings)?;
    let mode = match found.settings.access_mode() {
        AccessMode::SingleUser => "single-user",
        AccessMode::MultiUser => "multi-user",
    };
    let configured = specs.iter().filter(|spec| spec.configured).count();
    let backends = if configured == 1 { "backend" } else { "backends" };
    out::line(format!("the configuration is good: {mode} mode, {configured} {backends} configured"));
    Ok(())
}

/// What is wrong, and what is only odd.
#[derive(Default)]
pub(crate) struct Mistakes {
    pub(crate) wrong: Vec<String>,
    pub(crate) odd: Vec<String>,
}

/// What is wrong with fields of these backends that only connectors understand.
pub(crate) fn mistakes<'a>(found: &Setup, specs: impl IntoIterator<Item = &'a BackendSpec>) -> Mistakes {
    let mut mistakes = Mistakes::default();
    for spec in specs {
        let backend = found.settings.backends().iter().find(|backend| backend.name() == spec.name);
        let is_profile = found.profiles.get(&spec.name).is_some();
        let (Some(plugin), Some(manifest)) = (&spec.plugin, &spec.manifest) else { continue };
        let n_before = mistakes.wrong.len();
        if let (Some(backend), Some(schema)) = (backend, manifest.more.get("config")) {
            for problem in backend.check_extra(schema) {
                match problem.severity {
                    Severity::Error => mistakes.wrong.push(problem.to_string()),
                    Severity::Warning => mistakes.odd.push(problem.to_string()),
                }
            }
        }
        // The connector's own word; it performs no IO.
        let is_named = backend.is_some() || is_profile;
        if is_named
            && mistakes.wrong.len() == n_before
            && let Err(fault) = plugin.try_create(&spec.connector, &spec.name, &spec.config)
        {
            let place = backend.map_or_else(String::new, |backend| format!("{}: ", backend.source()));
            mistakes.wrong.push(format!("{place}backends.{}: {}", spec.name, fault.public()));
        }
    }
    mistakes
}

/// `lip config reload`: tells the host that runs to read its configuration again.
///
/// # Errors
/// No host there, or why it goes on with the configuration that it has.
pub(crate) fn reload(matches: &ArgMatches) -> Result<(), String> {
    let (settings, _) = setup::settings(matches)?;
    let told = operate::ask(&settings, "config/reload", Some(&json!({})))?;
    let words = told.get("words").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if matches.get_flag("json") {
        out::line(&told);
    } else if words.is_empty() {
        out::line("nothing has changed");
    } else {
        words.iter().filter_map(Value::as_str).for_each(out::line);
    }
    Ok(())
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
