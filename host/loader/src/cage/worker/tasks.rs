//! The tasks and instances of a worker. A task is stepped by one thread at a time, since the host asks for one step at a time.
use super::super::frame::{EVENTS_MAX, OPS_MAX, Tell};
use super::host;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{AbiError, Completion, ConnectorBox, Step, StepOut, TaskBox};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

enum Entry {
    /// It waits.
    Idle(TaskBox),
    /// A thread steps it.
    Stepping,
    /// A thread steps it, and the host does not want it any more.
    Dropped,
}

struct Known {
    entry: Entry,
    /// The host has been told that it wants to be resumed.
    is_told: bool,
}

#[derive(Default)]
pub(super) struct Tasks {
    tasks: Mutex<HashMap<u64, Known>>,
    instances: Mutex<HashMap<u64, Arc<ConnectorBox>>>,
}

pub(super) fn failed(key: u64, error: AbiError) -> Tell {
    Tell::Stepped { key, woken: false, step: Step::Failed(error), out: StepOut::default() }
}

impl Tasks {
    pub(super) fn add_instance(&self, n: u64, object: ConnectorBox) {
        let before = self.instances.lock().insert(n, Arc::new(object));
        drop(before);
    }

    pub(super) fn instance(&self, n: u64) -> Option<Arc<ConnectorBox>> {
        self.instances.lock().get(&n).map(Arc::clone)
    }

    pub(super) fn forget_instance(&self, n: u64) {
        let instance = self.instances.lock().remove(&n);
        drop(instance);
    }

    /// A task that this thread is about to step.
    pub(super) fn enter(&self, key: u64) {
        let before = self.tasks.lock().insert(key, Known { entry: Entry::Stepping, is_told: false });
        drop(before);
    }

    /// Takes a waiting task, to be stepped.
    pub(super) fn take(&self, key: u64) -> Option<TaskBox> {
        let mut tasks = self.tasks.lock();
        let known = tasks.get_mut(&key)?;
        known.is_told = false;
        match std::mem::replace(&mut known.entry, Entry::Stepping) {
            Entry::Idle(task) => Some(task),
            other => {
                known.entry = other;
                None
            }
        }
    }

    /// Steps a task that was taken or entered. Its code runs without any lock.
    pub(super) fn step(&self, key: u64, mut task: TaskBox, now_ms: u64, done: &mut RVec<Completion>) -> Tell {
        let mut out = StepOut::default();
        let (mut step, woken) = host::at(key, now_ms, || task.resume(done, &mut out));
        if out.ops.len() > OPS_MAX || out.events.len() > EVENTS_MAX {
            out = StepOut::default();
            let detail = r#"{"message": "the connector asked for too much in one step"}"#;
            step = Step::Failed(AbiError { code: "internal".into(), detail: detail.into() });
        }
        let mut over = None;
        let mut tasks = self.tasks.lock();
        match tasks.get_mut(&key) {
            Some(known) if matches!(step, Step::Pending) && matches!(known.entry, Entry::Stepping) => {
                known.entry = Entry::Idle(task);
            }
            _ => {
                tasks.remove(&key);
                over = Some(task);
            }
        }
        drop(tasks);
        drop(over);
        Tell::Stepped { key, woken, step, out }
    }

    /// The host does not want it any more.
    pub(super) fn remove(&self, key: u64) {
        let mut tasks = self.tasks.lock();
        let Some(known) = tasks.get_mut(&key) else { return };
        let over = match std::mem::replace(&mut known.entry, Entry::Dropped) {
            Entry::Idle(task) => {
                tasks.remove(&key);
                Some(task)
            }
            Entry::Stepping | Entry::Dropped => None,
        };
        drop(tasks);
        drop(over);
    }

    /// Has the host to be told that the task wants to be resumed? Once until it is.
    pub(super) fn is_to_be_told(&self, key: u64) -> bool {
        let mut tasks = self.tasks.lock();
        tasks.get_mut(&key).is_some_and(|known| !std::mem::replace(&mut known.is_told, true))
    }
}
