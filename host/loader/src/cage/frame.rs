//! What host and worker say to each other, as bytes. Pure; every byte may come from a worker that its library has taken over.
//!
//! Numbers are little-endian. A text or a payload is its length as `u32` and its bytes; a payload that lies in memory which
//! the host has lent to the worker is named by its place there.
mod read;
mod write;

pub(super) use read::{read_ask, read_tell};
pub(super) use write::{write_ask, write_tell};

use bytes::Bytes;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{AbiError, Buf, Completion, Step, StepOut};

/// Operations, cancels and events that one step of a worker may bring.
pub(crate) const OPS_MAX: usize = 4096;
const CANCELS_MAX: usize = 65_536;
/// Events that one step may produce.
pub(crate) const EVENTS_MAX: usize = 16_384;
const DONE_MAX: usize = 65_536;
const FREED_MAX: usize = 4096;

/// When a step is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The host's time, in milliseconds since 1970.
    pub(super) now_ms: u64,
    /// Until then the host looks for the answer by itself: see [`super::bell`].
    pub(super) looks_until: u64,
}

/// Host to worker.
#[derive(Debug)]
pub(super) enum Ask {
    /// Make instance `n`.
    Create { n: u64, connector: String, instance: String, config: Bytes },
    /// Start the task `key` of instance `n` and resume it for the first time.
    Start { n: u64, key: u64, moment: Moment, what: String, meta: Buf, body: Buf },
    /// Resume it.
    Resume { key: u64, moment: Moment, done: RVec<Completion> },
    /// Nobody wants it any more.
    Drop { key: u64 },
    /// No new task of instance `n` will be started.
    Shutdown { n: u64 },
    /// Let go of instance `n`.
    Forget { n: u64 },
}

/// Worker to host.
#[derive(Debug)]
pub(super) enum Tell {
    /// The library is loaded; what the sandbox keeps from it.
    Ready { sandbox: String },
    /// It is not, and this is why.
    Refused { why: String },
    /// Instance `n` is made, or why not.
    Created { n: u64, error: Option<AbiError> },
    /// A step of the task `key` has ended.
    Stepped { key: u64, woken: bool, step: Step, out: StepOut },
    /// The task `key` wants to be resumed.
    Wake { key: u64 },
    /// A line of the library's.
    Log { level: u32, target: String, message: String },
    /// Lent memory that the worker needs no longer.
    Freed { places: Vec<u32> },
}

/// A part of memory that the host has lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lent {
    pub(super) place: u32,
    pub(super) at: u64,
    pub(super) len: u64,
}

/// Where payloads lie that are not sent with a message.
pub(super) trait Memory {
    /// The place of `bytes`, if they need not be sent.
    fn lend(&self, bytes: &Bytes) -> Option<Lent>;
    /// What lies there; none for a place that is not lent.
    fn view(&self, lent: Lent) -> Option<Bytes>;
}

/// A message that breaks the rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

const EMPTY: u8 = 0;
const SENT: u8 = 1;
const LENT: u8 = 2;

/// Payloads of this size and more are lent where there is room: a copy through a socket costs more.
pub(super) const LEND_FROM: usize = 16 * 1024;

#[cfg(test)]
mod tests;
