//! Turns an author's `async fn` into a step function. Knows no thread, no timer, no socket.
use crate::{Ctx, Error, Result, glue::caught};
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{Completion, Event, HostFns_Ref, Op, Step, StepOut, Task};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

/// Events that a task may produce before it has to let the host take them.
const EVENTS_PER_STEP: usize = 64;

enum Slot {
    Waiting(Option<Waker>),
    Ready(Completion),
}

#[derive(Default)]
struct Inner {
    last_id: u64,
    slots: Vec<(u64, Slot)>,
    ops: Vec<Op>,
    cancels: Vec<u64>,
    events: Vec<Event>,
    drained: Option<Waker>,
}

/// What the author's future and the step function share.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    pub(crate) host: HostFns_Ref,
}

impl Shared {
    pub(crate) fn new(host: HostFns_Ref) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), host })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn start(self: &Arc<Self>, mut op: Op) -> OpFuture {
        let mut inner = self.lock();
        inner.last_id += 1;
        op.id = inner.last_id;
        inner.slots.push((op.id, Slot::Waiting(None)));
        let id = op.id;
        inner.ops.push(op);
        drop(inner);
        OpFuture { id, shared: Arc::clone(self), taken: false }
    }

    /// An operation whose completion nobody waits for.
    pub(crate) fn tell(&self, mut op: Op) {
        let mut inner = self.lock();
        inner.last_id += 1;
        op.id = inner.last_id;
        inner.ops.push(op);
    }

    pub(crate) fn emit(&self, event: Event) {
        self.lock().events.push(event);
    }
}

/// Waits for the completion of one operation. Dropping it cancels the operation.
#[must_use = "an operation that is not awaited is cancelled"]
pub struct OpFuture {
    id: u64,
    shared: Arc<Shared>,
    taken: bool,
}

impl std::fmt::Debug for OpFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpFuture({})", self.id)
    }
}

impl Future for OpFuture {
    type Output = Completion;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Completion> {
        let shared = Arc::clone(&self.shared);
        let mut inner = shared.lock();
        let Some(at) = inner.slots.iter().position(|(id, _)| *id == self.id) else {
            return Poll::Pending; // polled again after it was ready: nothing will come
        };
        if let Some((_, Slot::Waiting(waker))) = inner.slots.get_mut(at) {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        let (_, slot) = inner.slots.swap_remove(at);
        drop(inner);
        self.taken = true;
        match slot {
            Slot::Ready(completion) => Poll::Ready(completion),
            Slot::Waiting(_) => Poll::Pending,
        }
    }
}

impl Drop for OpFuture {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut inner = self.shared.lock();
        if let Some(at) = inner.slots.iter().position(|(id, _)| *id == self.id) {
            let late = inner.slots.swap_remove(at);
            inner.cancels.push(self.id);
            drop(inner);
            drop(late);
        }
    }
}

/// Resolves when the host has room for more events.
pub(crate) struct Room(pub(crate) Arc<Shared>);

impl Future for Room {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.0.lock();
        if inner.events.len() < EVENTS_PER_STEP {
            return Poll::Ready(());
        }
        inner.drained = Some(cx.waker().clone());
        Poll::Pending
    }
}

const IDLE: u8 = 0;
const RUNNING: u8 = 1;

struct RootWaker {
    key: u64,
    host: HostFns_Ref,
    state: AtomicU8,
    woken: AtomicBool,
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) && self.state.load(Ordering::Acquire) == IDLE {
            (self.host.wake())(self.key);
        }
    }
}

type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The step function of one author's future.
pub(crate) struct AsyncTask {
    work: Option<Work>,
    root: Arc<RootWaker>,
    waker: Waker,
    shared: Arc<Shared>,
}

impl AsyncTask {
    pub(crate) fn new<F>(key: u64, host: HostFns_Ref, work: impl FnOnce(Ctx) -> F) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let shared = Shared::new(host);
        let root =
            Arc::new(RootWaker { key, host, state: AtomicU8::new(IDLE), woken: AtomicBool::new(false) });
        let work: Work = Box::pin(work(Ctx { shared: Arc::clone(&shared) }));
        Self { work: Some(work), waker: Arc::clone(&root).into(), root, shared }
    }

    fn deliver(&self, done: &mut RVec<Completion>) {
        for completion in done.drain(..) {
            let mut inner = self.shared.lock();
            let slot = inner.slots.iter_mut().find(|(id, _)| *id == completion.id);
            // No slot: it was cancelled or nobody waits.
            let waker = slot.and_then(|(_, slot)| match std::mem::replace(slot, Slot::Ready(completion)) {
                Slot::Waiting(waker) => waker,
                Slot::Ready(_) => None,
            });
            drop(inner);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        let drained = self.shared.lock().drained.take();
        if let Some(waker) = drained {
            waker.wake();
        }
    }

    fn step(&mut self, done: &mut RVec<Completion>) -> Step {
        self.root.state.store(RUNNING, Ordering::Release);
        self.deliver(done);
        let step = loop {
            let Some(work) = self.work.as_mut() else {
                break Step::Done;
            };
            self.root.woken.store(false, Ordering::Release);
            match work.as_mut().poll(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(result) => {
                    self.work = None;
                    break match result {
                        Ok(()) => Step::Done,
                        Err(error) => Step::Failed(error.into()),
                    };
                }
                Poll::Pending if self.root.woken.load(Ordering::Acquire) => {}
                Poll::Pending => break Step::Pending,
            }
        };
        self.root.state.store(IDLE, Ordering::Release);
        // A wake between the last poll and the store above must not be lost, and a task that waits for room
        // has to be resumed once its events are taken.
        let waits_for_room = self.shared.lock().drained.is_some();
        if matches!(step, Step::Pending) && (waits_for_room || self.root.woken.load(Ordering::Acquire)) {
            (self.root.host.wake())(self.root.key);
        }
        step
    }
}

impl Task for AsyncTask {
    fn resume(&mut self, done: &mut RVec<Completion>, out: &mut StepOut) -> Step {
        let step = match caught(|| self.step(done)) {
            Ok(step) => step,
            Err(message) => {
                // The half-run future's destructors are author code as well.
                let work = self.work.take();
                let _ = caught(move || drop(work));
                Step::Failed(Error::new("panic", message).into())
            }
        };
        let mut inner = self.shared.lock();
        out.ops.extend(inner.ops.drain(..));
        out.cancels.extend(inner.cancels.drain(..));
        out.events.extend(inner.events.drain(..));
        step
    }
}

impl Drop for AsyncTask {
    fn drop(&mut self) {
        let work = self.work.take();
        let _ = caught(move || drop(work));
    }
}
