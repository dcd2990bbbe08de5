//! For tests: the breaker as the observer knows it, from its promises alone: three failures in a row open it for half a minute,
//! then one attempt at a time sees whether the backend is well again.
use super::{Decision, Start};
use base::{Fault, Kind, Side};
use std::time::{Duration, Instant};

const FAILURES: u32 = 3;
const OPEN: Duration = Duration::from_secs(30);

/// What is known of one key of one backend.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sick {
    /// So many failures in a row.
    Well(u32),
    /// Left alone until then.
    Open(Instant),
    /// Somebody has gone to see.
    Half,
}

impl Sick {
    pub(super) fn start(&mut self, start: &Start, now: Instant) {
        match *self {
            Self::Well(_) => assert!(!start.probe, "nobody probes what is well"),
            Self::Open(until) => {
                assert!(until <= now, "no start while a breaker is open");
                assert!(start.probe, "the first attempt after a breaker was open is a probe");
                *self = Self::Half;
            }
            Self::Half => assert!(start.probe, "no start but a probe's while a breaker is half open"),
        }
    }

    pub(super) fn fault(&mut self, start: &Start, fault: &Fault, now: Instant) {
        let ill = matches!(
            fault.kind,
            Kind::Internal | Kind::BadGateway | Kind::Unavailable | Kind::Timeout | Kind::Overloaded
        );
        match *self {
            _ if !ill || fault.side != Side::Upstream => {}
            Self::Well(n) if n + 1 < FAILURES => *self = Self::Well(n + 1),
            Self::Half if !start.probe => {}
            Self::Well(_) | Self::Half => *self = Self::Open(now + OPEN),
            Self::Open(_) => {}
        }
    }

    pub(super) fn success(&mut self, start: &Start) {
        match *self {
            Self::Well(_) => *self = Self::Well(0),
            Self::Half if start.probe => *self = Self::Well(0),
            Self::Half | Self::Open(_) => {}
        }
    }
}

/// The fault that a cancelled attempt stands for, if it was a backend's silence.
pub(super) fn silence(decision: &Decision) -> Option<Fault> {
    let Decision::Cancel(_, super::Cancelled::Timeout) = decision else { return None };
    Some(Fault::upstream(Kind::Timeout, "silent"))
}
