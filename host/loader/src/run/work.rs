//! A task, where its library runs.
#[cfg(target_os = "linux")]
use crate::cage::RemoteTask;
use crate::guest::visit;
use crate::plugin::Turn;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{Completion, Step, StepOut, TaskBox};
use std::time::Instant;

/// A task.
pub(crate) enum Work {
    /// In this process.
    Here(TaskBox),
    /// In a worker.
    #[cfg(target_os = "linux")]
    There(RemoteTask),
}

impl Work {
    /// Is a step under way? Then nothing of the task may move until it has ended.
    pub(super) const fn is_busy(&self) -> bool {
        match self {
            Self::Here(_) => false,
            #[cfg(target_os = "linux")]
            Self::There(task) => task.is_busy(),
        }
    }

    /// Drops it: destructors of the library's are its code as well.
    pub(super) fn let_go(self, turn: Option<&Turn>) {
        match (self, turn) {
            (Self::Here(task), Some(turn)) => visit(turn.stats().seats(), || drop(task)),
            (task, _) => drop(task),
        }
    }
}

impl super::Run {
    /// Is a step of its under way in a worker, or the worker being started?
    pub(crate) fn is_busy(&self) -> bool {
        self.task.as_ref().is_some_and(Work::is_busy)
    }
}

/// One step in this process, watched and counted for `turn`.
pub(super) fn step(
    task: &mut TaskBox,
    turn: Option<&Turn>,
    done: &mut RVec<Completion>,
    out: &mut StepOut,
) -> Step {
    let Some(turn) = turn else { return task.resume(done, out) };
    let began = Instant::now();
    let step = visit(turn.stats().seats(), || task.resume(done, out));
    turn.stats().step_ended(began.elapsed());
    if let Step::Failed(error) = &step {
        turn.stats().failed(error);
    }
    step
}
