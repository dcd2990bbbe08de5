//! All who are told of turns, and how a turn begins for them.
use super::{Notes, Open, Record, Telling};
use crate::drive::now;
use crate::turn::{Turn, What};
use events::turn::{TurnBegan, TurnId};
use events::wire::Piece;
use events::witness::{UnderWay, Witness};
use parking_lot::Mutex;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// All who are told of turns.
#[derive(Debug)]
pub(crate) struct Witnesses {
    all: Arc<[Arc<dyn Witness>]>,
    /// Tells this process's turns from others'.
    process: u64,
    n_turns: AtomicU64,
    keep: bool,
}

impl Witnesses {
    pub(crate) fn new(all: Vec<Arc<dyn Witness>>) -> Self {
        let process = RandomState::new().build_hasher().finish();
        let keep = all.iter().any(|witness| witness.keeps());
        Self { all: all.into(), process, n_turns: AtomicU64::new(0), keep }
    }

    /// Do clients wait for one of them?
    pub(crate) const fn keep(&self) -> bool {
        self.keep
    }

    /// A turn begins. What comes back tells of its end, at the latest when it is dropped.
    pub(crate) fn told(&self, turn: &Turn) -> Telling {
        let (at, n) = (SystemTime::now(), self.n_turns.fetch_add(1, Ordering::Relaxed));
        let began = TurnBegan {
            id: TurnId::new(at, self.process, n),
            at,
            dialect: turn.dialect.id(),
            what: match turn.what {
                What::Generate => events::turn::What::Generate,
                What::CountTokens => events::turn::What::CountTokens,
            },
            caller: turn.caller.clone(),
            model: turn.model.clone(),
            stream: turn.stream,
            bytes_in: turn.lens.body().len() as u64,
            parent: turn.span(),
        };
        turn.wire.iter().for_each(|wire| wire.tell(Piece::Named(began.id)));
        let open = Arc::new(Open {
            witnesses: Arc::clone(&self.all),
            turn: Arc::new(began),
            began: now(),
            bytes_out: AtomicU64::new(0),
            pieces_out: AtomicU64::new(0),
            notes: Mutex::new(Notes::default()),
        });
        let under_way: Arc<dyn UnderWay> = Arc::<Open>::clone(&open);
        self.all.iter().for_each(|witness| witness.turn_began(&under_way));
        Telling(Record(Some(open)))
    }
}
