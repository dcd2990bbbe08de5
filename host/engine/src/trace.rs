//! What the last turn of each session did, for `!/why` and `!/status`. Bounded: the oldest goes first.
use base::Fault;
use parking_lot::Mutex;
use routing::plan::Plan;
use routing::policy::{AttemptId, Attempts, Loss};
use sessions::SessionId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

const TRACES_MAX: usize = 4096;

/// One turn: kept as values, put into words only when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    plan: Arc<Plan>,
    losses: Vec<Loss>,
    answered: Option<AttemptId>,
    fault: Option<Fault>,
    pub(crate) turns: u64,
    pub(crate) failed: u64,
}

impl Trace {
    pub(crate) fn new(
        plan: Arc<Plan>,
        attempts: &Attempts,
        answered: Option<AttemptId>,
        fault: Option<&Fault>,
    ) -> Self {
        let losses = attempts.losses().to_vec();
        Self { plan, losses, answered, fault: fault.cloned(), turns: 1, failed: u64::from(fault.is_some()) }
    }

    /// The turn in lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.plan.explain().lines().map(str::to_owned).collect();
        for loss in &self.losses {
            let leg = self.plan.legs.get(loss.leg.0).map(ToString::to_string).unwrap_or_default();
            lines.push(format!("attempt {} at {leg} failed: {}", loss.attempt.0 + 1, loss.fault.public()));
        }
        lines.push(match (self.answered, &self.fault) {
            (Some(id), None) => format!("attempt {} answered", id.0 + 1),
            (Some(id), Some(fault)) => {
                format!("attempt {} began to answer, then: {}", id.0 + 1, fault.public())
            }
            (None, Some(fault)) => format!("the turn failed: {}", fault.public()),
            (None, None) => "the turn had no outcome".to_owned(),
        });
        lines
    }
}

#[derive(Debug, Default)]
struct Inner {
    by_session: HashMap<SessionId, Trace>,
    order: VecDeque<SessionId>,
}

/// The traces of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<Inner>);

impl Traces {
    pub(crate) fn put(&self, session: SessionId, mut trace: Trace) {
        let mut inner = self.0.lock();
        if let Some(before) = inner.by_session.get(&session) {
            trace.turns += before.turns;
            trace.failed += before.failed;
        } else {
            inner.order.push_back(session);
        }
        inner.by_session.insert(session, trace);
        while inner.order.len() > TRACES_MAX {
            if let Some(oldest) = inner.order.pop_front() {
                inner.by_session.remove(&oldest);
            }
        }
    }

    pub(crate) fn get(&self, session: SessionId) -> Option<Trace> {
        self.0.lock().by_session.get(&session).cloned()
    }
}
