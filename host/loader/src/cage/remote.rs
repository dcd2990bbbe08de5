//! A task that runs in a worker: what `resume` is to a library in process, in two halves.
use super::Cage;
use super::bell;
use super::frame::{Ask, Moment};
use super::link::{GLANCE, Link, Reply, Slot};
use crate::run;
use base::Fault;
use bytes::Bytes;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{Buf, Completion};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What makes an instance in each life of the worker.
#[derive(Debug)]
pub(crate) struct RemoteInstance {
    pub(super) cage: Arc<Cage>,
    pub(super) n: u64,
    pub(super) connector: String,
    pub(super) instance: String,
    pub(super) config: Bytes,
}

impl RemoteInstance {
    pub(super) fn creation(&self) -> Ask {
        Ask::Create {
            n: self.n,
            connector: self.connector.clone(),
            instance: self.instance.clone(),
            config: self.config.clone(),
        }
    }

    /// Tells the worker, if there is one, that no new task will be started.
    pub(crate) fn shutdown(&self) {
        self.cage.tell(&Ask::Shutdown { n: self.n });
    }
}

impl Drop for RemoteInstance {
    fn drop(&mut self) {
        self.cage.tell(&Ask::Forget { n: self.n });
    }
}

type Entering = Pin<Box<dyn Future<Output = Result<Arc<Link>, Fault>> + Send>>;

/// What a task is started with.
pub(crate) struct Beginning {
    pub(crate) key: u64,
    pub(crate) what: String,
    pub(crate) meta: Buf,
    pub(crate) body: Buf,
}

enum State {
    /// The worker is being started, or the instance in it.
    Entering(Entering, Option<Beginning>),
    /// A step is under way.
    Stepping,
    /// The next move is the host's.
    Idle,
    /// It is over.
    Over,
}

/// One task in a worker. Dropping it cancels it there.
pub(crate) struct RemoteTask {
    key: u64,
    n: u64,
    state: State,
    at: Option<(Arc<Link>, Arc<Slot>)>,
    /// The step has only just begun, and its answer is looked for until then.
    looks_until: Option<u64>,
}

impl RemoteTask {
    /// A task of `instance`, which begins with the first poll.
    pub(crate) fn new(instance: &Arc<RemoteInstance>, beginning: Beginning) -> Self {
        let (key, n) = (beginning.key, instance.n);
        let link = instance.cage.link_with(instance.n);
        if let Some(link) = link {
            let mut task = Self { key, n, state: State::Idle, at: None, looks_until: None };
            task.begin(link, beginning);
            return task;
        }
        let instance = Arc::clone(instance);
        let entering = async move {
            let link = instance.cage.link().await?;
            link.ensure(instance.n, || instance.creation()).await?;
            Ok(link)
        };
        Self {
            key,
            n,
            state: State::Entering(Box::pin(entering), Some(beginning)),
            at: None,
            looks_until: None,
        }
    }

    fn begin(&mut self, link: Arc<Link>, Beginning { key, what, meta, body }: Beginning) {
        let slot = link.open(key);
        let moment = moment();
        link.step(&slot, &Ask::Start { n: self.n, key, moment, what, meta, body });
        self.at = Some((link, slot));
        (self.state, self.looks_until) = (State::Stepping, Some(moment.looks_until));
    }

    /// Is a step under way? Then nothing else of the task may move.
    pub(crate) const fn is_busy(&self) -> bool {
        matches!(self.state, State::Stepping | State::Entering(..))
    }

    /// Begins a step with these completions.
    pub(crate) fn resume(&mut self, done: RVec<Completion>) {
        if let (State::Idle, Some((link, slot))) = (&self.state, &self.at) {
            let moment = moment();
            link.step(slot, &Ask::Resume { key: self.key, moment, done });
            (self.state, self.looks_until) = (State::Stepping, Some(moment.looks_until));
        }
    }

    /// What the step that is under way brought.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Fault>> {
        if let State::Entering(entering, beginning) = &mut self.state {
            let entered = ready!(entering.as_mut().poll(cx));
            let beginning = beginning.take();
            self.state = State::Over;
            match (entered, beginning) {
                (Ok(link), Some(beginning)) => self.begin(link, beginning),
                (Err(fault), _) => return Poll::Ready(Err(fault)),
                (Ok(_), None) => {}
            }
        }
        let Some((link, slot)) = &self.at else { return Poll::Pending };
        if let Some(until) = self.looks_until.take() {
            link.glance(slot, until);
        }
        let reply = ready!(slot.poll(cx));
        self.state = match &reply {
            Ok(reply) if matches!(reply.step, lip_abi::Step::Pending) => State::Idle,
            _ => State::Over,
        };
        if let Ok(reply) = &reply
            && reply.woken
        {
            run::wake(self.key);
        }
        Poll::Ready(reply)
    }
}

impl Drop for RemoteTask {
    fn drop(&mut self) {
        if let Some((link, _)) = self.at.take() {
            link.forget(self.key, !matches!(self.state, State::Over));
        }
    }
}

/// Now, for a step whose answer is looked for at once.
fn moment() -> Moment {
    Moment { now_ms: now_ms(), looks_until: bell::after(GLANCE) }
}

/// Milliseconds since 1970, as a worker's library sees them.
pub(super) fn now_ms() -> u64 {
    crate::host_fns::now_ms()
}
