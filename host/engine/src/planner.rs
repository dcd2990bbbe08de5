//! Plans of turns. One that follows from the request's words alone is made once and kept as long as its table.
use crate::backend::Backend;
use crate::backends::Backends;
use crate::rules::Rules;
use base::{Fault, Kind, Retry};
use http::HeaderValue;
use loader::Auth;
use parking_lot::RwLock;
use routing::plan::{Ask, Plan, Table};
use std::collections::HashMap;
use std::sync::Arc;

/// Names whose plans are kept: clients ask for a handful of models, a hostile one for any number.
const KEPT_MAX: usize = 1024;
/// Longest name whose plan is kept, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// A plan and what follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Arc<Plan>,
    /// One leg with one key: resting it after a fault would only keep the client from its only backend.
    pub(crate) is_alone: bool,
    legs: Arc<[Leg]>,
}

/// Who serves a leg, as it is told of a turn.
#[derive(Debug)]
pub(crate) struct Served {
    /// The backend's name.
    pub(crate) backend: Arc<str>,
    /// The id of its connector.
    pub(crate) connector: Arc<str>,
    /// The model as the plan names it.
    pub(crate) model: Arc<str>,
    /// Is it paid by the token?
    pub(crate) is_metered: bool,
}

/// What follows from one leg of a plan.
#[derive(Debug)]
struct Leg {
    /// What `x-lip-route` says of it.
    label: Option<HeaderValue>,
    served: Served,
    /// As it was when the turn began: a turn ends where it began.
    backend: Option<Arc<Backend>>,
}

impl Planned {
    pub(crate) fn new(plan: Arc<Plan>, backends: &Backends) -> Self {
        let is_alone = match plan.legs.as_slice() {
            [leg] => backends.get(&leg.backend).is_none_or(|backend| backend.spec().keys.len() < 2),
            _ => false,
        };
        let leg = |leg: &routing::plan::Leg| {
            let backend = backends.get(&leg.backend).cloned();
            let spec = backend.as_ref().map(|backend| backend.spec());
            let auth = spec.and_then(|spec| Some(spec.manifest.as_ref()?.auth));
            let served = Served {
                backend: leg.backend.as_str().into(),
                connector: spec.map_or("", |spec| &spec.connector).into(),
                model: leg.model.as_str().into(),
                is_metered: auth == Some(Auth::ApiKey),
            };
            Leg { label: HeaderValue::try_from(leg.to_string()).ok(), served, backend }
        };
        let legs = plan.legs.iter().map(leg).collect();
        Self { plan, is_alone, legs }
    }

    pub(crate) fn label(&self, leg: usize) -> Option<&HeaderValue> {
        self.legs.get(leg)?.label.as_ref()
    }

    /// Who serves a leg.
    pub(crate) fn served(&self, leg: usize) -> Option<&Served> {
        Some(&self.legs.get(leg)?.served)
    }

    /// The backend of a leg.
    ///
    /// # Errors
    /// There is none of its name.
    pub(crate) fn backend(&self, leg: usize) -> Result<Arc<Backend>, Fault> {
        let backend = self.legs.get(leg).and_then(|leg| leg.backend.as_ref());
        backend.map(Arc::clone).ok_or_else(|| {
            let name = self.plan.legs.get(leg).map(|leg| leg.backend.as_str()).unwrap_or_default();
            no_backend(name)
        })
    }
}

/// The fault of a turn that names a backend which is not there.
pub(crate) fn no_backend(name: &str) -> Fault {
    Fault::host(Kind::NotFound, format!("there is no backend \"{name}\"")).retry(Retry::Elsewhere)
}

/// The backends, the operator's rules, the table that plans are made from, and those plans that last.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) backends: Arc<Backends>,
    pub(crate) table: Table,
    pub(crate) rules: Arc<Rules>,
    kept: RwLock<HashMap<String, Planned>>,
}

impl Planner {
    pub(crate) fn new(table: Table, backends: Arc<Backends>, rules: Arc<Rules>) -> Self {
        Self { backends, table, rules, kept: RwLock::default() }
    }

    /// As [`Table::plan`].
    ///
    /// # Errors
    /// As [`Table::plan`].
    pub(crate) fn plan(&self, ask: &Ask<'_>) -> Result<Planned, Fault> {
        if self.backends.is_empty() {
            let fault = Fault::host(Kind::Unavailable, "this host has no backend").code("no_backend");
            return Err(fault.hint(
                "Put a connector library into a plugins directory and run lip plugin reload; lip plugin list says what is there",
            ));
        }
        let is_own = ask.header.is_none() && !ask.is_nested;
        let is_plain = is_own && ask.overrides.is_empty() && ask.sampling.is_empty();
        if is_plain && let Some(planned) = self.kept.read().get(ask.model) {
            return Ok(planned.clone());
        }
        let plan = self.table.plan(ask)?;
        let keeps = is_plain && plan.lasts && ask.model.len() <= NAME_BYTES_MAX;
        let planned = Planned::new(Arc::new(plan), &self.backends);
        if keeps {
            let mut kept = self.kept.write();
            if kept.len() < KEPT_MAX {
                kept.insert(ask.model.to_owned(), planned.clone());
            }
        }
        Ok(planned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::spec;
    use base::{RouteOverrides, Sampling};
    use routing::plan;

    fn planner() -> Planner {
        let names = ["a", "a.1", "b"];
        let rows = names.map(|name| plan::Backend::new(name, name));
        let default_backend = Some("b".to_owned());
        let table = Table { default_backend, backends: rows.into(), ..Table::default() };
        let backends = Backends::new(names.map(|name| spec(name, &[])).into(), None).expect("backends");
        Planner::new(table, Arc::new(backends), Arc::default())
    }

    #[test]
    fn only_what_follows_from_the_words_is_kept() {
        let planner = planner();
        let overrides = RouteOverrides { model: Some("other".to_owned()), ..RouteOverrides::default() };
        let (none, sampling) = (RouteOverrides::default(), Sampling::default());
        let plan = |model: &str, overrides: &RouteOverrides, rotation| {
            let ask = Ask { rotation, ..Ask::new(model, overrides, &sampling) };
            planner.plan(&ask).expect("a plan")
        };
        let first = plan("m", &none, 0);
        assert!(Arc::ptr_eq(&first.plan, &plan("m", &none, 1).plan));
        assert_eq!(plan("m", &overrides, 2).plan.legs[0].model, "other");
        assert_eq!(first.label(0).expect("a label"), "b:m");
        // Instances take turns, and so do branches.
        assert_ne!(plan("a:m", &none, 0).plan.legs, plan("a:m", &none, 1).plan.legs);
        for model in ["b:x|b:y", "b:x^b:y", "[max_context=5]b:x", "b:x!b:y"] {
            plan(model, &none, 0);
            assert!(!planner.kept.read().contains_key(model), "{model}");
        }
        for n in 0..2 * KEPT_MAX {
            plan(&format!("m{n}"), &none, 0);
        }
        assert_eq!(planner.kept.read().len(), KEPT_MAX);
    }
}
