//! `lip backends` and `lip models`.
use crate::{backends, out, setup};
use clap::ArgMatches;
use engine::{BackendSpec, Freshness, Offer};
use serde_json::{Value, json};
use std::sync::Arc;

/// Lists the backends and what they lack.
///
/// # Errors
/// An error of the configuration.
pub(crate) fn backends(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let specs = backends::specs(&found.settings, &found.registry, &found.env);
    let default = backends::default(&found.settings, &specs);
    if matches.get_flag("json") {
        let row = |spec: &BackendSpec| {
            json!({
                "name": spec.name,
                "type": spec.connector,
                "ready": spec.missing.is_none(),
                "missing": spec.missing,
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
        let state =
            spec.missing.clone().map_or_else(|| "ready".to_owned(), |missing| format!("missing: {missing}"));
        vec![mark.to_owned(), spec.name.clone(), spec.connector.clone(), state]
    };
    out::line(out::table(&specs.iter().map(row).collect::<Vec<_>>()).trim_end());
    Ok(())
}

/// Lists the models of every backend that is ready, asked live.
///
/// # Errors
/// An error of the configuration, or a backend that does not exist.
pub(crate) fn models(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let engine = found.engine()?;
    let only = matches.get_one::<String>("backend");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let offers = match only {
        None => runtime.block_on(engine.offers(true)),
        Some(name) => {
            let backend = engine.backends().get(name).map(Arc::clone);
            let backend =
                backend.ok_or_else(|| format!("there is no backend \"{name}\"; lip backends lists them"))?;
            vec![runtime.block_on(engine.offer(&backend, true))]
        }
    };
    if matches.get_flag("json") {
        out::line(Value::from(offers.iter().map(as_json).collect::<Vec<_>>()));
        return Ok(());
    }
    for offer in &offers {
        if let Freshness::Fallback(fault) = &offer.freshness {
            out::warning(format!("{}: {}", offer.backend.name(), fault.public()));
        }
        for model in &offer.models {
            out::line(format!("{}:{}", offer.backend.name(), model.id));
        }
    }
    Ok(())
}

fn as_json(offer: &Offer) -> Value {
    let problem = match &offer.freshness {
        Freshness::Live => None,
        Freshness::Fallback(fault) => Some(fault.public()),
    };
    let models: Vec<_> =
        offer.models.iter().map(|model| json!({"id": model.id, "owned_by": model.owned_by})).collect();
    json!({"backend": offer.backend.name(), "live": problem.is_none(), "problem": problem, "models": models})
}
