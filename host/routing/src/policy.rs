//! One turn's attempts: what to start, what to cancel, how long to wait, when to give up. A pure state machine.
//!
//! The engine calls [`Attempts::next`] until it answers [`Decision::Wait`] or [`Decision::Finish`], and again after
//! every event. What holds, whatever happens:
//! - nothing is started after the client saw output, and a fault after output ends the turn as it is;
//! - there is one outcome, and whatever still ran has been cancelled before it is told;
//! - nothing is started after [`Budgets::failover`] or beyond [`Budgets::attempts_max`];
//! - a leg that fails moves the turn to its next key, then (if a wait of at most [`Budgets::patience`] does not help)
//!   to the next leg, and only then waits up to [`Budgets::silent_wait_max`] for a leg that rests.
//!
//! The Python proxy waits for the same backend first, up to 30 s, and fails over only then; with another leg at hand
//! our users need not wait, so the order is turned around.
mod budgets;
mod decision;
mod events;
mod faults;
#[cfg(test)]
mod model_tests;
mod mutant;
#[cfg(test)]
mod observer;
mod pick;
#[cfg(test)]
mod sick;

pub use budgets::Budgets;
pub use decision::{AttemptId, Cancelled, Decision, Outcome, Start, Tick};

use crate::{
    health::{Health, Ticket},
    plan::{LegId, Plan, PlannedLane},
};
use base::Fault;
use mutant::{Mutant, Mutation};
use pick::Pick;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// A try that failed before its output.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Its number.
    pub attempt: AttemptId,
    /// What was called.
    pub leg: LegId,
    /// Position of the credential.
    pub key: usize,
    /// What went wrong.
    pub fault: Fault,
}

#[derive(Clone, Debug, Default)]
struct LegState {
    dead: bool,
    not_before: Option<Instant>,
    n_started: u32,
    n_retries: u32,
    n_empty: u32,
    /// Keys that failed in this turn.
    tried: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Running {
    id: AttemptId,
    leg: LegId,
    ticket: Ticket,
    first_output_by: Instant,
    /// Its time for the first output is a lane's own.
    impatient: bool,
    output: bool,
}

#[derive(Clone, Copy, Debug)]
struct PendingLane {
    lane: PlannedLane,
    due: Instant,
}

/// All attempts of one turn.
#[derive(Debug)]
pub struct Attempts {
    plan: Arc<Plan>,
    budgets: Budgets,
    began: Instant,
    legs: Vec<LegState>,
    running: Vec<Running>,
    /// Lanes of the race that is on, not yet started. `None` without a race.
    race: Option<Vec<PendingLane>>,
    cancels: VecDeque<(AttemptId, Cancelled)>,
    losses: Vec<Loss>,
    n_started: u32,
    committed: bool,
    has_output: bool,
    outcome: Option<Outcome>,
    mutation: Mutation,
}

impl Attempts {
    /// A turn that begins now.
    pub fn new(plan: Arc<Plan>, budgets: Budgets, now: Instant) -> Self {
        let legs = vec![LegState::default(); plan.legs.len()];
        Self {
            plan,
            budgets,
            began: now,
            legs,
            running: Vec::new(),
            race: None,
            cancels: VecDeque::new(),
            losses: Vec::new(),
            n_started: 0,
            committed: false,
            has_output: false,
            outcome: None,
            mutation: Mutation::default(),
        }
    }

    /// The plan that is carried out.
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Tries that failed before their output, for `why` and the log.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// True once the head has been sent without output: faults are told inside the stream from then on.
    pub const fn is_committed(&self) -> bool {
        self.committed
    }

    /// Attempts started so far.
    pub const fn n_started(&self) -> u32 {
        self.n_started
    }

    /// What to do now.
    pub fn next(&mut self, tick: Tick, health: &mut Health) -> Decision {
        self.expire(tick, health);
        if let Some((attempt, why)) = self.cancels.pop_front() {
            return Decision::Cancel(attempt, why);
        }
        if let Some(outcome) = &self.outcome {
            return Decision::Finish(outcome.clone());
        }
        if self.commit_at().is_some_and(|at| at <= tick.now) {
            self.committed = true;
            return Decision::Commit;
        }
        if self.has_output && !self.running.is_empty() {
            return Decision::Wait(self.turn_end());
        }
        if let Some(start) = self.due_lane(tick, health) {
            return Decision::Start(start);
        }
        if !self.running.is_empty() {
            return Decision::Wait(self.wake_at());
        }
        self.begin(tick, health)
    }

    /// Nothing runs: picks what to start, or how long to wait.
    fn begin(&mut self, tick: Tick, health: &mut Health) -> Decision {
        let now = tick.now;
        let exhausted = now >= self.failover_end() || self.n_started >= self.budgets.attempts_max;
        let budget_is_over = exhausted && !self.mutation.is(Mutant::EndlessAttempts);
        match self.pick(&self.plan.tree, tick, health) {
            Pick::Leg(..) | Pick::Race(_) if budget_is_over => {
                self.give_up(None, Some("attempt_budget_exhausted"), now)
            }
            Pick::Leg(leg, key) => Decision::Start(self.start(leg, key, None, now, health)),
            Pick::Race(lanes) => {
                let pending =
                    lanes.iter().map(|lane| PendingLane { lane: *lane, due: now + lane.delay }).collect();
                self.race = Some(pending);
                match self.due_lane(tick, health) {
                    Some(start) => Decision::Start(start),
                    None => self.begin(tick, health),
                }
            }
            Pick::Later(at) => {
                let too_long = at > self.failover_end() || at > now + self.budgets.silent_wait_max;
                if (too_long && !self.mutation.is(Mutant::WaitTooLong)) || budget_is_over {
                    return self.give_up(Some(at), None, now);
                }
                Decision::Wait(self.commit_at().map_or(at, |commit| commit.min(at)))
            }
            Pick::Nothing => self.give_up(None, None, now),
        }
    }

    fn start(
        &mut self,
        leg: LegId,
        key: usize,
        ttft: Option<Duration>,
        now: Instant,
        health: &mut Health,
    ) -> Start {
        let end_by = self.turn_end();
        let limit = ttft.map_or(self.budgets.first_output, |ttft| ttft.min(self.budgets.first_output));
        let first_output_by = match self.mutation.is(Mutant::NoDeadline) {
            true => end_by + self.budgets.turn,
            false => (now + limit).min(end_by),
        };
        let ticket = health.started(&self.plan.legs[leg.0].backend, key, now, end_by);
        let state = &mut self.legs[leg.0];
        state.n_started += 1;
        state.not_before = None;
        let attempt = AttemptId(self.n_started);
        self.n_started += 1;
        self.running.push(Running {
            id: attempt,
            leg,
            ticket,
            first_output_by,
            impatient: ttft.is_some(),
            output: false,
        });
        let after_empty = self.legs[leg.0].n_empty > 0;
        Start { attempt, leg, key, first_output_by, end_by, probe: ticket.probe, after_empty }
    }

    /// The next lane of the race whose time has come. Lanes that cannot start are out.
    fn due_lane(&mut self, tick: Tick, health: &mut Health) -> Option<Start> {
        let now = tick.now;
        loop {
            let alone = self.running.is_empty();
            let pending = self.race.as_mut()?;
            let over =
                self.n_started >= self.budgets.attempts_max || now >= self.began + self.budgets.failover;
            if over {
                pending.drain(..).for_each(|lane| self.legs[lane.lane.leg.0].dead = true);
            }
            if pending.is_empty() {
                if alone {
                    self.race = None;
                }
                return None;
            }
            let (at, due) =
                pending.iter().enumerate().map(|(i, lane)| (i, lane.due)).min_by_key(|(_, due)| *due)?;
            // With nobody running there is nobody to give a head start to.
            if due > now && !alone {
                return None;
            }
            let PlannedLane { leg, ttft_timeout, .. } = pending.remove(at).lane;
            match self.pick_leg(leg, tick, health) {
                Pick::Leg(_, key) => return Some(self.start(leg, key, ttft_timeout, now, health)),
                Pick::Later(_) | Pick::Race(_) | Pick::Nothing => self.legs[leg.0].dead = true,
            }
        }
    }

    /// A lane fell out: the others need not wait for their handicap.
    fn hurry(&mut self, now: Instant) {
        self.race.iter_mut().flatten().for_each(|lane| lane.due = lane.due.min(now));
    }

    fn turn_end(&self) -> Instant {
        self.began + self.budgets.turn
    }

    fn failover_end(&self) -> Instant {
        self.began + self.budgets.failover.min(self.budgets.turn)
    }

    fn commit_at(&self) -> Option<Instant> {
        let due = self.budgets.commit_after.map(|after| self.began + after)?;
        (!self.committed && !self.has_output && self.outcome.is_none()).then_some(due)
    }

    /// The next thing that happens by itself while attempts run.
    fn wake_at(&self) -> Instant {
        let lanes = self.race.iter().flatten().map(|lane| lane.due);
        let deadlines = self.running.iter().map(|r| r.first_output_by);
        lanes.chain(deadlines).chain(self.commit_at()).fold(self.turn_end(), Instant::min)
    }
}
