//! What turns tell of the accounts that they used.
use crate::account::{Account, State};
use crate::cooldown::Steps;
use crate::core::Core;
use crate::lease::{Lease, Outcome};
use crate::marks::{ALL, Marks};
use crate::pool::Pool;
use crate::saver::Change;
use crate::slot::Known;

/// Marks of use are written this often at most; what matters is written at once.
const MARKS_EVERY_MS: u64 = 60_000;

impl Pool {
    /// How a request with `lease` went. Counts at once; it is written behind the turns.
    pub async fn report(&self, lease: &Lease, outcome: Outcome) {
        let Some(slot) = self.slots.lock().get(&lease.account).cloned() else { return };
        let change = slot.known.lock().note(&self.core, lease, outcome);
        if let Some(change) = change {
            slot.saver.push(&self.core, &slot, change);
        }
    }
}

impl Known {
    /// Applies an outcome, and tells what has to be written.
    fn note(&mut self, core: &Core, lease: &Lease, outcome: Outcome) -> Option<Change> {
        let now_ms = core.now_ms();
        // A token that is not the account's any more says nothing about the account's login.
        let is_current = self.account.as_ref().and_then(Account::access_print).as_ref() == Some(&lease.print);
        let is_due = now_ms.saturating_sub(self.saved_ms) >= MARKS_EVERY_MS;
        let account = self.account.as_mut()?;
        let change = match outcome {
            Outcome::Success { scope } => {
                let is_reset = account.marks.succeed(&scope, now_ms);
                // Blocked before this host began, and not any more.
                if self.blocked.is_none() && matches!(account.state, State::Blocked { .. }) {
                    account.state = State::Ready;
                    Some(Change::State(State::Ready))
                } else {
                    (is_reset || is_due).then_some(Change::Marks)
                }
            }
            Outcome::Cooling { scope, until_ms, why } => {
                let spec = &core.spec;
                let steps = Steps { first_ms: spec.cooldown_ms, max_ms: spec.cooldown_max_ms };
                let old = account.marks.cooldowns.get(&scope).copied();
                let rest = steps.mark(old, now_ms, until_ms, lease.random);
                let (title, rest_s) = (account.title(), rest.until_ms.saturating_sub(now_ms) / 1000);
                tracing::info!(backend = spec.backend, account = title, scope, "rests for {rest_s} s: {why}");
                account.marks.cooldowns.insert(scope, rest);
                account.marks.bound();
                Some(Change::Marks)
            }
            Outcome::Blocked { reason, url } => {
                account.state = State::Blocked { reason: reason.clone(), url: url.clone() };
                self.blocked = Some((reason, url));
                Some(Change::State(account.state.clone()))
            }
            Outcome::NeedsLogin { reason } if is_current => {
                account.bury();
                account.state = State::NeedsLogin { since_ms: now_ms, reason };
                Some(Change::Over(account.refresh_print(), account.state.clone()))
            }
            Outcome::NeedsLogin { .. } => None,
        };
        if change.is_some() {
            self.saved_ms = now_ms;
        }
        change
    }
}

impl Marks {
    /// A turn succeeded. True: that ended a row of rests.
    fn succeed(&mut self, scope: &str, now_ms: u64) -> bool {
        self.last_success_ms = now_ms;
        let mut is_reset = false;
        for scope in [scope, ALL] {
            if let Some(rest) = self.cooldowns.get_mut(scope).filter(|rest| rest.count > 0) {
                *rest = rest.reset(now_ms);
                is_reset = true;
            }
        }
        is_reset
    }
}
