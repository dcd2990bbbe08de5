//! Carries out a plan: starts, races, retries and cancels attempts as the policy says, until one of them answers.
use crate::attempt::{Try, attempt};
use crate::chance;
use crate::conversation::Conversation;
use crate::deliver::Delivered;
use crate::engine::Engine;
use crate::planner::Planned;
use crate::record::{Noted, Record, Telling};
use crate::scope::Parent;
use crate::settle::ledger::Ledger;
use crate::settle::{Form, Settling};
use crate::sharing::Owing;
use crate::trace::Trace;
use crate::turn::{Failure, Reply, ReplyBody, Turn};
use base::{Fault, Kind};
use events::attempt::{AttemptOutcome, Role};
use http::HeaderValue;
use http::header::HeaderName;
use lip_wire::lens::Edits;
use parking_lot::Mutex;
use routing::health::Health;
use routing::plan::LegId;
use routing::policy::{AttemptId, Attempts, Budgets, Cancelled, Decision, Outcome, Start};
use sessions::SessionId;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

pub(crate) const ROUTE_HEADER: HeaderName = HeaderName::from_static("x-lip-route");
/// How much of the time until the answer was the host's own, in microseconds.
const OVERHEAD_HEADER: HeaderName = HeaderName::from_static("x-lip-overhead-us");

type Trying = Pin<Box<dyn Future<Output = Result<Delivered, Failure>> + Send>>;

/// An attempt that is under way.
struct Running {
    id: AttemptId,
    leg: LegId,
    noted: Noted,
    future: Trying,
}

/// What all attempts of one turn share.
pub(crate) struct Job {
    pub(crate) engine: Arc<Engine>,
    pub(crate) turn: Turn,
    /// Edits that the session asks for.
    pub(crate) edits: Edits,
    pub(crate) planned: Planned,
    pub(crate) loop_guard: HeaderValue,
    /// The conversation's name for connectors; a turn that another turn asked for has that one's.
    pub(crate) session: SessionId,
    /// Where the conversation wants agents to work.
    pub(crate) project_dir: Option<String>,
    /// The virtual backends that this turn came through, outermost first.
    pub(crate) through: Vec<String>,
    /// What is known of the client's turn.
    pub(crate) record: Record,
    /// Random numbers that were drawn of the turn's own.
    pub(crate) n_drawn: AtomicU64,
    /// Whose wish the attempts are.
    pub(crate) role: Role,
}

impl Job {
    /// Carries out a turn within this one: in its conversation, with its hops counted on, for `time` at the most. `through`: the
    /// virtual backends that it came through. It is no turn of its own to those who are told of turns.
    pub(crate) fn child(
        &self,
        (turn, edits): (Turn, Edits),
        planned: Planned,
        (through, role): (Vec<String>, Role),
        time: Duration,
    ) -> Drive {
        let engine = Arc::clone(&self.engine);
        let budgets = Budgets { turn: time, commit_after: None, ..engine.planner.load().rules.budgets };
        let (health, budgets) = (engine.health_for(&planned), engine.budgets_for(&planned, budgets));
        let (loop_guard, session, project_dir) =
            (self.loop_guard.clone(), self.session, self.project_dir.clone());
        let record = self.record.clone();
        let n_drawn = chance::drawn(&through);
        let job = Self {
            engine,
            turn,
            edits,
            planned,
            loop_guard,
            session,
            project_dir,
            through,
            record,
            n_drawn,
            role,
        };
        let (job, telling) = (Arc::new(job), Telling::default());
        Drive { job, budgets, began: now(), permit: None, health, conversation: None, telling }
    }
}

/// Everything that one turn needs.
pub(crate) struct Drive {
    pub(crate) job: Arc<Job>,
    pub(crate) budgets: Budgets,
    pub(crate) began: Instant,
    /// Its place among the open turns.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    pub(crate) health: Arc<Mutex<Health>>,
    /// The session; none for a turn that another turn asked for.
    pub(crate) conversation: Option<Conversation>,
    /// Tells of the client's turn; of nothing for a turn that another turn asked for.
    pub(crate) telling: Telling,
}

/// The engine's clock: tokio's, so that it stands still where a test has stopped it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Attempts that are under way. A client that goes away drops them in the middle: what they hold of the backends' health is
/// given back.
struct Live {
    attempts: Option<Attempts>,
    health: Arc<Mutex<Health>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(attempts) = self.attempts.as_mut() {
            attempts.on_client_gone(&mut self.health.lock());
        }
    }
}

impl Drive {
    /// Runs the plan. Says through `committed` that the client has waited long enough for a head.
    pub(crate) async fn run(mut self, mut committed: Option<oneshot::Sender<()>>) -> Result<Reply, Failure> {
        let attempts = Attempts::new(Arc::clone(&self.job.planned.plan), self.budgets, self.began);
        let mut live = Live { attempts: Some(attempts), health: Arc::clone(&self.health) };
        let mut running: Vec<Running> = Vec::new();
        let mut last_failure: Option<Failure> = None;
        let mut now = self.job.tick();
        loop {
            let Some(attempts) = live.attempts.as_mut() else {
                return Err(Fault::host(Kind::Internal, "internal error").into());
            };
            let decision = attempts.next(now, &mut self.health.lock());
            match decision {
                Decision::Start(start) => match self.start(&start, now.now) {
                    Ok((noted, future)) => {
                        running.push(Running { id: start.attempt, leg: start.leg, noted, future });
                    }
                    Err(fault) => {
                        self.job.engine.note_fault(self.job.planned.plan.legs.get(start.leg.0), &fault);
                        attempts.on_fault(start.attempt, &fault, now, &mut self.health.lock());
                        last_failure = Some(fault.into());
                    }
                },
                Decision::Cancel(attempt, why) => {
                    for cancelled in running.extract_if(.., |running| running.id == attempt) {
                        cancelled.noted.ended(of_cancelled(why), now.now);
                    }
                }
                Decision::Commit => {
                    if let Some(committed) = committed.take() {
                        let _ = committed.send(());
                    }
                }
                Decision::Wait(until) => {
                    let rests = running.is_empty();
                    let ended = match wait(&mut running, until, &self.job.engine).await {
                        Ok(ended) => ended,
                        Err(fault) => {
                            let failure = fault.into();
                            self.telling.failed(&failure);
                            return Err(failure);
                        }
                    };
                    if let Some((by, Ok(delivered))) = ended {
                        let rest = self.job.turn.rest.clone();
                        let (reply, owing) = self.answered(&mut live, running, by, delivered)?;
                        if let Some(owing) = owing {
                            Box::pin(owing.pay_or_leave(rest)).await;
                        }
                        return Ok(reply);
                    }
                    let before = std::mem::replace(&mut now, self.job.tick());
                    if rests {
                        self.job.record.rested(before.now, now.now);
                    }
                    if let Some((by, Err(failure))) = ended {
                        by.noted.settled(Some(&failure.fault), now.now);
                        self.job.engine.note_fault(self.job.planned.plan.legs.get(by.leg.0), &failure.fault);
                        attempts.on_fault(by.id, &failure.fault, now, &mut self.health.lock());
                        last_failure = Some(failure);
                    }
                }
                Decision::Finish(outcome) => return Err(self.failed(attempts, outcome, last_failure)),
            }
        }
    }

    fn start(&self, start: &Start, at: Instant) -> Result<(Noted, Trying), Fault> {
        let job = &self.job;
        let internal = || Fault::host(Kind::Internal, "internal error");
        let leg = job.planned.plan.legs.get(start.leg.0).ok_or_else(internal)?;
        let served = job.planned.served(start.leg.0).ok_or_else(internal)?;
        let noted = job.record.attempt(job.role, served, start.key, at);
        let backend = job.planned.backend(start.leg.0).inspect_err(|fault| noted.settled(Some(fault), at))?;
        let mut scope = job.engine.scope(backend, start.key, &job.loop_guard);
        let Start { first_output_by, end_by, .. } = *start;
        scope.parent = Some(Parent { job: Arc::clone(job), first_output_by, end_by });
        scope.noted = noted.clone();
        tracing::debug!(%leg, key = start.key, "attempt");
        let trying = attempt(Try { job: Arc::clone(job), leg: start.leg, scope: Arc::new(scope) });
        Ok((noted, Box::pin(trying)))
    }

    fn answered(
        self,
        live: &mut Live,
        losers: Vec<Running>,
        by: By,
        delivered: Delivered,
    ) -> Result<(Reply, Option<Owing>), Fault> {
        let mut attempts =
            live.attempts.take().ok_or_else(|| Fault::host(Kind::Internal, "internal error"))?;
        attempts.on_first_output(by.id, &mut self.health.lock());
        if !losers.is_empty() {
            let now = now();
            losers.iter().for_each(|loser| loser.noted.ended(AttemptOutcome::LostRace, now));
        }
        drop(losers);
        let Delivered { mut reply, broken } = delivered;
        let Self { job, health, budgets, began, conversation, permit, telling } = self;
        let By { id, leg, noted } = by;
        if let Some(label) = job.planned.label(leg.0) {
            reply.headers.insert(ROUTE_HEADER, label.clone());
        }
        if let Some(own) = telling.speaks(&noted) {
            reply.headers.insert(OVERHEAD_HEADER, HeaderValue::from(own.as_micros() as u64));
        }
        let (engine, status) = (Arc::clone(&job.engine), reply.status);
        let mut ledger = Ledger {
            engine,
            health,
            attempts,
            attempt: id,
            leg,
            conversation,
            noted,
            telling,
            status,
            permit,
        };
        Ok(match reply.body {
            ReplyBody::Full(bytes) => {
                bytes.iter().for_each(|bytes| ledger.hear(bytes));
                let owing = ledger.ended(None);
                (Reply { body: ReplyBody::Full(bytes), ..reply }, owing)
            }
            ReplyBody::Stream(body) => {
                let form = Form::of(&job.turn);
                let end_by = (began + budgets.turn).into();
                if let Some(hearing) = ledger.conversation.as_mut().and_then(Conversation::hearing) {
                    hearing.streams();
                }
                let rest = job.turn.rest.clone();
                let body = Settling::new(body, broken, ledger, (form, end_by), rest);
                let body = ReplyBody::stream(body);
                (Reply { body, ..reply }, None)
            }
        })
    }

    fn failed(&mut self, attempts: &Attempts, outcome: Outcome, last: Option<Failure>) -> Failure {
        let fault = match outcome {
            Outcome::Failed { fault, .. } => fault,
            Outcome::ClientGone => Fault::client(Kind::Cancelled, "the client went away"),
            Outcome::Answered(_) => Fault::host(Kind::Internal, "internal error"),
        };
        if let Some(conversation) = &self.conversation {
            let trace = Trace::new(attempts, None, Some(&fault));
            self.job.engine.traces.put(conversation.id(), trace);
        }
        // The upstream's own words, where the policy ended with its fault and changed nothing about it.
        let failure = match last {
            Some(last) if last.fault.message == fault.message && last.fault.status() == fault.status() => {
                Failure { fault, raw: last.raw }
            }
            _ => fault.into(),
        };
        self.telling.failed(&failure);
        failure
    }
}

/// An attempt that has ended or begun to answer.
struct By {
    id: AttemptId,
    leg: LegId,
    noted: Noted,
}

/// What is told of an attempt that the policy cancelled.
fn of_cancelled(why: Cancelled) -> AttemptOutcome {
    match why {
        Cancelled::LostRace => AttemptOutcome::LostRace,
        Cancelled::Timeout => {
            let fault = Fault::upstream(Kind::Timeout, "no output in time").code("first_output_timeout");
            AttemptOutcome::Failed(Box::new((&fault).into()))
        }
        Cancelled::ClientGone | Cancelled::TurnOver => AttemptOutcome::Cancelled,
    }
}

/// The next attempt that ends, or nothing when `until` comes first.
///
/// # Errors
/// The host ends.
async fn wait(
    running: &mut Vec<Running>,
    until: Instant,
    engine: &Engine,
) -> Result<Option<(By, Result<Delivered, Failure>)>, Fault> {
    let next = poll_fn(|cx| {
        for at in 0..running.len() {
            let Some(one) = running.get_mut(at) else { continue };
            if let Poll::Ready(result) = one.future.as_mut().poll(cx) {
                let Running { id, leg, noted, .. } = running.swap_remove(at);
                return Poll::Ready(Ok((By { id, leg, noted }, result)));
            }
        }
        engine.cut().map_or(Poll::Pending, |fault| Poll::Ready(Err(fault)))
    });
    tokio::time::timeout_at(until.into(), next).await.ok().transpose()
}
