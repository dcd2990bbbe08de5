//! What the last turn of each session did, for `!/why` and `!/status`. Bounded: the oldest goes first.
use base::Fault;
use foldhash::fast::RandomState;
use hashlink::LinkedHashMap;
use parking_lot::Mutex;
use routing::plan::Plan;
use routing::policy::{AttemptId, Attempts, Loss};
use sessions::SessionId;
use std::sync::Arc;

const TRACES_MAX: usize = 4096;

/// One turn: kept as values, put into words only when somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    plan: Arc<Plan>,
    answered: Option<AttemptId>,
    /// What went wrong, where something did.
    trouble: Option<Box<Trouble>>,
    pub(crate) turns: u64,
    pub(crate) failed: u64,
}

#[derive(Clone, Debug)]
struct Trouble {
    losses: Vec<Loss>,
    fault: Option<Fault>,
}

impl Trace {
    pub(crate) fn new(attempts: &Attempts, answered: Option<AttemptId>, fault: Option<&Fault>) -> Self {
        let plan = Arc::clone(attempts.plan());
        let losses = attempts.losses();
        let is_smooth = losses.is_empty() && fault.is_none();
        let trouble =
            (!is_smooth).then(|| Box::new(Trouble { losses: losses.to_vec(), fault: fault.cloned() }));
        Self { plan, answered, trouble, turns: 1, failed: u64::from(fault.is_some()) }
    }

    /// The turn in lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.plan.explain().lines().map(str::to_owned).collect();
        let trouble = self.trouble.as_deref();
        for loss in trouble.iter().flat_map(|trouble| &trouble.losses) {
            let leg = self.plan.legs.get(loss.leg.0).map(ToString::to_string).unwrap_or_default();
            lines.push(format!("attempt {} at {leg} failed: {}", loss.attempt.0 + 1, loss.fault.public()));
        }
        lines.push(match (self.answered, trouble.and_then(|trouble| trouble.fault.as_ref())) {
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

/// The traces of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<LinkedHashMap<SessionId, Trace, RandomState>>);

impl Traces {
    pub(crate) fn put(&self, session: SessionId, mut trace: Trace) {
        let mut all = self.0.lock();
        if let Some(before) = all.get(&session) {
            trace.turns += before.turns;
            trace.failed += before.failed;
        }
        // The one that had no turn for longest goes.
        all.insert(session, trace);
        let surplus = if all.len() > TRACES_MAX { all.pop_front() } else { None };
        drop(all);
        drop(surplus);
    }

    pub(crate) fn get(&self, session: SessionId) -> Option<Trace> {
        self.0.lock().get(&session).cloned()
    }
}
