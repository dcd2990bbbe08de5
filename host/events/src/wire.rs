//! What goes over the wires of one turn, told as it goes, to whoever keeps it; and what gives it back when a kept turn is carried out
//! again. A turn without a wire pays one look at an `Option` for it.
use base::{Fault, Secret};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use http_body::Body;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

/// The wires of one turn. Is told on the turn's own way: must neither block nor fail.
pub trait Wire: Debug + Send + Sync {
    /// From what the turn takes its times and its chance.
    fn moment(&self) -> Moment;

    /// How much of the turn's time is over for its connectors, in microseconds: until what they heard or waited for last. It is the same
    /// when the turn is carried out again, which no clock is.
    fn passed_us(&self) -> u64 {
        0
    }

    /// They waited until so much was over.
    fn pass(&self, us: u64) {
        let _ = us;
    }

    /// Something went over a wire.
    fn tell(&self, piece: Piece<'_>);

    /// The number of the next question to an upstream, from 0 on.
    fn next_question(&self) -> u32;

    /// How many turns came before, for plans that take turns: `fresh`, or what it was when the turn was kept.
    fn rotation(&self, fresh: u64) -> u64 {
        fresh
    }

    /// What was found when the turn was kept: see [`Piece::Found`]; no bytes: it was not found then. None: look.
    fn find_instead(&self, of: &str) -> Option<Bytes> {
        let _ = of;
        None
    }

    /// Why the turn was refused when it was kept: see [`Piece::Refused`]. None: judge.
    fn refused_before(&self, by: &str) -> Option<Fault> {
        let _ = by;
        None
    }

    /// What answers instead of the upstream, where a kept turn is carried out again.
    fn answer_instead(&self, asked: &Asked) -> Option<Answering> {
        let _ = asked;
        None
    }
}

/// Decides which requests have a wire.
pub trait Wires: Debug + Send + Sync {
    /// A wire for a request that has come, if it is to have one.
    fn wire(&self) -> Option<Arc<dyn Wire>>;

    /// How the keeping of turns stands, where they are kept.
    fn standing(&self) -> Option<Standing> {
        None
    }
}

/// How the keeping of turns stands: counts since the host began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Turns that were begun to be kept.
    pub turns: u64,
    /// Turns of which something is missing, for a bound was reached or nothing could be written.
    pub cut: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Writes that the system refused.
    pub failures: u64,
    /// Pieces that wait to be written.
    pub waiting: u64,
}

/// The moment at which a turn began, and the root of all that is drawn by chance in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the wall clock, in whole microseconds.
    pub now: SystemTime,
    /// Known to nobody beforehand.
    pub seed: u128,
}

/// Something that went over a wire.
#[derive(Debug)]
pub enum Piece<'a> {
    /// The client's request, which was let in and read.
    Request(&'a Requested<'a>),
    /// The turn has a name: see [`crate::turn::TurnId`].
    Named(crate::turn::TurnId),
    /// The turn's session was found: its id, and the name that the client has for it, if it has one.
    Session(&'a str, Option<&'a str>),
    /// The plan was made with this number of turns before: see [`Wire::rotation`].
    Rotation(u64),
    /// The turn looked for something of this machine that its answer depends on, such as a folder: what, and what it found, as JSON.
    Found(&'a str, &'a [u8]),
    /// The turn was refused for what other turns have done, as by the bound that is named.
    Refused(&'a str, &'a Fault),
    /// A secret that is known for this turn alone, such as a leased token. Told before anything that may hold it.
    Secret(Secret<String>),
    /// An upstream is asked. The number is the question's.
    Asked(u32, &'a Asked),
    /// The head of its answer.
    Heard(u32, u16, &'a HeaderMap),
    /// A piece of its body, as it came.
    Came(u32, &'a Bytes),
    /// Its answer has ended.
    Ended(u32, &'a End),
    /// The head of what the client gets.
    Answer(u16, &'a HeaderMap),
    /// A piece of what the client gets, as it went.
    Sent(&'a Bytes),
    /// What the client gets has ended.
    Over(&'a End),
}

/// How a body ended.
#[derive(Debug)]
pub enum End {
    /// By itself.
    Whole,
    /// By a fault.
    Broke(Fault),
    /// Whoever read it went away.
    Left,
}

/// A client's request.
#[derive(Debug)]
pub struct Requested<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path and query. May hold a key.
    pub uri: &'a Uri,
    /// As they came. Hold the client's key.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a Bytes,
    /// Who asks: the public name of the client key.
    pub caller: &'a str,
}

/// A question to an upstream, or to an agent.
#[derive(Debug)]
pub struct Asked {
    /// The backend.
    pub backend: String,
    /// The position of the attempt that asks, among its turn's.
    pub attempt: usize,
    /// The position of the API key in use.
    pub key: usize,
    /// Its bytes: what quotes it is masked by as many.
    pub key_bytes: usize,
    /// Does an account of a person answer for it?
    pub is_leased: bool,
    /// An HTTP method; `AGENT` for a prompt to an agent.
    pub method: Method,
    /// The URL; `agent:` for an agent. May hold a key.
    pub url: String,
    /// As they go out. Hold secrets.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// The head of an answer, and its body.
pub struct Heard {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Pin<Box<dyn Body<Data = Bytes, Error = Fault> + Send>>,
}

impl Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heard({})", self.status)
    }
}

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Result<Heard, Fault>> + Send>>;

/// What `judge` says of a turn for what others have done: told to its wires, or as it was when the turn was kept. `by` names the judge.
///
/// # Errors
/// Its refusal.
pub fn judged<T>(
    wire: Option<&Arc<dyn Wire>>,
    by: &str,
    judge: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let Some(wire) = wire else { return judge() };
    if let Some(fault) = wire.refused_before(by) {
        return Err(fault);
    }
    judge().inspect_err(|fault| wire.tell(Piece::Refused(by, fault)))
}

impl Moment {
    /// The `n`th random number of this moment. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
    pub const fn draw(&self, n: u64) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let [low, high] = [self.seed as u64, (self.seed >> 64) as u64];
        let z = low.wrapping_add(GAMMA.wrapping_mul(n.wrapping_add(1)));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) ^ high
    }

    /// The bits of a name that nobody can guess who does not know the moment.
    pub const fn name(&self) -> [u8; 16] {
        (self.seed ^ 0x5bd1_e995_a5a5_3c3c_9e37_79b9_c3c3_5a5a).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_a_moment_differ_and_come_again() {
        let moment = Moment { now: SystemTime::UNIX_EPOCH, seed: 7 << 64 | 3 };
        let drawn: std::collections::HashSet<u64> = (0..1000).map(|n| moment.draw(n)).collect();
        assert_eq!(drawn.len(), 1000);
        assert_eq!(moment.draw(5), moment.draw(5));
        assert_ne!(moment.draw(0), Moment { seed: 7 << 64 | 4, ..moment }.draw(0));
        assert_ne!(moment.name(), 3_u128.to_be_bytes());
    }
}
