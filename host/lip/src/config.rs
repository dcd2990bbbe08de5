//! `lip config check` and `lip config show`.
use crate::{backends, out, setup};
use clap::ArgMatches;
use settings::AccessMode;

/// Checks the configuration and what it leads to.
///
/// # Errors
/// Every error in it.
pub(crate) fn check(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    for warning in found.settings.warnings() {
        out::warning(warning);
    }
    let specs = backends::specs(&found.settings, &found.registry, &found.env);
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
    out::line(format!("the configuration is good: {mode} mode, {configured} backends configured"));
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
