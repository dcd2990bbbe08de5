//! Who is told of turns.
use crate::attempt::Attempt;
use crate::turn::{SessionName, TurnBegan, TurnEnded};
use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Is told of every turn, on the turn's own way: must neither block nor fail, and leave what takes time to others.
pub trait Witness: Debug + Send + Sync {
    /// A turn begins. It is told of its end, once, whatever becomes of it.
    fn turn_began(&self, turn: &Arc<dyn UnderWay>) {
        let _ = turn;
    }

    /// A turn has ended. Told once for each turn.
    fn turn_ended(&self, turn: &Arc<TurnEnded>);

    /// Is there a moment from which on what it is told outlives this process, and for which a client has to wait?
    fn keeps(&self) -> bool {
        false
    }

    /// As [`Witness::turn_ended`], and called in its place. What comes back is ready at that moment; none: nobody need wait.
    fn keep(&self, turn: &Arc<TurnEnded>) -> Option<Keeping> {
        self.turn_ended(turn);
        None
    }
}

/// Is ready when what was told of a turn outlives this process, or when it is certain that it will not.
pub struct Keeping(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Keeping {
    /// Ready when `kept` is.
    pub fn new(kept: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(kept))
    }
}

impl Future for Keeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeping")
    }
}

/// A turn that is under way.
pub trait UnderWay: Debug + Send + Sync {
    /// How it began.
    fn began(&self) -> &Arc<TurnBegan>;

    /// How it stands.
    fn so_far(&self) -> SoFar;
}

/// How a turn stands that is under way.
#[derive(Clone, Debug, Default)]
pub struct SoFar {
    /// Time since it began.
    pub passed: Duration,
    /// Its session, once it was found.
    pub session: Option<SessionName>,
    /// What was tried until now. One that is still under way says that it was cancelled now: that is what it would be.
    pub attempts: Vec<Attempt>,
    /// The position of the attempt that answers, once it does.
    pub answered_by: Option<usize>,
    /// Bytes of the answer that went out.
    pub bytes_out: u64,
    /// Pieces in which they went: about the number of a stream's events, or less where they came in bursts.
    pub pieces_out: u64,
}
