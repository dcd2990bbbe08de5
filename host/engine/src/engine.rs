//! The engine: all that a turn needs, and the turn itself.
use crate::attempt::attempt;
use crate::backend::{Backend, Backends};
use crate::loop_guard::next_hop;
use crate::models::{Freshness, Model, ModelLists};
use crate::scope::Scope;
use crate::store::Values;
use crate::turn::{Failure, Reply, Turn};
use base::{Fault, Kind};
use egress::{Egress, Identity};
use futures_util::future::join_all;
use http::HeaderValue;
use std::sync::Arc;

/// What one backend offers.
#[derive(Debug)]
pub struct Offer {
    /// The backend.
    pub backend: Arc<Backend>,
    /// Its models.
    pub models: Vec<Model>,
    /// How fresh the list is.
    pub freshness: Freshness,
}

/// Serves turns. Shared by all frontends.
#[derive(Debug)]
pub struct Engine {
    backends: Backends,
    egress: Egress,
    user_agent: HeaderValue,
    host_id: String,
    values: Arc<Values>,
    models: ModelLists,
}

impl Engine {
    /// An engine over these backends. `host_id` is unique to this process.
    pub fn new(backends: Backends, egress: Egress, user_agent: HeaderValue, host_id: String) -> Self {
        Self { backends, egress, user_agent, host_id, values: Arc::default(), models: ModelLists::default() }
    }

    /// The backends.
    pub const fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Answers one turn.
    ///
    /// # Errors
    /// The fault of the last attempt, with the upstream's own answer where the client can read it.
    pub async fn turn(&self, turn: &Turn) -> Result<Reply, Failure> {
        let loop_guard = next_hop(turn.hops.as_deref(), &self.host_id)?;
        let (backend, model) = self.backends.resolve(&turn.model)?;
        let scope = self.scope(backend, &loop_guard)?;
        attempt(scope, turn, model).await
    }

    /// The models of every backend that is ready, asked at the same time.
    pub async fn offers(&self, refresh: bool) -> Vec<Offer> {
        let ready = self.backends.iter().filter(|backend| backend.is_ready());
        join_all(ready.map(|backend| self.offer(backend, refresh))).await
    }

    /// The models of one backend.
    pub async fn offer(&self, backend: &Arc<Backend>, refresh: bool) -> Offer {
        let backend = Arc::clone(backend);
        let (models, freshness) = match self.scope(Arc::clone(&backend), &self.host_id) {
            Ok(scope) => self.models.get(scope, refresh).await,
            Err(fault) => (Vec::new(), Freshness::Fallback(fault)),
        };
        Offer { backend, models, freshness }
    }

    fn scope(&self, backend: Arc<Backend>, loop_guard: &str) -> Result<Scope, Fault> {
        let loop_guard = HeaderValue::from_str(loop_guard)
            .map_err(|e| Fault::client(Kind::BadRequest, "the loop guard header is malformed").source(e))?;
        let user_agent = backend.spec().user_agent.clone().unwrap_or_else(|| self.user_agent.clone());
        let identity = Identity { user_agent, loop_guard };
        Ok(Scope { backend, identity, egress: self.egress.clone(), values: Arc::clone(&self.values) })
    }
}
