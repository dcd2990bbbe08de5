//! `lip backends`.
use crate::{backends, out, setup};
use clap::ArgMatches;
use engine::BackendSpec;
use serde_json::{Value, json};

/// Lists the backends and what they lack.
///
/// # Errors
/// An error of the configuration.
pub(crate) fn backends(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let specs = backends::specs(&found);
    let default = backends::default(&found.settings, &specs);
    if matches.get_flag("json") {
        let row = |spec: &BackendSpec| {
            json!({
                "name": spec.name,
                "type": spec.connector,
                "ready": missing(spec).is_none(),
                "missing": missing(spec),
                "default": default.as_deref() == Some(&*spec.name),
                "configured": spec.configured,
                "dialects": spec.dialects.iter().map(|d| d.id()).collect::<Vec<_>>(),
            })
        };
        out::line(Value::from(specs.iter().map(row).collect::<Vec<_>>()));
        return Ok(());
    }
    let row = |spec: &BackendSpec| {
        let mark = if default.as_deref() == Some(&*spec.name) { "*" } else { "" };
        let state = missing(spec).map_or_else(|| "ready".to_owned(), |missing| format!("missing: {missing}"));
        vec![mark.to_owned(), spec.name.clone(), spec.connector.clone(), state]
    };
    out::line(out::table(&specs.iter().map(row).collect::<Vec<_>>()).trim_end());
    Ok(())
}

fn missing(spec: &BackendSpec) -> Option<String> {
    spec.missing.as_ref().or(spec.logged_out.as_ref()).cloned()
}
