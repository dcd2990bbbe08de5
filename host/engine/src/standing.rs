//! What an operator may ask and do: how the backends stand, another chance for one, where a session's next turn would go.
use crate::conversation::{ask, now_ms};
use crate::drive;
use crate::engine::Engine;
use base::{Fault, Kind};
use routing::plan::Plan;
use sessions::{Key, Scope};
use std::time::Duration;

/// How one backend stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Its connector's id.
    pub connector: String,
    /// Why it cannot be used at all.
    pub missing: Option<String>,
    /// Keys in all; one where none is needed.
    pub n_keys: usize,
    /// Keys that its provider refused.
    pub n_disabled: usize,
    /// How long no key of it may be used.
    pub rests: Option<Duration>,
}

impl Engine {
    /// All backends, in the order of the configuration.
    pub fn standings(&self) -> Vec<Standing> {
        let now = drive::now();
        let status = self.health.lock().status(now);
        let standing = |backend: &std::sync::Arc<crate::Backend>| {
            let spec = backend.spec();
            let health = status.iter().find(|health| health.backend == spec.name);
            Standing {
                name: spec.name.clone(),
                connector: spec.connector.clone(),
                missing: backend.missing().map(str::to_owned),
                n_keys: health.map_or(1, |health| health.n_keys),
                n_disabled: health.map_or(0, |health| health.n_disabled),
                rests: health
                    .and_then(|health| health.rests_until)
                    .map(|at| at.saturating_duration_since(now)),
            }
        };
        self.backends().iter().map(standing).collect()
    }

    /// Gives a backend another chance: all rests end and refused keys count again. False if there is none of this name.
    pub fn reactivate(&self, backend: &str) -> bool {
        self.backends().get(backend).is_some() && self.health.lock().reactivate(backend)
    }

    /// Where the next turn of `caller`'s session `id` would go if it asked for `model`.
    ///
    /// # Errors
    /// No such session, or why the turn would go nowhere.
    pub fn plan_in_session(&self, model: &str, caller: &str, id: &str) -> Result<Plan, Fault> {
        let key = Key::named(Scope::new(caller), id);
        let Some((_, session)) = self.sessions.find_now(&[key], now_ms()) else {
            let fault = Fault::client(Kind::NotFound, format!("there is no session \"{id}\""))
                .code("unknown_session");
            return Err(fault
                .hint("!/status in the chat shows a session's id; it is another one for every client key"));
        };
        self.planner.load().table.plan(&ask(&session, session.settings(), model))
    }
}
