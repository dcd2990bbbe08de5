//! What is known of a turn until it has ended, and the one word about it then. Costs a turn a few small allocations and four looks at the
//! clock, and each piece of its answer two additions.
pub(crate) mod witnesses;

use crate::drive::now;
use crate::planner::Served;
use crate::turn::Failure;
use base::{Fault, Kind, Side};
use events::attempt::{Attempt, AttemptOutcome, Role};
use events::overhead::{Wait, overhead};
use events::tokens::Tokens;
use events::trace::SpanRef;
use events::trouble::Trouble;
use events::turn::{Outcome, SessionName, TurnBegan, TurnEnded};
use events::witness::{Keeping, SoFar, UnderWay, Witness};
use lip_wire::gate::Usage;
use lip_wire::loss::Losses;
use parking_lot::Mutex;
use sessions::SessionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Losses of one translation that are told.
const LOSSES_MAX: usize = 16;
/// How long the end of an answer waits at the most until its turn is kept.
const KEPT_TIME: Duration = Duration::from_secs(2);

/// What is known of one turn. All who work for the turn add to it; once it has ended nobody can any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    witnesses: Arc<[Arc<dyn Witness>]>,
    turn: Arc<TurnBegan>,
    began: Instant,
    bytes_out: AtomicU64,
    pieces_out: AtomicU64,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    session: Option<SessionName>,
    attempts: Vec<Attempt>,
    /// Attempts that have not ended, by their position.
    running: Vec<usize>,
    answered_by: Option<usize>,
    rests: Vec<Wait>,
    first_output: Option<Duration>,
    overhead: Option<Duration>,
    /// The status of a head that went out before its turn was decided.
    status: Option<u16>,
    is_over: bool,
    /// Who keeps the turn, once it is over.
    keeping: Option<Keeping>,
}

impl Open {
    fn since(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }
}

impl UnderWay for Open {
    fn began(&self) -> &Arc<TurnBegan> {
        &self.turn
    }

    fn so_far(&self) -> SoFar {
        let passed = self.since(now());
        let notes = self.notes.lock();
        let mut attempts = notes.attempts.clone();
        close(&mut attempts, &notes.running, passed);
        SoFar {
            passed,
            session: notes.session,
            attempts,
            answered_by: notes.answered_by,
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            pieces_out: self.pieces_out.load(Ordering::Relaxed),
        }
    }
}

impl Record {
    /// The session is found.
    pub(crate) fn session(&self, id: SessionId) {
        self.note(|notes, _| notes.session = Some(SessionName(*id.as_bytes())));
    }

    /// The head went out before the turn was decided.
    pub(crate) fn committed(&self, status: u16) {
        self.note(|notes, _| notes.status = Some(status));
    }

    /// The policy rested between attempts.
    pub(crate) fn rested(&self, from: Instant, to: Instant) {
        self.note(|notes, open| notes.rests.push((open.since(from), open.since(to))));
    }

    /// What is told of the turn is kept, or will not be. At once where it has not ended.
    pub(crate) async fn kept(&self) {
        let keeping = self.0.as_ref().and_then(|open| open.notes.lock().keeping.take());
        if let Some(keeping) = keeping {
            let _ = tokio::time::timeout(KEPT_TIME, keeping).await;
        }
    }

    /// An attempt begins.
    pub(crate) fn attempt(&self, role: Role, served: &Served, key: usize, at: Instant) -> Noted {
        let mut noted = Noted::default();
        self.note(|notes, open| {
            let began = open.since(at);
            noted = Noted { record: self.clone(), at: notes.attempts.len() };
            notes.running.push(noted.at);
            notes.attempts.push(Attempt {
                role,
                backend: Arc::clone(&served.backend),
                connector: Arc::clone(&served.connector),
                model: Arc::clone(&served.model),
                key,
                is_metered: served.is_metered,
                began,
                asked: None,
                heard: None,
                ended: began,
                outcome: AttemptOutcome::Cancelled,
                tokens: None,
                losses: Vec::new(),
            });
        });
        noted
    }

    fn note(&self, note: impl FnOnce(&mut Notes, &Open)) {
        if let Some(open) = &self.0 {
            let mut notes = open.notes.lock();
            if !notes.is_over {
                note(&mut notes, open);
            }
        }
    }
}

/// One attempt of a turn, for those who carry it out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    record: Record,
    at: usize,
}

impl Noted {
    /// Where it stands in the turn's list.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Its span, as its upstream's would name it.
    pub(crate) fn span(&self) -> Option<SpanRef> {
        let turn = &self.record.0.as_ref()?.turn;
        Some(SpanRef::of(turn.id, turn.parent.as_ref(), self.at as u64 + 1))
    }

    /// Its upstream is asked, now; only the first time counts.
    pub(crate) fn asked(&self) {
        self.note(|attempt, open| {
            attempt.asked.get_or_insert_with(|| open.since(now()));
        });
    }

    /// Its upstream has begun to answer, now.
    pub(crate) fn heard(&self) {
        self.note(|attempt, open| attempt.heard = Some(open.since(now())));
    }

    /// Its upstream reports usage; what a later report says counts.
    pub(crate) fn used(&self, usage: Option<&Usage>) {
        let Some(usage) = usage else { return };
        self.note(|attempt, _| {
            let before = attempt.tokens.unwrap_or_default();
            let mut sum = Usage {
                input: before.input,
                output: before.output,
                cached_input: before.cached_input,
                cache_write: before.cache_write,
                reasoning: before.reasoning,
                total: None,
            };
            sum.update(usage);
            let Usage { input, output, cached_input, cache_write, reasoning, total: _ } = sum;
            attempt.tokens = Some(Tokens { input, output, cached_input, cache_write, reasoning })
                .filter(|tokens| !tokens.is_unknown());
        });
    }

    /// What the translation of its request could not carry over.
    pub(crate) fn lost(&self, losses: &Losses) {
        if !losses.is_empty() {
            let told = losses.iter().take(LOSSES_MAX).map(|loss| format!("{}: {}", loss.path, loss.why));
            self.note(|attempt, _| attempt.losses.extend(told));
        }
    }

    /// It has ended.
    pub(crate) fn ended(&self, outcome: AttemptOutcome, at: Instant) {
        if let Some(open) = &self.record.0 {
            let mut notes = open.notes.lock();
            if let Some(place) = notes.running.iter().position(|running| *running == self.at) {
                notes.running.swap_remove(place);
                if let Some(attempt) = notes.attempts.get_mut(self.at) {
                    (attempt.ended, attempt.outcome) = (open.since(at), outcome);
                }
            }
        }
    }

    /// It has ended: well, or by `fault`.
    pub(crate) fn settled(&self, fault: Option<&Fault>, at: Instant) {
        if self.record.0.is_some() {
            self.ended(fault.map_or(AttemptOutcome::Answered, failed), at);
        }
    }

    fn note(&self, note: impl FnOnce(&mut Attempt, &Open)) {
        self.record.note(|notes, open| {
            if let Some(attempt) = notes.attempts.get_mut(self.at) {
                note(attempt, open);
            }
        });
    }
}

fn failed(fault: &Fault) -> AttemptOutcome {
    AttemptOutcome::Failed(Box::new(Trouble::from(fault)))
}

/// Tells how a turn ended, once; whoever drops it untold says that its client went away.
#[derive(Debug, Default)]
pub(crate) struct Telling(Record);

impl Telling {
    /// What is known of the turn, for those who add to it.
    pub(crate) fn record(&self) -> Record {
        self.0.clone()
    }

    /// The answer's first output, or all of it, goes out, from this attempt. How much of the time was the host's own.
    pub(crate) fn speaks(&self, by: &Noted) -> Option<Duration> {
        let open = self.0.0.as_ref()?;
        let passed = open.since(now());
        let mut notes = open.notes.lock();
        let own = overhead(passed, &notes.attempts, &notes.rests);
        (notes.answered_by, notes.first_output, notes.overhead) = (Some(by.at), Some(passed), Some(own));
        Some(own)
    }

    /// A piece of the answer goes out.
    pub(crate) fn piece(&self, bytes: usize) {
        if let Some(open) = &self.0.0 {
            // Nobody else writes them: no need to lock the bus.
            let add = |to: &AtomicU64, n: u64| to.store(to.load(Ordering::Relaxed) + n, Ordering::Relaxed);
            add(&open.bytes_out, bytes as u64);
            add(&open.pieces_out, 1);
        }
    }

    /// The answer has ended: well, or broken off by `fault`.
    pub(crate) fn ended(&mut self, status: u16, fault: Option<&Fault>, at: Instant) {
        let outcome = match fault {
            None => Outcome::Answered,
            Some(fault) => Outcome::BrokeOff(Box::new(Trouble::from(fault))),
        };
        self.tell(status, outcome, at);
    }

    /// The host answered by itself.
    pub(crate) fn ended_here(&mut self, bytes: usize) {
        self.piece(bytes);
        self.tell(200, Outcome::AnsweredHere, now());
    }

    /// The client gets an error and no output.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        let fault = &failure.fault;
        if self.0.0.is_none() || (fault.kind == Kind::Cancelled && fault.side == Side::Client) {
            return self.client_gone(now());
        }
        let raw = failure.raw.as_ref();
        if let Some(crate::turn::ReplyBody::Full(Some(bytes))) = raw.map(|raw| &raw.body) {
            self.piece(bytes.len());
        }
        let status = raw.map_or_else(|| fault.status(), |raw| raw.status);
        self.tell(status, Outcome::Failed(Box::new(Trouble::from(fault))), now());
    }

    /// The client went away.
    pub(crate) fn client_gone(&mut self, at: Instant) {
        self.tell(499, Outcome::ClientGone, at);
    }

    fn tell(&mut self, status: u16, outcome: Outcome, at: Instant) {
        let Some(open) = self.0.0.take() else { return };
        let lasted = open.since(at);
        let notes = {
            let mut notes = open.notes.lock();
            std::mem::replace(&mut *notes, Notes { is_over: true, ..Notes::default() })
        };
        let Notes { session, mut attempts, running, answered_by, rests, first_output, .. } = notes;
        close(&mut attempts, &running, lasted);
        let own = notes.overhead.unwrap_or_else(|| overhead(lasted, &attempts, &rests));
        let head_is_out = notes.status.or_else(|| answered_by.filter(|_| status == 499).map(|_| 200));
        let ended = TurnEnded {
            turn: Arc::clone(&open.turn),
            session,
            outcome,
            status: head_is_out.unwrap_or(status),
            tokens: tokens_of(&mut attempts),
            attempts,
            answered_by,
            bytes_out: open.bytes_out.load(Ordering::Relaxed),
            first_output,
            lasted,
            overhead: own,
        };
        let ended = Arc::new(ended);
        for keeping in open.witnesses.iter().filter_map(|witness| witness.keep(&ended)) {
            open.notes.lock().keeping = Some(keeping);
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if self.0.0.is_none() {
            return;
        }
        if std::thread::panicking() {
            let fault = Fault::host(Kind::Internal, "internal error").code("panicked");
            return self.failed(&fault.into());
        }
        self.client_gone(now());
    }
}

/// Ends what has not ended.
fn close(attempts: &mut [Attempt], running: &[usize], at: Duration) {
    for place in running {
        if let Some(attempt) = attempts.get_mut(*place) {
            attempt.ended = at;
        }
    }
}

/// All tokens together. What an attempt handed on that others had answered is counted there.
fn tokens_of(attempts: &mut [Attempt]) -> Option<Tokens> {
    for n in 0..attempts.len() {
        if let Some(Role::Within(asker)) = attempts.get(n).map(|attempt| attempt.role)
            && let Some(asker) = attempts.get_mut(asker)
        {
            asker.tokens = None;
        }
    }
    let known = attempts.iter().filter_map(|attempt| attempt.tokens);
    known.reduce(|sum, more| sum.plus(&more))
}
