//! What models the backends offer: asked live, kept for a while, the last good list when that fails.
use crate::backend::Backend;
use crate::redact;
use crate::scope::Scope;
use base::{Fault, Kind};
use loader::run::{Effects, RunEvent};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long a list is good.
const FRESH: Duration = Duration::from_secs(300);
/// How long a backend may take to list its models.
pub(crate) const LIST_DEADLINE: Duration = Duration::from_secs(10);

/// A model that a backend offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Model {
    /// The name that requests use.
    pub id: String,
    /// A name for people.
    pub title: Option<String>,
    /// Tokens of context.
    pub context_tokens: Option<u64>,
    /// Tokens of output.
    pub output_tokens: Option<u64>,
    /// Who owns it.
    pub owned_by: Option<String>,
    /// Seconds since 1970.
    pub created: Option<u64>,
}

/// Where a list comes from.
#[derive(Clone, Debug)]
pub enum Freshness {
    /// The backend just said so, or did within the last minutes.
    Live,
    /// The backend could not be asked: the last good list, or the names known without asking.
    Fallback(Fault),
}

#[derive(Debug, Default)]
struct Entry {
    models: Vec<Model>,
    asked: Option<Instant>,
}

/// The lists of all backends. One question at a time per backend.
#[derive(Debug, Default)]
pub(crate) struct ModelLists {
    lists: parking_lot::Mutex<HashMap<String, Arc<tokio::sync::Mutex<Entry>>>>,
    known: parking_lot::Mutex<HashMap<String, Vec<Model>>>,
    changed: AtomicBool,
}

impl ModelLists {
    /// Has any list changed since this was asked last?
    pub(crate) fn has_news(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    /// Every list that is known.
    pub(crate) fn known(&self) -> HashMap<String, Vec<Model>> {
        self.known.lock().clone()
    }

    /// The backends whose lists hold this model, as far as they are known.
    pub(crate) fn listing(&self, model: &str) -> Vec<String> {
        let known = self.known.lock();
        let bare = model.split_once('/').map_or(model, |(_, bare)| bare);
        let holds = |models: &Vec<Model>| models.iter().any(|own| own.id == model || own.id == bare);
        known.iter().filter(|(_, models)| holds(models)).map(|(name, _)| name.clone()).collect()
    }

    /// Forgets the lists of backends that `keep` does not name.
    pub(crate) fn retain(&self, keep: impl Fn(&str) -> bool) {
        let (mut lists, mut known) = (self.lists.lock(), self.known.lock());
        lists.retain(|name, _| keep(name));
        known.retain(|name, _| keep(name));
    }

    /// Keeps what `backend` lists, unless another one has taken its place since it was asked.
    pub(crate) fn learn(&self, backend: &Backend, models: &[Model]) {
        let mut known = self.known.lock();
        if !backend.is_retired() && known.get(backend.name()).is_none_or(|before| before != models) {
            known.insert(backend.name().to_owned(), models.to_vec());
            self.changed.store(true, Ordering::Release);
        }
    }

    pub(crate) async fn get(&self, scope: Scope, refresh: bool) -> (Vec<Model>, Freshness) {
        let backend = Arc::clone(&scope.backend);
        let entry = Arc::clone(self.lists.lock().entry(backend.name().to_owned()).or_default());
        let mut entry = entry.lock().await;
        let is_fresh = entry.asked.is_some_and(|at| at.elapsed() < FRESH);
        if is_fresh && !refresh {
            return (entry.models.clone(), Freshness::Live);
        }
        let leases = Arc::clone(&scope.leases);
        let asked = tokio::time::timeout(LIST_DEADLINE, ask(&backend, Arc::new(scope))).await;
        let asked = asked.unwrap_or_else(|_| {
            let sentence = format!("it did not list its models within {} s", LIST_DEADLINE.as_secs());
            Err(Fault::upstream(Kind::Timeout, sentence))
        });
        match asked {
            Ok(models) => {
                self.learn(&backend, &models);
                *entry = Entry { models: models.clone(), asked: Some(Instant::now()) };
                (models, Freshness::Live)
            }
            Err(fault) => {
                let tokens = leases.tokens();
                let fault = redact::fault(fault, backend.secrets().chain(&tokens));
                let hints = || {
                    backend
                        .spec()
                        .models
                        .iter()
                        .map(|id| Model { id: id.clone(), ..Model::default() })
                        .collect()
                };
                let known = if entry.models.is_empty() { hints() } else { entry.models.clone() };
                (known, Freshness::Fallback(fault))
            }
        }
    }
}

/// What the connector lists, with these effects.
pub(crate) async fn ask(backend: &Backend, effects: Arc<dyn Effects>) -> Result<Vec<Model>, Fault> {
    let mut run = backend.instance()?.run(effects, "models", Vec::new(), bytes::Bytes::new())?;
    while let Some(event) = run.next().await {
        if let RunEvent::Full { bytes, .. } = event? {
            return serde_json::from_slice(&bytes).map_err(|e| {
                Fault::plugin(Kind::BadGateway, "the connector's model list is malformed").source(e)
            });
        }
    }
    Err(Fault::plugin(Kind::BadGateway, "the connector ended without a model list"))
}
