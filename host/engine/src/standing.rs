//! What an operator may ask and do: how the backends stand, another chance for one, where a session's next turn would go.
use crate::conversation::{ask, now_ms};
use crate::drive;
use crate::engine::Engine;
use crate::models::Model;
use crate::sharing::SharedState;
use base::{Fault, Kind, Side};
use parking_lot::Mutex;
use routing::keys::KeyHealth;
use routing::plan::{Leg, Plan};
use sessions::{Key, Scope};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stores::link::Link;

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
    /// Every key, by position.
    pub keys: Vec<KeyStanding>,
    /// The last thing that went wrong there, since the host started or the backend changed.
    pub last_fault: Option<LastFault>,
    /// The names of its models, as far as they are known.
    pub models: Vec<String>,
}

/// How one key of a backend stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStanding {
    /// Did its provider refuse it?
    pub is_disabled: bool,
    /// How long it may not be used.
    pub rests: Option<Duration>,
    /// Models for which it may not be used for longer.
    pub models: Vec<(String, Duration)>,
    /// `closed`, `open` or `half_open`.
    pub breaker: &'static str,
}

/// Something that went wrong with a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFault {
    /// In words that a client may read.
    pub message: String,
    /// For programs.
    pub code: Option<String>,
    /// When, in ms since 1970.
    pub at_ms: u64,
}

/// The last fault of every backend.
#[derive(Debug, Default)]
pub(crate) struct LastFaults(Mutex<HashMap<String, LastFault>>);

impl LastFaults {
    /// An attempt there ended with `fault`. What the client did wrong says nothing of a backend.
    pub(crate) fn note(&self, backend: &str, fault: &Fault) {
        if fault.side == Side::Client || fault.kind == Kind::Cancelled {
            return;
        }
        let last = LastFault {
            message: fault.public(),
            code: fault.code.as_deref().map(str::to_owned),
            at_ms: now_ms(),
        };
        self.0.lock().insert(backend.to_owned(), last);
    }

    /// Forgets backends that `keep` does not name.
    pub(crate) fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.0.lock().retain(|name, _| keep(name));
    }
}

impl Engine {
    /// All backends, in the order of the configuration.
    pub fn standings(&self) -> Vec<Standing> {
        let now = drive::now();
        let status = self.health.lock().status(now);
        let faults = self.last_faults.0.lock().clone();
        let known = self.models.known();
        let in_time = |at: Instant| at.saturating_duration_since(now);
        let standing = |backend: &Arc<crate::Backend>| {
            let spec = backend.spec();
            let health = status.iter().find(|health| health.backend == spec.name);
            Standing {
                name: spec.name.clone(),
                connector: spec.connector.clone(),
                missing: backend.missing().map(str::to_owned),
                n_keys: health.map_or(1, |health| health.n_keys),
                n_disabled: health.map_or(0, |health| health.n_disabled),
                rests: health.and_then(|health| health.rests_until).map(in_time),
                keys: health
                    .into_iter()
                    .flat_map(|health| &health.keys)
                    .map(|key| key_standing(key, in_time))
                    .collect(),
                last_fault: faults.get(&spec.name).cloned(),
                models: models(&spec.models, known.get(&spec.name).map(Vec::as_slice).unwrap_or_default()),
            }
        };
        self.backends().iter().map(standing).collect()
    }

    /// The link to what it shares with other hosts; none where nothing is shared.
    pub fn link(&self) -> Option<&Arc<Link>> {
        self.sessions.shared().map(|shared| shared.link())
    }

    /// How it stands with what it shares with other hosts; none where nothing is shared.
    pub fn state(&self) -> Option<SharedState> {
        let owned = self.means().owners.as_ref().map(|owners| owners.counted());
        self.sessions.state(owned.unwrap_or_default())
    }

    /// An attempt at `leg` ended with `fault`.
    pub(crate) fn note_fault(&self, leg: Option<&Leg>, fault: &Fault) {
        if let Some(leg) = leg {
            self.last_faults.note(&leg.backend, fault);
        }
    }

    /// Gives a backend another chance: all rests end and refused keys count again. False if there is none of this name.
    pub fn reactivate(&self, backend: &str) -> bool {
        let is_known = self.backends().get(backend).is_some() && self.health.lock().reactivate(backend);
        self.rests.iter().filter(|_| is_known).for_each(|rests| rests.again(backend));
        is_known
    }

    /// Where the next turn of `caller`'s session `id` would go if it asked for `model`.
    ///
    /// # Errors
    /// No such session, or why the turn would go nowhere.
    pub fn plan_in_session(&self, model: &str, caller: &str, id: &str) -> Result<Plan, Fault> {
        let key = Key::named(Scope::new(caller), id);
        let Some((_, session)) = self.sessions.memory().find_now(&[key], now_ms()) else {
            let fault = Fault::client(Kind::NotFound, format!("there is no session \"{id}\""))
                .code("unknown_session");
            return Err(fault
                .hint("!/status in the chat shows a session's id; it is another one for every client key"));
        };
        self.planner.load().table.plan(&ask(&session, session.settings(), model))
    }
}

fn key_standing(key: &KeyHealth, in_time: impl Fn(Instant) -> Duration) -> KeyStanding {
    KeyStanding {
        is_disabled: key.is_disabled,
        rests: key.rests_until.map(&in_time),
        models: key.models.iter().map(|(name, until)| (name.clone(), in_time(*until))).collect(),
        breaker: key.breaker,
    }
}

/// Those of the description, then those that only discovery found.
fn models(told: &[String], found: &[Model]) -> Vec<String> {
    let further = found.iter().map(|model| &model.id).filter(|id| !told.contains(id));
    told.iter().chain(further).cloned().collect()
}
