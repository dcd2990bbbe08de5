//! A task, where its library runs.
#[cfg(target_os = "linux")]
use crate::cage::RemoteTask;
use lip_abi::TaskBox;

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
}
