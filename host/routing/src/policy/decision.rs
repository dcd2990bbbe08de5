//! What the policy and the engine say to each other.
use crate::plan::LegId;
use base::Fault;
use std::time::Instant;

/// The present: the time and a fresh random number.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    /// A monotonic time.
    pub now: Instant,
    /// Uniform over all values.
    pub rand: u64,
}

/// One try of one leg, numbered from 0 within its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u32);

/// An attempt to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its number, for all events.
    pub attempt: AttemptId,
    /// What to call.
    pub leg: LegId,
    /// Position of the credential.
    pub key: usize,
    /// Without output until then it is cancelled.
    pub first_output_by: Instant,
    /// It ends by then at the latest.
    pub end_by: Instant,
    /// True if it probes a half-open breaker.
    pub probe: bool,
    /// True if this leg answered without any output before: a recovery prompt may help.
    pub after_empty: bool,
}

/// Why an attempt is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// Another lane of the race was faster.
    LostRace,
    /// Its deadline passed.
    Timeout,
    /// The client went away.
    ClientGone,
    /// The turn ended with another attempt's fault.
    TurnOver,
}

/// How a turn ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This attempt answered it.
    Answered(AttemptId),
    /// Nothing did.
    Failed {
        /// What the client is told.
        fault: Fault,
        /// True if the client has seen output: the fault is told inside the stream.
        after_output: bool,
    },
    /// Nobody waits for an answer.
    ClientGone,
}

/// What the engine does next.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Start an attempt, then ask again.
    Start(Start),
    /// Cancel an attempt, then ask again. Its later events are ignored.
    Cancel(AttemptId, Cancelled),
    /// Send the head and keep-alives, then ask again. Told once.
    Commit,
    /// Wait for an event, or until this time.
    Wait(Instant),
    /// The turn is over. Told for ever after.
    Finish(Outcome),
}
