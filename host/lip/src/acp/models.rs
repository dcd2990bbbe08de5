//! The models that a client may choose from.
use super::Host;
use agents::Offered;
use agents::acp::serve::offer::Models;
use engine::Backend;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// How long a client waits for a list. Lists that take longer come with the next session.
const LIST_TIME: Duration = Duration::from_secs(3);

impl Host {
    /// What is offered now, with `chosen` as the one that answers; if none is, the first of the default backend.
    pub(super) async fn models(&self, chosen: Option<String>) -> Models {
        let backends = self.engine.backends();
        let default = backends.default();
        let is_default = |backend: &Backend| default.is_some_and(|own| own.name() == backend.name());
        let mut ready: Vec<&Arc<Backend>> = backends.iter().filter(|backend| backend.is_ready()).collect();
        ready.sort_by_key(|backend| !is_default(backend));
        let lists = join_all(ready.iter().map(|backend| self.list(backend))).await;
        let first = |backend: &Backend, list: &[Offered]| {
            let known = backend.spec().models.first().map(|model| named(backend, model));
            known.or_else(|| list.first().map(|model| model.id.clone()))
        };
        // Where there is a default, another backend would be a surprise.
        let preferred =
            ready.iter().zip(&lists).filter(|(backend, _)| default.is_none() || is_default(backend));
        let preferred = preferred.into_iter().find_map(|(backend, list)| first(backend, list));
        let current = chosen.or(preferred);
        Models { offered: lists.into_iter().flatten().collect(), current }
    }

    async fn list(&self, backend: &Arc<Backend>) -> Vec<Offered> {
        let Ok(offer) = tokio::time::timeout(LIST_TIME, self.engine.offer(backend, false)).await else {
            tracing::info!(backend = backend.name(), "its models are not listed in time");
            return Vec::new();
        };
        let offered = |model: engine::Model| Offered {
            id: named(backend, &model.id),
            title: model.title.map(|title| format!("{title} ({})", backend.name())),
        };
        offer.models.into_iter().map(offered).collect()
    }
}

fn named(backend: &Backend, model: &str) -> String {
    format!("{}:{model}", backend.name())
}
