//! Where the answer to the step of one task is put.
use base::Fault;
use futures_util::task::AtomicWaker;
use lip_abi::{Step, StepOut};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// What a step brought.
pub(crate) struct Reply {
    pub(crate) step: Step,
    pub(crate) out: StepOut,
    pub(in super::super) woken: bool,
}

/// Where the answer to what is under way is put.
#[derive(Default)]
pub(in super::super) struct Slot {
    reply: Mutex<Option<Result<Reply, Fault>>>,
    waker: AtomicWaker,
    /// When the step that is under way began, in µs of the link's own clock and 1 more; 0 for none.
    pub(super) since: AtomicU64,
    /// Processor time of the worker when it was first seen to be late, in ms and 1 more.
    pub(super) cpu: AtomicU64,
    /// How long it had waited for a processor then, in ms.
    pub(super) waited: AtomicU64,
}

impl Slot {
    pub(super) fn put(&self, reply: Result<Reply, Fault>) {
        self.since.store(0, Ordering::Release);
        *self.reply.lock() = Some(reply);
        self.waker.wake();
    }

    /// Has something come?
    pub(in super::super) fn is_answered(&self) -> bool {
        self.reply.lock().is_some()
    }

    /// What came, once it has.
    pub(in super::super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Reply, Fault>> {
        if let Some(reply) = self.reply.lock().take() {
            return Poll::Ready(reply);
        }
        self.waker.register(cx.waker());
        match self.reply.lock().take() {
            Some(reply) => Poll::Ready(reply),
            None => Poll::Pending,
        }
    }
}
