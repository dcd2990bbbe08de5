//! What a fault means for its leg, and what the client is told when nothing is left.
use super::{AttemptId, Attempts, Cancelled, Decision, Loss, Outcome, Running, Tick};
use crate::{health::Health, keys::KeyPick};
use base::{Fault, Kind, Retry};
use std::time::{Duration, Instant};

/// Characters of one leg's fault in the summary of many.
const SUMMARY_CHARS: usize = 160;

impl Attempts {
    /// Decides about the leg of a fault before output: another key, a wait, or never again in this turn.
    pub(super) fn judge(&mut self, ended: &Running, fault: &Fault, tick: Tick, health: &Health) {
        let Some(state) = self.legs.get_mut(ended.leg.0) else {
            return;
        };
        if self.race.is_some() {
            state.dead = true;
            return;
        }
        let target = &self.plan.legs[ended.leg.0];
        let about_the_key = matches!(fault.kind, Kind::Unauthorized | Kind::RateLimited | Kind::Forbidden);
        let mut tried = state.tried.clone();
        tried.push(ended.ticket.key);
        let other_key = about_the_key
            && matches!(health.pick(&target.backend, &target.model, &tried, tick.now), KeyPick::Now(_));
        if other_key {
            state.tried = tried;
            return;
        }
        let wait = match fault.retry {
            Retry::Never | Retry::Elsewhere => None,
            Retry::Soon => Some(self.budgets.backoff(state.n_retries, tick.rand)),
            Retry::After(wait) => Some(wait.max(self.budgets.retry_wait_min)),
        };
        match wait {
            Some(wait) if state.n_retries < self.budgets.leg_retries => {
                state.n_retries += 1;
                state.not_before = tick.now.checked_add(wait);
                state.dead = state.not_before.is_none();
                // Every key that rests may come back for the wait's end.
                state.tried.clear();
            }
            Some(_) | None => state.dead = true,
        }
    }

    /// Deadlines that have passed become faults.
    pub(super) fn expire(&mut self, tick: Tick, health: &mut Health) {
        let end = self.turn_end();
        let late = |r: &Running| {
            if r.output { end <= tick.now } else { r.first_output_by.min(end) <= tick.now }
        };
        while let Some(id) = self.running.iter().find(|r| late(r)).map(|r| r.id) {
            self.time_out(id, tick, health);
        }
    }

    fn time_out(&mut self, id: AttemptId, tick: Tick, health: &mut Health) {
        let Some(ended) = self.take(id) else { return };
        let leg = &self.plan.legs[ended.leg.0];
        let fault = Fault::upstream(Kind::Timeout, format!("{leg} did not answer in time")).code("timeout");
        // A lane's own short limit says what its user likes, not that the backend is ill.
        match ended.impatient {
            true => health.released(&leg.backend, ended.ticket),
            false => health.failed(&leg.backend, &leg.model, ended.ticket, &fault, tick.now),
        }
        self.cancels.push_back((id, Cancelled::Timeout));
        self.after_fault(&ended, &fault, tick, health);
    }

    /// Ends the turn. `at` is when something could have been tried again.
    pub(super) fn give_up(
        &mut self,
        at: Option<Instant>,
        code: Option<&'static str>,
        now: Instant,
    ) -> Decision {
        let fault = self.final_fault(at.map(|at| at.saturating_duration_since(now)), code);
        let outcome = Outcome::Failed { fault, after_output: false };
        self.outcome = Some(outcome.clone());
        Decision::Finish(outcome)
    }

    fn final_fault(&self, wait: Option<Duration>, code: Option<&'static str>) -> Fault {
        let Some(last) = self.losses.last() else {
            return self.never_started(wait);
        };
        // One leg alone: its own words say most, and SDKs know its status.
        if self.losses.iter().all(|loss| loss.leg == last.leg) && self.plan.legs.len() == 1 {
            return last.fault.clone();
        }
        let told = self.losses.iter().filter_map(|loss| match loss.fault.retry {
            Retry::After(wait) => Some(wait),
            Retry::Never | Retry::Elsewhere | Retry::Soon => None,
        });
        let retry = told.chain(wait).min().map_or(Retry::Soon, Retry::After);
        let limited = self.losses.iter().all(|loss| loss.fault.kind == Kind::RateLimited);
        let kind = if limited { Kind::RateLimited } else { Kind::Unavailable };
        let mut fault = Fault::upstream(kind, format!("every leg of the route failed: {}", self.summary()))
            .retry(retry)
            .code(code.unwrap_or("failover_exhausted"));
        if code.is_some() {
            fault = fault.hint("The budget for attempts is used up");
        }
        fault
    }

    fn summary(&self) -> String {
        let one = |loss: &Loss| {
            let said: String = loss.fault.message.chars().take(SUMMARY_CHARS).collect();
            let leg = self.plan.legs.get(loss.leg.0).map(ToString::to_string).unwrap_or_default();
            format!("{leg} ({}): {said}", loss.fault.status())
        };
        self.losses.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    fn never_started(&self, wait: Option<Duration>) -> Fault {
        let legs: Vec<String> = self.plan.legs.iter().map(ToString::to_string).collect();
        let legs = legs.join(", ");
        match wait {
            Some(wait) => Fault::upstream(Kind::Unavailable, format!("{legs}: resting after earlier faults"))
                .retry(Retry::After(wait))
                .hint(format!("Try again in {} s, or switch with !/backend(name)", wait.as_secs() + 1))
                .code("temporarily_unavailable"),
            None => {
                Fault::upstream(Kind::Unavailable, format!("{legs}: every key was refused by the provider"))
                    .retry(Retry::Never)
                    .hint("Check the API keys, then reactivate the backend")
                    .code("no_usable_key")
            }
        }
    }
}
