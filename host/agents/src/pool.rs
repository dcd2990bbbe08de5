//! All agents: found or started for a turn, kept for the next one, ended when nobody talks to them.
use crate::acp::setup::Offered;
use crate::describe::Description;
use crate::fault;
use crate::launch::{Command, Launch, Nothing, Sameness};
use crate::limits::{Limits, Place};
use crate::lists::{List, Lists};
use crate::live::Live;
use crate::once::{self, Output};
use crate::out::{Answer, First, Out};
use crate::rules::{Ask, Row, Rules};
use crate::slot::{Key, Phase, Slot};
use crate::task::Task;
use crate::turn::{Ended, Prompt};
use crate::{program, workspace};
use base::{Fault, Kind};
use futures_util::future::join_all;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long the ends of all agents are waited for when the host ends.
const SHUTDOWN: Duration = Duration::from_secs(6);

/// The pool. Clones are the same pool.
#[derive(Clone)]
pub struct Agents(Arc<Pool>);

impl std::fmt::Debug for Agents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agents").field("slots", &self.0.slots.lock().len()).finish_non_exhaustive()
    }
}

/// A pool that starts nothing.
impl Default for Agents {
    fn default() -> Self {
        Self::new(Rules::default(), Nothing)
    }
}

pub(crate) struct Pool {
    rules: Rules,
    launch: Box<dyn Launch>,
    pub(crate) limits: Limits,
    lists: Lists,
    pub(crate) slots: Mutex<HashMap<Key, Arc<Slot>>>,
    is_closing: AtomicBool,
    /// Agents may have gone.
    gone: Notify,
}

impl Agents {
    /// A pool without agents.
    pub fn new(rules: Rules, launch: impl Launch + 'static) -> Self {
        let limits = Limits::new(rules.agents_max, rules.of_backend_max);
        let launch = Box::new(launch);
        let is_closing = AtomicBool::new(false);
        let (lists, slots, gone) = (Lists::default(), Mutex::default(), Notify::new());
        Self(Arc::new(Pool { rules, launch, limits, lists, slots, is_closing, gone }))
    }

    /// Carries out one turn. The answer begins when the agent has said something; dropping it cancels the turn.
    ///
    /// # Errors
    /// What failed before that.
    pub fn turn(&self, ask: Ask) -> impl Future<Output = Result<Answer, Fault>> + Send + use<> {
        let begun = self.read(ask).and_then(|task| self.begin(task));
        answer(begun)
    }

    /// Reads a turn, and starts nothing.
    ///
    /// # Errors
    /// It cannot be read, or names no workspace that agents may work in.
    pub fn read(&self, ask: Ask) -> Result<Task, Fault> {
        Task::read(ask, &self.0.rules)
    }

    /// As [`Self::turn`], for a turn that has been read.
    ///
    /// # Errors
    /// As [`Self::turn`].
    pub fn carry_out(&self, task: Task) -> impl Future<Output = Result<Answer, Fault>> + Send + use<> {
        answer(self.begin(task))
    }

    /// No future: what it moves is moved once.
    fn begin(&self, task: Task) -> Result<(First, Answer), Fault> {
        let (out, first, answer) = Out::new()?;
        let (pool, slot) = (Arc::clone(&self.0), self.0.slot(&task.key));
        tokio::spawn(pool.carry_out(slot, task, out));
        Ok((first, answer))
    }

    /// The models that an agent of `backend` offers. Where none has told lately, one is started and ended again, also when nobody waits
    /// for it any more: the next one who asks gets the list.
    ///
    /// # Errors
    /// It cannot be started, or is not logged in.
    pub async fn models(&self, backend: &str, agent: &[u8]) -> Result<Vec<Offered>, Fault> {
        let (description, command) = self.0.outside_turns(agent)?;
        let (pool, backend) = (Arc::clone(&self.0), backend.to_owned());
        let asking = tokio::spawn(async move {
            let entry = pool.lists.entry(&backend);
            let mut list = entry.lock().await;
            if let Some(models) = list.as_ref().and_then(List::fresh) {
                return Ok(models);
            }
            let place = pool.place(&backend, &description, Instant::now() + pool.rules.queue).await?;
            let live = pool.start(&command, &description, place).await?;
            let told = List::of(&live.opened);
            live.end().await;
            let models = told.fresh().unwrap_or_default();
            *list = Some(told);
            Ok(models)
        });
        asking.await.unwrap_or_else(|e| Err(Fault::host(Kind::Internal, "internal error").source(e)))
    }

    /// Runs the program of `agent` once, with its arguments, for `time` at the most.
    ///
    /// # Errors
    /// It cannot be started, or is not done in time.
    pub async fn command(&self, agent: &[u8], time: Duration) -> Result<Output, Fault> {
        let (_, command) = self.0.outside_turns(agent)?;
        once::run(&*self.0.launch, &command, time.min(self.0.rules.start * 2)).await
    }

    /// Is there the agent that [`Task::agent`] names, or is one to be?
    pub fn has(&self, agent: &str) -> bool {
        self.0.slots.lock().keys().any(|key| key.text() == agent)
    }

    /// Until agents may have gone. One waits at a time.
    pub async fn gone(&self) {
        self.0.gone.notified().await;
    }

    /// All agents, by backend and pid.
    pub fn list(&self) -> Vec<Row> {
        let slots: Vec<Arc<Slot>> = self.0.slots.lock().values().map(Arc::clone).collect();
        let now = Instant::now();
        let row = |slot: &Arc<Slot>| {
            let seen = slot.seen();
            let Key { backend, workspace, model, session } = slot.key.clone();
            let running = seen.running.as_ref();
            (seen.phase != Phase::Absent).then(|| Row {
                pid: running.map(|running| running.pid()),
                backend,
                workspace: workspace.display().to_string(),
                model,
                session,
                phase: seen.phase,
                for_time: now.saturating_duration_since(seen.since),
                memory_bytes: running.and_then(|running| running.memory_bytes()),
                ends_in: seen.due.map(|due| due.saturating_duration_since(now)),
            })
        };
        let mut rows: Vec<Row> = slots.iter().filter_map(row).collect();
        rows.sort_by(|a, b| (&a.backend, a.pid).cmp(&(&b.backend, b.pid)));
        rows
    }

    /// Ends the agent with this pid, whatever it does. False: there is none.
    pub async fn stop(&self, pid: u32) -> bool {
        let bears = |slot: &&Arc<Slot>| slot.seen().running.is_some_and(|running| running.pid() == pid);
        let slot = self.0.slots.lock().values().find(bears).map(Arc::clone);
        match slot {
            Some(slot) => self.0.end_now(&slot, "the agent was stopped by the operator").await,
            None => false,
        }
    }

    /// Ends all agents and starts no more.
    pub async fn shutdown(&self) {
        self.0.is_closing.store(true, Ordering::SeqCst);
        let slots: Vec<Arc<Slot>> = self.0.slots.lock().values().map(Arc::clone).collect();
        let ends = slots.iter().map(|slot| self.0.end_now(slot, "the host is ending"));
        if timeout(SHUTDOWN, join_all(ends)).await.is_err() {
            tracing::error!("not all agents ended in time");
        }
    }
}

/// The answer of a turn that has begun, once there is one.
async fn answer(begun: Result<(First, Answer), Fault>) -> Result<Answer, Fault> {
    let (first, answer) = begun?;
    match first.await {
        Ok(first) => first.map(|()| answer),
        Err(_) => Err(Fault::host(Kind::Internal, "internal error")),
    }
}

impl Pool {
    /// What is started where no conversation says where: in the backend's own workspace, else where nothing is.
    fn outside_turns(&self, agent: &[u8]) -> Result<(Description, Command), Fault> {
        let description = Description::read(agent).map_err(|why| Fault::plugin(Kind::Internal, why))?;
        let own = description.workspace.as_deref();
        let workspace = workspace::choose(None, own, self.rules.allows_system_dirs);
        let workspace = workspace.unwrap_or_else(|_| std::env::temp_dir());
        let command = program::command(&description, &workspace, &self.rules.env, &self.rules.hidden_env)?;
        Ok((description, command))
    }

    async fn carry_out(self: Arc<Self>, slot: Arc<Slot>, task: Task, mut out: Out) {
        let result = self.try_out(&slot, &task, &mut out).await;
        self.tidy(&slot);
        match result {
            Ok(mut last) => out.send(&mut last).await,
            Err(fault) => out.fail(fault).await,
        }
    }

    /// The turn up to its last words, which are handed on when the agent is free again: clients stop reading there.
    async fn try_out(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: &Task,
        out: &mut Out,
    ) -> Result<Vec<lip_wire::canon::Event>, Fault> {
        let by = Instant::now() + self.rules.queue;
        let waited = tokio::select! {
            () = out.closed() => return Ok(Vec::new()),
            guard = timeout_at(by, Arc::clone(&slot.live).lock_owned()) => guard,
        };
        let mut guard =
            waited.map_err(|_| fault::crowded("the agent is busy with another turn".to_owned()))?;
        let mut live = self.ready(slot, &mut guard, task, by).await?;
        let prompt = Prompt {
            backend: &task.key.backend,
            description: &task.description,
            request: &task.request,
            policy: task.description.permissions.unwrap_or(self.rules.permissions),
            silence: task.description.silence().unwrap_or(self.rules.silence),
            cancel: self.rules.cancel,
        };
        // Nobody wants it any more: the agent is as if its turn had been.
        let ended = if out.is_closed() { Ended::Cancelled } else { prompt.run(&mut live, out).await };
        let (last, is_dead) = match ended {
            Ended::Done(last) => (Ok(last), false),
            Ended::Failed(fault) => (Err(fault), false),
            Ended::Cancelled => (Ok(Vec::new()), false),
            Ended::Dead(fault) => (Err(fault), true),
        };
        if is_dead || self.is_closing.load(Ordering::SeqCst) || slot.stopped().is_some() {
            let fault = slot.stopped().map(|why| Fault::host(Kind::Unavailable, why).code("agent_stopped"));
            slot.gone();
            live.end().await;
            return fault.map_or(last, Err);
        }
        *guard = Some(live);
        self.park(slot, &task.description, &mut guard).await;
        last
    }

    /// The agent of this slot, started if need be.
    async fn ready(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        guard: &mut OwnedMutexGuard<Option<Live>>,
        task: &Task,
        by: Instant,
    ) -> Result<Live, Fault> {
        if self.is_closing.load(Ordering::SeqCst) {
            return Err(Fault::host(Kind::Unavailable, "the host is ending"));
        }
        if let Some(live) = guard.take() {
            slot.turn_began(Phase::Busy);
            if timeout(Duration::ZERO, live.running.ended()).await.is_err() {
                return Ok(live);
            }
            // It went by itself while nobody talked to it.
            tracing::info!(
                backend = slot.key.backend,
                pid = live.running.pid(),
                "an idle agent had ended by itself"
            );
            slot.gone();
            live.end().await;
        }
        slot.turn_began(Phase::Starting);
        let started = match self.place(&task.key.backend, &task.description, by).await {
            Ok(place) => self.start(&task.command, &task.description, place).await,
            Err(fault) => Err(fault),
        };
        match started {
            Ok(live) => {
                slot.started(Arc::clone(&live.running));
                self.lists.learn(&slot.key.backend, &live.opened);
                Ok(live)
            }
            Err(fault) => {
                slot.gone();
                Err(fault)
            }
        }
    }

    async fn start(&self, command: &Command, description: &Description, place: Place) -> Result<Live, Fault> {
        let patience = description.start().unwrap_or(self.rules.start);
        Live::start(&*self.launch, command, description, (patience, &self.rules.version), place).await
    }

    /// A turn is over: the agent waits for the next one, or goes if somebody waits for its place.
    async fn park(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        description: &Description,
        guard: &mut OwnedMutexGuard<Option<Live>>,
    ) {
        let delay = self.rules.idle_kill.filter(|_| !description.keeps_idle);
        let (pool, own) = (Arc::downgrade(self), Arc::downgrade(slot));
        slot.turn_ended(delay, |scheduled| {
            let timer = async move {
                sleep_until(Instant::from_std(scheduled.at)).await;
                Self::fired(pool, own, scheduled.generation).await;
            };
            tokio::spawn(timer).abort_handle()
        });
        if self.limits.is_wanted(&slot.key.backend)
            && let Some(live) = guard.take()
        {
            slot.gone();
            live.end().await;
        }
    }

    /// An idle timer went off. What it does from here on must not be cut off by the end of its timer.
    async fn fired(pool: Weak<Self>, slot: Weak<Slot>, generation: crate::idle::Generation) {
        let (Some(pool), Some(slot)) = (pool.upgrade(), slot.upgrade()) else { return };
        tokio::spawn(async move {
            let Ok(mut guard) = Arc::clone(&slot.live).try_lock_owned() else {
                tracing::info!(backend = slot.key.backend, "idle kill of an agent skipped: a turn has it");
                return;
            };
            if !slot.fired(generation) {
                return;
            }
            let Some(live) = guard.take() else { return };
            let running = Arc::clone(&live.running);
            let (sameness, pid) = (running.sameness(), running.pid());
            slot.gone();
            // Ends it by its handle; what is not known to be of it is never signalled.
            live.end().await;
            match sameness {
                Sameness::Other => {
                    tracing::info!(pid, "idle kill of an agent skipped: another process bears its pid");
                }
                Sameness::Unknown => {
                    tracing::debug!(pid, "identity unknown: only the handle was used");
                    slot.executed(&running);
                }
                Sameness::Same | Sameness::Gone => slot.executed(&running),
            }
            drop(guard);
            pool.tidy(&slot);
        });
    }

    async fn end_now(&self, slot: &Arc<Slot>, why: &'static str) -> bool {
        let Some(running) = slot.stop(why) else { return false };
        if let Ok(mut guard) = Arc::clone(&slot.live).try_lock_owned()
            && let Some(live) = guard.take()
        {
            slot.gone();
            live.end().await;
            drop(guard);
            self.tidy(slot);
        } else {
            // A turn has it, which notices its end.
            running.kill().await;
        }
        true
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        Arc::clone(slots.entry(key.clone()).or_insert_with(|| Arc::new(Slot::new(key.clone()))))
    }

    /// Forgets a slot without an agent that nobody waits for.
    pub(crate) fn tidy(&self, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock();
        // One for the map, one for the caller.
        if Arc::strong_count(slot) <= 2 && slot.seen().phase == Phase::Absent {
            slots.remove(&slot.key);
            self.gone.notify_one();
        }
    }
}
