//! Carries out a plan: starts, races, retries and cancels attempts as the policy says, until one of them answers.
use crate::attempt::{Try, attempt};
use crate::conversation::Conversation;
use crate::deliver::Delivered;
use crate::dispatch::Nest;
use crate::engine::Engine;
use crate::settle::{Form, Settling};
use crate::trace::Trace;
use crate::turn::{Failure, Reply, ReplyBody, Turn};
use base::{Fault, Kind};
use http::HeaderValue;
use http::header::HeaderName;
use lip_wire::lens::Edits;
use parking_lot::Mutex;
use routing::health::Health;
use routing::plan::Plan;
use routing::policy::{AttemptId, Attempts, Budgets, Decision, Outcome, Start, Tick};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

const ROUTE_HEADER: HeaderName = HeaderName::from_static("x-lip-route");

type Running = Pin<Box<dyn Future<Output = Result<Delivered, Failure>> + Send>>;

/// Everything that one turn's attempts need.
pub(crate) struct Drive {
    pub(crate) engine: Arc<Engine>,
    pub(crate) turn: Arc<Turn>,
    pub(crate) edits: Arc<Edits>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) budgets: Budgets,
    pub(crate) began: Instant,
    /// Its place among the open turns.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) loop_guard: HeaderValue,
    /// The session; none for a turn that another turn asked for.
    pub(crate) conversation: Option<Box<Conversation>>,
    /// The virtual backends that this turn came through.
    pub(crate) through: Vec<String>,
}

/// What is left to write down when the answer has ended.
pub(crate) struct Ledger {
    engine: Arc<Engine>,
    health: Arc<Mutex<Health>>,
    attempts: Attempts,
    attempt: AttemptId,
    plan: Arc<Plan>,
    conversation: Option<Box<Conversation>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Ledger {
    /// The answer ended: well, or broken off by `fault`.
    pub(crate) fn ended(mut self, fault: Option<&Fault>) {
        let tick = tick();
        {
            let mut health = self.health.lock();
            match fault {
                None => self.attempts.on_success(self.attempt, tick, &mut health),
                Some(fault) => self.attempts.on_fault(self.attempt, fault, tick, &mut health),
            }
        }
        self.note(fault);
        if let (None, Some(conversation)) = (fault, &self.conversation) {
            conversation.answered(&self.engine, self.attempts.plan());
        }
    }

    /// The client went away in the middle of the answer.
    pub(crate) fn client_gone(mut self) {
        self.attempts.on_client_gone(&mut self.health.lock());
        self.note(Some(&Fault::client(Kind::Cancelled, "the client went away")));
    }

    fn note(&self, fault: Option<&Fault>) {
        let trace = Trace::new(Arc::clone(&self.plan), &self.attempts, Some(self.attempt), fault);
        if let Some(conversation) = &self.conversation {
            self.engine.traces.put(conversation.id(), trace);
        }
    }
}

/// The engine's clock: tokio's, so that it stands still where a test has stopped it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

pub(crate) fn tick() -> Tick {
    // Jitter and weights need no secrecy: the standard library's random keys are spread well enough.
    use std::hash::{BuildHasher, Hasher};
    let rand = std::hash::RandomState::new().build_hasher().finish();
    Tick { now: now(), rand }
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
    pub(crate) async fn run(self, committed: oneshot::Sender<()>) -> Result<Reply, Failure> {
        let attempts = Attempts::new(Arc::clone(&self.plan), self.budgets, self.began);
        let mut live = Live { attempts: Some(attempts), health: Arc::clone(&self.health) };
        let mut running: Vec<(AttemptId, String, Running)> = Vec::new();
        let mut committed = Some(committed);
        let mut last_failure: Option<Failure> = None;
        loop {
            let Some(attempts) = live.attempts.as_mut() else {
                return Err(Fault::host(Kind::Internal, "internal error").into());
            };
            let decision = attempts.next(tick(), &mut self.health.lock());
            match decision {
                Decision::Start(start) => match self.start(&start) {
                    Ok((leg, future)) => running.push((start.attempt, leg, future)),
                    Err(fault) => {
                        attempts.on_fault(start.attempt, &fault, tick(), &mut self.health.lock());
                        last_failure = Some(fault.into());
                    }
                },
                Decision::Cancel(attempt, _) => running.retain(|(id, _, _)| *id != attempt),
                Decision::Commit => {
                    if let Some(committed) = committed.take() {
                        let _ = committed.send(());
                    }
                }
                Decision::Wait(until) => match wait(&mut running, until).await {
                    None => {}
                    Some((id, leg, Ok(delivered))) => {
                        return Ok(self.answered(&mut live, id, &leg, delivered)?);
                    }
                    Some((id, _, Err(failure))) => {
                        attempts.on_fault(id, &failure.fault, tick(), &mut self.health.lock());
                        last_failure = Some(failure);
                    }
                },
                Decision::Finish(outcome) => return Err(self.failed(attempts, outcome, last_failure)),
            }
        }
    }

    fn start(&self, start: &Start) -> Result<(String, Running), Fault> {
        let leg =
            self.plan.legs.get(start.leg.0).ok_or_else(|| Fault::host(Kind::Internal, "internal error"))?;
        let backend = self.engine.backend(&leg.backend)?;
        let mut scope = self.engine.scope(backend, start.key, &self.loop_guard)?;
        scope.nest = Some(Nest {
            engine: Arc::clone(&self.engine),
            caller: self.turn.caller.clone(),
            through: self.through.clone(),
            loop_guard: self.loop_guard.clone(),
            end_by: start.end_by,
        });
        let what = Try {
            scope,
            turn: Arc::clone(&self.turn),
            edits: Arc::clone(&self.edits),
            model: leg.model.clone(),
            options: leg.params.clone(),
            session: self.conversation.as_ref().map(|c| c.name.clone()).unwrap_or_default(),
        };
        tracing::debug!(%leg, key = start.key, "attempt");
        Ok((leg.to_string(), Box::pin(attempt(what))))
    }

    fn answered(
        self,
        live: &mut Live,
        id: AttemptId,
        leg: &str,
        delivered: Delivered,
    ) -> Result<Reply, Fault> {
        let mut attempts =
            live.attempts.take().ok_or_else(|| Fault::host(Kind::Internal, "internal error"))?;
        attempts.on_first_output(id, &mut self.health.lock());
        let Delivered { mut reply, broken } = delivered;
        if let Ok(leg) = HeaderValue::from_str(leg) {
            reply.headers.insert(ROUTE_HEADER, leg);
        }
        let Self { engine, turn, health, plan, budgets, began, conversation, permit, .. } = self;
        let ledger = Ledger { engine, health, attempts, attempt: id, plan, conversation, _permit: permit };
        Ok(match reply.body {
            ReplyBody::Full(bytes) => {
                ledger.ended(None);
                Reply { body: ReplyBody::Full(bytes), ..reply }
            }
            ReplyBody::Stream(body) => {
                let form = if turn.stream { Form::Stream(turn.dialect) } else { Form::Whole };
                let end_by = (began + budgets.turn).into();
                let body = ReplyBody::stream(Settling::new(body, broken, ledger, form, end_by));
                Reply { body, ..reply }
            }
        })
    }

    fn failed(&self, attempts: &Attempts, outcome: Outcome, last: Option<Failure>) -> Failure {
        let fault = match outcome {
            Outcome::Failed { fault, .. } => fault,
            Outcome::ClientGone => Fault::client(Kind::Cancelled, "the client went away"),
            Outcome::Answered(_) => Fault::host(Kind::Internal, "internal error"),
        };
        let trace = Trace::new(Arc::clone(&self.plan), attempts, None, Some(&fault));
        if let Some(conversation) = &self.conversation {
            self.engine.traces.put(conversation.id(), trace);
        }
        // The upstream's own words, where the policy ended with its fault and changed nothing about it.
        match last {
            Some(last) if last.fault.message == fault.message && last.fault.status() == fault.status() => {
                Failure { fault, raw: last.raw }
            }
            _ => fault.into(),
        }
    }
}

/// The next attempt that ends, or nothing when `until` comes first.
async fn wait(
    running: &mut Vec<(AttemptId, String, Running)>,
    until: Instant,
) -> Option<(AttemptId, String, Result<Delivered, Failure>)> {
    let next = poll_fn(|cx| {
        for at in 0..running.len() {
            let Some((id, _, future)) = running.get_mut(at) else { continue };
            if let Poll::Ready(result) = future.as_mut().poll(cx) {
                let id = *id;
                let (_, leg, _) = running.swap_remove(at);
                return Poll::Ready((id, leg, result));
            }
        }
        Poll::Pending
    });
    tokio::time::timeout_at(until.into(), next).await.ok()
}
