//! The records of the step function. Frozen for all of 1.x: spare fields are there for later kinds.
use crate::Buf;
use abi_stable::{StableAbi, std_types::RVec};

/// Library to host: do this. The host answers each with exactly one [`Completion`], unless it is cancelled.
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct Op {
    /// Chosen by the library, never reused within a task.
    pub id: u64,
    /// One of [`crate::op`].
    pub kind: u32,
    /// Zero unless the kind says otherwise.
    pub flags: u32,
    /// A body or stream of this task.
    pub handle: u64,
    /// A number, per kind.
    pub arg: u64,
    /// Parameters, per kind.
    pub meta: Buf,
    /// Payload, per kind.
    pub body: Buf,
}

/// Host to library: an operation ended.
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct Completion {
    /// The [`Op::id`].
    pub id: u64,
    /// One of [`crate::status`].
    pub status: u32,
    /// Zero unless the kind says otherwise.
    pub flags: u32,
    /// A new body or stream of this task.
    pub handle: u64,
    /// A number, per kind.
    pub arg: u64,
    /// Result data, per kind; one sentence when the status is no success.
    pub meta: Buf,
    /// Payload, per kind.
    pub body: Buf,
}

/// Library to host: a piece of the answer.
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct Event {
    /// One of [`crate::event`].
    pub kind: u32,
    /// Zero unless the kind says otherwise.
    pub index: u32,
    /// A body of this task.
    pub handle: u64,
    /// A number, per kind.
    pub arg: u64,
    /// Parameters, per kind.
    pub meta: Buf,
    /// Payload, per kind.
    pub data: Buf,
}

/// What one step produced, in order within each list. The host clears and reuses it.
#[repr(C)]
#[derive(StableAbi, Debug, Default)]
pub struct StepOut {
    /// Operations to start.
    pub ops: RVec<Op>,
    /// Ids of operations whose result nobody wants any more.
    pub cancels: RVec<u64>,
    /// Pieces of the answer.
    pub events: RVec<Event>,
}

/// Why a call or a task failed.
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct AbiError {
    /// UTF-8: `auth`, `rate_limited`, `upstream`, `bad_request`, `not_found`, `timeout`, `unsupported`, `io`, `denied`, `panic`, …
    pub code: Buf,
    /// JSON `{message, hint?, status?, retry_after_ms?, param?, code?}`; `code` goes to the client.
    pub detail: Buf,
}

/// How a step ended. Never grows: new outcomes are codes of [`AbiError`].
#[repr(u8)]
#[derive(StableAbi, Debug)]
pub enum Step {
    /// Waiting for completions or a wake.
    Pending,
    /// The task is complete.
    Done,
    /// The task is over and failed.
    Failed(AbiError),
}
