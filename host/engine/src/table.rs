//! What the planner knows: the configured backends, and the models that discovery found so far.
use crate::backends::Backends;
use crate::models::Model;
use crate::rules::Rules;
use routing::plan::{self, Readiness, Table};
use std::collections::{BTreeSet, HashMap};

/// The planner's table. `models` are the lists that are known so far, by backend.
pub(crate) fn of(backends: &Backends, rules: &Rules, models: &HashMap<String, Vec<Model>>) -> Table {
    let backend = |backend: &std::sync::Arc<crate::Backend>| {
        let spec = backend.spec();
        let mut row = plan::Backend::new(&spec.name, &spec.connector);
        if let Some(missing) = &spec.missing {
            let (reason, remedy) = missing.split_once("; ").unwrap_or((missing, "see lip backends"));
            row.ready = Readiness::Unready { reason: reason.to_owned(), remedy: sentence(remedy) };
        }
        let known = models.get(&spec.name).into_iter().flatten().map(|model| model.id.clone());
        if spec.missing.is_none() && !backend.is_ready() {
            // Who names it finds out that nobody is logged in; nobody comes here unasked.
            return row;
        }
        row.models = known.chain(spec.models.iter().cloned()).collect();
        row
    };
    let families: BTreeSet<String> = backends.iter().map(|b| b.spec().connector.clone()).collect();
    Table {
        default_backend: backends.default().map(|backend| backend.name().to_owned()),
        static_route: rules.static_route.as_deref().and_then(|text| plan::StaticRoute::parse(text).ok()),
        aliases: rules.aliases.clone(),
        named: rules.named.clone(),
        backends: backends.iter().map(backend).collect(),
        families,
        ..Table::default()
    }
}

/// A remedy as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
