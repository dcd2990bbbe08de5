//! The place of one agent in the pool: at most one process, one turn at a time, and what others may know of it meanwhile.
use crate::idle::{Generation, Idle, Scheduled};
use crate::launch::Running;
use crate::live::Live;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Agents are shared within one of these only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) backend: String,
    pub(crate) workspace: PathBuf,
    pub(crate) model: String,
    pub(crate) session: String,
}

impl Key {
    /// All of it, in one text that no other key has.
    pub(crate) fn text(&self) -> String {
        let Self { backend, workspace, model, session } = self;
        // A name may hold any other character, and no path of a system this one.
        [backend, &*workspace.to_string_lossy(), model, session].map(|part| part.replace('\0', "")).join("\0")
    }
}

/// What an agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// There is no process.
    #[default]
    Absent,
    /// It is being started.
    Starting,
    /// It answers a prompt.
    Busy,
    /// It waits for a prompt.
    Idle,
}

impl Phase {
    /// One word for people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Starting => "starting",
            Self::Busy => "busy",
            Self::Idle => "idle",
        }
    }
}

/// The place of one agent.
pub(crate) struct Slot {
    pub(crate) key: Key,
    /// Whoever holds it has the agent for himself. Waiters are served in order.
    pub(crate) live: Arc<tokio::sync::Mutex<Option<Live>>>,
    facts: Mutex<Facts>,
}

struct Facts {
    idle: Idle,
    timer: Option<AbortHandle>,
    running: Option<Arc<dyn Running>>,
    phase: Phase,
    since: Instant,
    stopped: Option<&'static str>,
}

/// What others see of an agent.
pub(crate) struct Seen {
    pub(crate) running: Option<Arc<dyn Running>>,
    pub(crate) phase: Phase,
    pub(crate) since: Instant,
    pub(crate) due: Option<Instant>,
}

impl Slot {
    pub(crate) fn new(key: Key) -> Self {
        let facts = Facts {
            idle: Idle::default(),
            timer: None,
            running: None,
            phase: Phase::Absent,
            since: Instant::now(),
            stopped: None,
        };
        Self { key, live: Arc::default(), facts: Mutex::new(facts) }
    }

    fn info(&self, running: Option<&Arc<dyn Running>>, what: &str, delay: Option<Duration>) {
        let Key { backend, workspace, model, session } = &self.key;
        let pid = running.map(|running| running.pid());
        let idle_seconds = delay.map(|delay| delay.as_secs_f64());
        tracing::info!(backend, pid, workspace = %workspace.display(), model, session, idle_seconds, "{what}");
    }

    /// A turn has the agent, or is about to start one.
    pub(crate) fn turn_began(&self, phase: Phase) {
        let mut facts = self.facts.lock();
        if let Some(timer) = facts.timer.take() {
            timer.abort();
        }
        if facts.idle.turn_began() {
            self.info(facts.running.as_ref(), "idle kill of an agent cancelled: it is used again", None);
        }
        (facts.phase, facts.since) = (phase, Instant::now());
    }

    /// The agent of this turn is there.
    pub(crate) fn started(&self, running: Arc<dyn Running>) {
        let mut facts = self.facts.lock();
        facts.running = Some(running);
        (facts.phase, facts.since, facts.stopped) = (Phase::Busy, Instant::now(), None);
    }

    /// A turn is over and the agent lives: a kill is scheduled after `delay`, and told to `arm`, which starts its timer.
    pub(crate) fn turn_ended(&self, delay: Option<Duration>, arm: impl FnOnce(Scheduled) -> AbortHandle) {
        let mut facts = self.facts.lock();
        (facts.phase, facts.since) = (Phase::Idle, Instant::now());
        let scheduled = facts.idle.turn_ended(Instant::now().into_std(), delay);
        if let Some(scheduled) = scheduled {
            self.info(facts.running.as_ref(), "idle kill of an agent scheduled", delay);
            facts.timer = Some(arm(scheduled));
        }
    }

    /// The agent is gone.
    pub(crate) fn gone(&self) {
        let mut facts = self.facts.lock();
        if let Some(timer) = facts.timer.take() {
            timer.abort();
        }
        if facts.idle.gone() {
            self.info(facts.running.as_ref(), "idle kill of an agent cancelled: it is gone", None);
        }
        (facts.running, facts.phase, facts.since) = (None, Phase::Absent, Instant::now());
    }

    /// Its idle timer went off: is it to be ended? To be asked by who holds the agent.
    pub(crate) fn fired(&self, generation: Generation) -> bool {
        let mut facts = self.facts.lock();
        let is_due = facts.idle.fired(generation);
        if is_due {
            facts.timer = None;
        }
        is_due
    }

    /// Tells that the idle kill was carried out.
    pub(crate) fn executed(&self, running: &Arc<dyn Running>) {
        self.info(Some(running), "idle kill of an agent executed", None);
    }

    pub(crate) fn seen(&self) -> Seen {
        let facts = self.facts.lock();
        let due = facts.idle.due().map(Instant::from_std);
        Seen { running: facts.running.clone(), phase: facts.phase, since: facts.since, due }
    }

    /// The agent is about to be ended from outside; a turn that it has will fail for this reason.
    pub(crate) fn stop(&self, why: &'static str) -> Option<Arc<dyn Running>> {
        let mut facts = self.facts.lock();
        facts.stopped = Some(why);
        facts.running.clone()
    }

    /// Why it was ended from outside, if it was.
    pub(crate) fn stopped(&self) -> Option<&'static str> {
        self.facts.lock().stopped
    }
}
