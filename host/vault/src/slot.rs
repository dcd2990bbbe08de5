//! One account in memory: what is known of it, and the one refresh that may run.
use crate::account::{Account, State};
use crate::core::{Core, Trouble};
use crate::disk::Stamp;
use crate::keeper;
use crate::lease::Lease;
use crate::marks::Marks;
use crate::place::{Loaded, Locked, Place, Sight};
use crate::print::TokenPrint;
use crate::saver::Saver;
use crate::select::Candidate;
use crate::store;
use crate::token::{self, Move, Standing};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// So many tokens that were handed out are recognised when they come back refused.
const RECENT_MAX: usize = 8;

/// One account in memory.
pub(crate) struct Slot {
    pub(crate) place: Place,
    pub(crate) known: Mutex<Known>,
    /// Tokens that were renewed and could not be stored, with the lock that keeps everybody else from the old ones.
    pub(crate) unsaved: Mutex<Option<Unsaved>>,
    flight: Mutex<Option<(AbortHandle, Flight)>>,
    pub(crate) saver: Saver,
}

/// A refresh that is on its way. All who need it wait for the same one.
pub(crate) type Flight = Shared<BoxFuture<'static, Result<(), Trouble>>>;

/// Renewed tokens that could not be stored.
pub(crate) struct Unsaved {
    pub(crate) account: Account,
    /// The tokens that they were got for.
    pub(crate) began: Prints,
    pub(crate) lock: Locked,
}

/// The prints of an account's access and refresh token.
pub(crate) type Prints = [Option<TokenPrint>; 2];

/// What is known of an account.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) account: Option<Account>,
    /// What cannot be read or written, in a sentence.
    pub(crate) problem: Option<String>,
    /// Shut out by the provider, as this process saw it.
    pub(crate) blocked: Option<(String, Option<String>)>,
    /// The token that the provider refused.
    pub(crate) refused: Option<TokenPrint>,
    /// The token that is still the same after a forced refresh.
    pub(crate) forced: Option<TokenPrint>,
    pub(crate) failure: Option<Failure>,
    pub(crate) recent: VecDeque<TokenPrint>,
    /// The state of the files that were read last.
    pub(crate) stamps: Option<[Option<Stamp>; 3]>,
    /// When marks were last written.
    pub(crate) saved_ms: u64,
    /// When the client's file was last brought up to date, or tried to.
    pub(crate) caught_up_ms: u64,
}

/// A refresh that failed, and may succeed later.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) trouble: Trouble,
    pub(crate) n_failed: u32,
    pub(crate) retry_at_ms: u64,
}

/// How an account stands for a turn.
#[derive(Clone, Debug)]
pub(crate) enum View {
    Usable(Candidate),
    Resting { until_ms: u64 },
    NeedsLogin { reason: String },
    Blocked { reason: String, url: Option<String> },
    Absent,
}

impl Slot {
    pub(crate) fn new(place: Place) -> Self {
        let (known, unsaved, flight) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { place, known, unsaved, flight, saver: Saver::default() }
    }

    /// Takes over what was found, and tells what is known now. What cannot be read does not push out what was good.
    pub(crate) fn learn(&self, loaded: Loaded) -> Option<Account> {
        let mut known = self.known.lock();
        known.problem = loaded.problem;
        let old = known.account.take();
        known.account = match (loaded.sight, loaded.account, old) {
            (Sight::Gone, _, _) => None,
            (Sight::Unreadable, found, old) => old.or(found),
            // Read before the last refresh was stored, and brought here after it.
            (Sight::Good, Some(account), Some(old)) if store::follows(&old, &account) => Some(old),
            (Sight::Good, Some(mut account), Some(old)) => {
                account.marks.merge(&old.marks);
                if old.access_print() != account.access_print() || account.state != old.state {
                    known.failure = None;
                }
                Some(account)
            }
            (Sight::Good, found, _) => found,
        };
        known.account.clone()
    }

    /// The provider refused a token. Whoever comes for it now gets another one, or the reason.
    pub(crate) fn refuse(&self, print: &TokenPrint) -> Result<(), Trouble> {
        let mut known = self.known.lock();
        if known.account.as_ref().and_then(Account::access_print).as_ref() != Some(print) {
            return Ok(());
        }
        if known.forced.as_ref() == Some(print) {
            let why = "the provider refuses a token that was just renewed".into();
            let hint = "see whether the account may still use this provider".into();
            return Err(Trouble::Failed { why, hint, retry_after_ms: None });
        }
        known.refused = Some(print.clone());
        Ok(())
    }

    /// The refresh that runs, or a new one.
    pub(crate) fn fly(self: &Arc<Self>, core: &Arc<Core>) -> Flight {
        let mut flight = self.flight.lock();
        if let Some((task, running)) = &*flight
            && !task.is_finished()
        {
            return running.clone();
        }
        let task = tokio::spawn(keeper::renew(Arc::clone(core), Arc::clone(self)));
        let handle = task.abort_handle();
        let next = async move { task.await.unwrap_or_else(|_| Err(Trouble::soon("internal error"))) };
        let next = next.boxed().shared();
        *flight = Some((handle, next.clone()));
        next
    }

    /// Waits for what runs in the background, and stores what could not be stored before.
    pub(crate) async fn settle(self: &Arc<Self>, core: &Arc<Core>) {
        let running = self.flight.lock().as_ref().map(|(_, flight)| flight.clone());
        if let Some(running) = running {
            let _ = running.await;
        }
        self.saver.settle().await;
        if self.unsaved.lock().is_some() {
            let _ = self.fly(core).await;
        }
    }
}

impl Known {
    /// What to do with its token.
    pub(crate) fn next_move(&self, core: &Core) -> Move {
        let Some(account) = &self.account else { return Move::Renew };
        token::next_move(account, self.standing(account), core.now_ms(), core.spec.refresh_early_ms)
    }

    fn standing(&self, account: &Account) -> Standing {
        if self.refused.is_some() && account.access_print() == self.refused {
            return Standing::Refused;
        }
        if self.failure.is_some() { Standing::Failing } else { Standing::Fine }
    }

    /// The failure that still has to be waited out, with the time that is left.
    pub(crate) fn backing_off(&self, now_ms: u64) -> Option<Trouble> {
        let failure = self.failure.as_ref().filter(|failure| now_ms < failure.retry_at_ms)?;
        let mut trouble = failure.trouble.clone();
        if let Trouble::Failed { retry_after_ms: Some(left_ms), .. } = &mut trouble {
            *left_ms = failure.retry_at_ms - now_ms;
        }
        Some(trouble)
    }

    /// A forced refresh is done. A token that it did not change is not forced again.
    pub(crate) fn forced(&mut self, before: Option<TokenPrint>) {
        if before.is_some() && self.refused == before {
            let now = self.account.as_ref().and_then(Account::access_print);
            self.forced = before.filter(|print| now.as_ref() == Some(print));
            self.refused = None;
        }
    }

    /// How it stands for a turn that wants `scope`.
    pub(crate) fn view(&self, scope: &str, now_ms: u64) -> View {
        let Some(account) = &self.account else { return View::Absent };
        if let State::NeedsLogin { reason, .. } = &account.state {
            return View::NeedsLogin { reason: reason.clone() };
        }
        if let Some((reason, url)) = &self.blocked {
            return View::Blocked { reason: reason.clone(), url: url.clone() };
        }
        if let Some(until_ms) = account.marks.resting(scope, now_ms) {
            return View::Resting { until_ms };
        }
        let Marks { last_used_ms, last_success_ms, .. } = account.marks;
        let (name, strikes) = (account.name.clone(), account.marks.strikes(scope));
        View::Usable(Candidate { name, strikes, last_used_ms, last_success_ms })
    }

    /// Hands out its token.
    pub(crate) fn lease(&mut self, now_ms: u64, random: u64) -> Result<Lease, Trouble> {
        let Some(account) = &mut self.account else { return Err(Trouble::soon("the account is gone")) };
        let Some(token) = account.access_token.clone() else { return Err(Trouble::soon("it has no token")) };
        account.marks.last_used_ms = now_ms;
        let lease = Lease::new(account, token, random);
        self.recognise(&lease.print);
        Ok(lease)
    }

    fn recognise(&mut self, print: &TokenPrint) {
        if self.recent.back() == Some(print) {
            return;
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(print.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::files::Files;

    fn slot() -> Slot {
        let records = Arc::new(Files { folder: "v".into(), disk: Arc::new(RealDisk) });
        Slot::new(Place { name: "a".into(), records, record: "a".into(), source: None })
    }

    fn seen(sight: Sight, account: Option<(u64, u64)>, problem: Option<&str>) -> Loaded {
        let account = account.map(|(created_ms, revision)| {
            let mut account = Account::new("b", "a");
            account.created_ms = created_ms;
            account.book.revision = revision;
            account
        });
        Loaded { sight, account, problem: problem.map(str::to_owned), in_file: None }
    }

    #[test]
    fn late_and_broken_looks_do_not_push_out_what_is_known() {
        let slot = slot();
        for (loaded, want) in [
            (seen(Sight::Good, Some((1, 5)), None), Some((1, 5))),
            (seen(Sight::Good, Some((1, 4)), None), Some((1, 5))),
            (seen(Sight::Unreadable, Some((1, 3)), Some("broken")), Some((1, 5))),
            (seen(Sight::Unreadable, None, Some("broken")), Some((1, 5))),
            (seen(Sight::Good, Some((1, 6)), None), Some((1, 6))),
            (seen(Sight::Good, Some((2, 1)), None), Some((2, 1))),
            (seen(Sight::Gone, None, None), None),
            (seen(Sight::Unreadable, Some((1, 3)), Some("broken")), Some((1, 3))),
        ] {
            let told = format!("{loaded:?}");
            let known = slot.learn(loaded).map(|account| (account.created_ms, account.book.revision));
            assert_eq!(known, want, "{told}");
        }
    }
}
