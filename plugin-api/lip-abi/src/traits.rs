//! The two trait objects that a library hands to the host.
use crate::{AbiError, Buf, Completion, Step, StepOut};
use abi_stable::{
    sabi_trait,
    std_types::{RBox, RResult, RStr, RVec},
};

/// One request inside a library. Called by one thread at a time; dropping it is cancellation.
#[sabi_trait]
pub trait Task: Send {
    /// Takes what has completed and says what to do next. Must not block.
    #[sabi(last_prefix_field)]
    fn resume(&mut self, done: &mut RVec<Completion>, out: &mut StepOut) -> Step;
}

/// An owned task.
pub type TaskBox = Task_TO<'static, RBox<()>>;

/// One configured instance of a connector.
#[sabi_trait]
pub trait ConnectorObj: Send + Sync {
    /// Starts the task `key`. `what`: `turn`, `models`, `count_tokens`, `health`, …; `meta`: JSON envelope; `body`: the request in its dialect.
    fn start(&self, key: u64, what: RStr<'_>, meta: Buf, body: Buf) -> RResult<TaskBox, AbiError>;
    /// No new task will be started. Running ones go on.
    #[sabi(last_prefix_field)]
    fn shutdown(&self);
    /// Since 1.2. How the instance is: a JSON object, for people who look at it; empty when there is nothing to say. Performs no IO.
    fn status(&self) -> Buf {
        Buf::empty()
    }
}

/// An owned connector instance.
pub type ConnectorBox = ConnectorObj_TO<'static, RBox<()>>;
