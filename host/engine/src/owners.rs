//! Agents of conversations whose turns may come to any of several hosts: which host has the agent, and what becomes of a turn that comes
//! to another one. Asked only for turns that go to agents, and only where hosts share a state.
pub(crate) mod door;
mod forward;

use crate::agent::answered;
use access::KeyHash;
use agents::{Agents, Ask};
use base::{Fault, Kind, Retry, Secret};
use bytes::Bytes;
use egress::Egress;
use http::{HeaderName, HeaderValue};
use loader::run::Upstream;
use parking_lot::Mutex;
use sessions::{Key, Scope};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use stores::link::Link;
use stores::owner::{Claim, Other, Owner, Owners as Records};
use tokio::task::JoinHandle;

/// Names the host that has the agent, to a client that asked another one, and to a host that handed a turn on.
pub const OWNER: HeaderName = HeaderName::from_static("lip-owner");
/// How often the ends of records are put off, well within their time.
const KEEP_EVERY: Duration = Duration::from_secs(3);
/// How often a turn looks for the owner: one that it finds may be gone, and another host be quicker.
const TRIES: usize = 3;
/// How long a host that ends lets go of its agents.
const FINISH_TIME: Duration = Duration::from_secs(1);

/// How hosts that share a state reach each other.
#[derive(Debug, Default)]
pub struct Cluster {
    /// The name by which a balancer knows this host; none: the id of its process.
    pub name: Option<String>,
    /// The URL by which other hosts reach this one.
    pub address: Option<String>,
    /// What hosts know each other by.
    pub secret: Option<Secret<String>>,
}

/// What is counted of agents whose turns may come to several hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    /// Agents that this host has.
    pub agents: u64,
    /// Turns that this host handed on to the one that has their agent.
    pub forwarded: u64,
}

/// The owners of agents, as one host sees them.
#[derive(Debug)]
pub(crate) struct Owners {
    inner: Arc<Inner>,
    keeper: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    records: Records,
    agents: Agents,
    egress: Egress,
    secret: Option<(HeaderValue, KeyHash)>,
    held: Mutex<HashMap<Key, Held>>,
    forwarded: AtomicU64,
}

/// An agent that this host has, or is about to have.
#[derive(Debug)]
struct Held {
    scope: Scope,
    /// As the agents name it.
    agent: String,
    /// What it was asked for first, without what it was told: from this it is started anew, whoever asks.
    ask: Ask,
    /// Turns that have not begun to be answered.
    n_turns: usize,
    /// It is known that no other host has it, or nobody can say.
    is_sure: bool,
}

/// Where a turn goes.
enum Place {
    Here,
    There(Other),
}

/// A turn of an agent that is not to be let go meanwhile.
struct Using<'a>(&'a Inner, Key);

impl Drop for Using<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held.lock();
        let Some(own) = held.get_mut(&self.1) else { return };
        own.n_turns = own.n_turns.saturating_sub(1);
        if own.n_turns == 0 && !own.is_sure {
            held.remove(&self.1);
        }
    }
}

impl Owners {
    pub(crate) fn new(
        link: &Arc<Link>,
        cluster: Cluster,
        host: &HeaderValue,
        agents: Agents,
        egress: Egress,
    ) -> Arc<Self> {
        let Cluster { name, address, secret } = cluster;
        let host = host.to_str().unwrap_or_default().to_owned();
        let own = Owner { name: name.unwrap_or_else(|| host.clone()), host, address };
        let records = Records::new(Arc::clone(link), own, secret.as_ref());
        let secret = secret.and_then(|secret| {
            let mut shown = HeaderValue::from_str(secret.expose()).ok()?;
            shown.set_sensitive(true);
            Some((shown, KeyHash::of(secret.expose().as_bytes())))
        });
        let (held, forwarded) = (Mutex::default(), AtomicU64::new(0));
        let inner = Arc::new(Inner { records, agents, egress, secret, held, forwarded });
        let keeper = link.runtime().spawn(Arc::clone(&inner).keep());
        Arc::new(Self { inner, keeper })
    }

    /// A turn of an agent, wherever that is.
    pub(crate) async fn turn(&self, ask: Ask, scope: Scope) -> Upstream {
        let inner = &*self.inner;
        for _ in 0..TRIES {
            let task = match inner.agents.read(ask.clone()) {
                Ok(task) => task,
                Err(fault) => return answered(Err(fault)),
            };
            let agent = task.agent();
            let key = Key::agent(scope, &agent);
            let using = inner.using(key, || Held {
                scope,
                agent,
                ask: Ask { body: Bytes::new(), ..ask.clone() },
                n_turns: 0,
                is_sure: false,
            });
            match inner.place(scope, key).await {
                Place::Here => return answered(inner.agents.carry_out(task).await),
                Place::There(other) => {
                    drop(using);
                    if let Some(answer) = inner.forward(key, &other, &ask.body).await {
                        return answer;
                    }
                    // Nobody was told anything: the agent may be started anew, by whoever comes first.
                    tracing::warn!(owner = other.owner.name, "the host that had an agent is gone");
                    let _ = inner.records.forget(scope, key, &other).await;
                }
            }
        }
        let fault = Fault::host(Kind::Unavailable, "the host that has the agent cannot be found");
        answered(Err(fault.code("agent_owner_unknown").retry(Retry::Elsewhere)))
    }

    /// What was counted.
    pub(crate) fn counted(&self) -> Owned {
        let agents = self.inner.held.lock().len() as u64;
        Owned { agents, forwarded: self.inner.forwarded.load(Relaxed) }
    }

    /// Lets go of all agents, which have ended.
    pub(crate) async fn finish(&self) {
        let all: Vec<(Key, Scope)> =
            self.inner.held.lock().drain().map(|(key, own)| (key, own.scope)).collect();
        let release = async {
            for (key, scope) in all {
                let _ = self.inner.records.release(scope, key).await;
            }
        };
        let _ = tokio::time::timeout(FINISH_TIME, release).await;
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Inner {
    fn using(&self, key: Key, new: impl FnOnce() -> Held) -> Using<'_> {
        self.held.lock().entry(key).or_insert_with(new).n_turns += 1;
        Using(self, key)
    }

    /// The same for an agent that this host has.
    fn using_held(&self, key: Key) -> Option<(Using<'_>, Scope, Ask)> {
        let mut held = self.held.lock();
        let own = held.get_mut(&key)?;
        own.n_turns += 1;
        Some((Using(self, key), own.scope, own.ask.clone()))
    }

    async fn place(&self, scope: Scope, key: Key) -> Place {
        if self.held.lock().get(&key).is_some_and(|own| own.is_sure) {
            return Place::Here;
        }
        match self.records.claim(scope, key).await {
            Ok(Claim::Other(other)) => return Place::There(other),
            // Where nobody can say, each host has its own agents: the record is made when somebody can.
            Ok(Claim::Own) | Err(_) => {}
        }
        if let Some(own) = self.held.lock().get_mut(&key) {
            own.is_sure = true;
        }
        Place::Here
    }

    async fn keep(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(KEEP_EVERY) => {}
                () = self.agents.gone() => {}
            }
            self.keep_up().await;
        }
    }

    /// Puts off the ends of the records of agents that live, and removes those of the others.
    async fn keep_up(&self) {
        let all: Vec<(Key, Scope)> = {
            let held = self.held.lock();
            held.iter().filter(|(_, own)| own.is_sure).map(|(key, own)| (*key, own.scope)).collect()
        };
        for (key, scope) in all {
            if self.has_ended(key) {
                let _ = self.records.release(scope, key).await;
                continue;
            }
            match self.records.claim(scope, key).await {
                Ok(Claim::Own) => {}
                Ok(Claim::Other(other)) => {
                    tracing::info!(
                        owner = other.owner.name,
                        "another host has started an agent of the same conversation"
                    );
                    self.held.lock().remove(&key);
                }
                // The others would not be answered either.
                Err(_) => return,
            }
        }
    }

    /// Has the agent ended that nobody uses? Then this host has it no more.
    fn has_ended(&self, key: Key) -> bool {
        let mut held = self.held.lock();
        let is_over = held.get(&key).is_some_and(|own| own.n_turns == 0 && !self.agents.has(&own.agent));
        is_over && held.remove(&key).is_some()
    }
}
