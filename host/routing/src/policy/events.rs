//! What happened to an attempt or to the client, and what it changes.
use super::{AttemptId, Attempts, Cancelled, Loss, Outcome, Running, Tick, mutant::Mutant};
use crate::health::Health;
use base::{Fault, Kind, Retry, Side};

impl Attempts {
    /// The attempt's first output is there: its gate opens. Everybody else is cancelled before the next wait.
    pub fn on_first_output(&mut self, attempt: AttemptId, health: &mut Health) {
        let Some(winner) = self.running.iter().position(|r| r.id == attempt) else {
            return;
        };
        if self.has_output || self.outcome.is_some() {
            return;
        }
        self.running[winner].output = true;
        self.has_output = true;
        self.race = None;
        if !self.mutation.is(Mutant::KeepLosers) {
            self.cancel_all_but(Some(attempt), Cancelled::LostRace, health);
        }
    }

    /// The attempt ended well. Without an [`Self::on_first_output`] before it counts as an empty answer, which is tried again.
    pub fn on_success(&mut self, attempt: AttemptId, tick: Tick, health: &mut Health) {
        let Some(ended) = self.take(attempt) else { return };
        let backend = &self.plan.legs[ended.leg.0].backend;
        health.succeeded(backend, ended.ticket);
        if ended.output {
            self.outcome = Some(Outcome::Answered(attempt));
            return self.cancel_all_but(None, Cancelled::LostRace, health);
        }
        let fault = Fault::upstream(
            Kind::BadGateway,
            format!("{} gave an empty answer", self.plan.legs[ended.leg.0]),
        )
        .code("empty_response");
        let state = &mut self.legs[ended.leg.0];
        state.n_empty += 1;
        state.dead |= state.n_empty > self.budgets.empty_retries || self.race.is_some();
        self.losses.push(Loss { attempt, leg: ended.leg, key: ended.ticket.key, fault });
        self.hurry(tick.now);
    }

    /// The attempt failed. Before output it may be tried again or elsewhere; after output the fault is the outcome.
    pub fn on_fault(&mut self, attempt: AttemptId, fault: &Fault, tick: Tick, health: &mut Health) {
        if fault.kind == Kind::Cancelled && fault.side == Side::Client {
            return self.on_client_gone(health);
        }
        let Some(ended) = self.take(attempt) else { return };
        let leg = &self.plan.legs[ended.leg.0];
        if !self.mutation.is(Mutant::LearnNothing) {
            health.failed(&leg.backend, &leg.model, ended.ticket, fault, tick.now);
        }
        self.after_fault(&ended, fault, tick, health);
    }

    pub(super) fn take(&mut self, attempt: AttemptId) -> Option<Running> {
        let at = self.running.iter().position(|r| r.id == attempt)?;
        Some(self.running.remove(at))
    }

    pub(super) fn after_fault(&mut self, ended: &Running, fault: &Fault, tick: Tick, health: &mut Health) {
        if ended.output && !self.mutation.is(Mutant::RetryAfterOutput) {
            self.outcome = Some(Outcome::Failed { fault: fault.clone(), after_output: true });
            return;
        }
        self.losses.push(Loss {
            attempt: ended.id,
            leg: ended.leg,
            key: ended.ticket.key,
            fault: fault.clone(),
        });
        let lane = self.race.is_some();
        if fault.side == Side::Client || (fault.retry == Retry::Never && !lane) {
            self.outcome = Some(Outcome::Failed { fault: fault.clone(), after_output: false });
            return self.cancel_all_but(None, Cancelled::TurnOver, health);
        }
        self.judge(ended, fault, tick, health);
        self.hurry(tick.now);
    }

    /// The client went away. Nobody is to blame, and everything stops.
    pub fn on_client_gone(&mut self, health: &mut Health) {
        if self.outcome.is_none() {
            self.outcome = Some(Outcome::ClientGone);
            if !self.mutation.is(Mutant::DeafToCancel) {
                self.cancel_all_but(None, Cancelled::ClientGone, health);
            }
        }
    }

    fn cancel_all_but(&mut self, keep: Option<AttemptId>, why: Cancelled, health: &mut Health) {
        for gone in self.running.extract_if(.., |r| Some(r.id) != keep) {
            health.released(&self.plan.legs[gone.leg.0].backend, gone.ticket);
            self.cancels.push_back((gone.id, why));
        }
        self.race = None;
    }
}
