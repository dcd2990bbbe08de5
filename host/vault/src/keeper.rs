//! One refresh of one account, from the lock to the stored answer.
//!
//! The order is what keeps tokens: lock, read what is there now, note on the disk what is about to be sent (a full disk shows here,
//! before the server uses the old token up), send, store the answer, and only then let anybody see it.
use crate::account::{Account, Attempt, State};
use crate::core::{Core, Trouble};
use crate::place::{Hold, Locked, Sight};
use crate::print::TokenPrint;
use crate::provider::{RefreshError, Renewal};
use crate::records::{Copies, Unkept};
use crate::renewed::store;
use crate::slot::{Failure, Prints, Slot, Unsaved};
use crate::token::{self, Move};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A connector that is not done by then is not waited for; the server may have answered.
const ASK_MAX: Duration = Duration::from_secs(90);
/// So often one refresh is tried while turns wait.
const TRIES_MAX: u32 = 4;
/// So often one refresh asks the server, whatever is found in between.
const ROUNDS_MAX: u32 = 12;
/// A server that asks for a longer pause is asked again later.
const PAUSE_MAX_MS: u64 = 5_000;
/// The pause before a refresh token is sent again whose answer was lost.
const REPLAY_PAUSE: Duration = Duration::from_secs(1);
/// The pause after the replay's answer was lost as well, and the longest such one.
const LOST_PAUSE_MS: u64 = 30_000;
const LOST_PAUSE_MAX_MS: u64 = 600_000;
/// The longest pause before tokens are stored once more that many hosts share.
const UNSAVED_PAUSE_MAX_MS: u64 = 4_000;
/// The pause after the connector said that it is set up wrongly.
const CONFIG_PAUSE_MS: u64 = 60_000;

/// Renews the account's tokens, unless somebody else has done so already.
pub(crate) async fn renew(core: Arc<Core>, slot: Arc<Slot>) -> Result<(), Trouble> {
    let result = take_turn(&core, &slot).await;
    if result.is_err() {
        core.renewals.failed.fetch_add(1, Ordering::Relaxed);
    }
    // Hosts wait for tokens that this one could not store.
    let is_waited_for = slot.place.records.are_far() && slot.unsaved.lock().is_some();
    let mut known = slot.known.lock();
    let title = known.account.as_ref().map_or(slot.place.name.as_str(), Account::title).to_owned();
    let backend = &core.spec.backend;
    match &result {
        Ok(()) => known.failure = None,
        Err(Trouble::NeedsLogin { reason }) => {
            known.failure = None;
            tracing::warn!(
                backend,
                account = title,
                "{title} has to log in again, {reason}: {}",
                core.login_hint()
            );
        }
        Err(trouble @ Trouble::Failed { why, hint, retry_after_ms }) => {
            let n_failed = known.failure.as_ref().map_or(0, |f| f.n_failed).saturating_add(1);
            let pause_ms =
                retry_after_ms.map_or(CONFIG_PAUSE_MS, |told| token::back_off_ms(n_failed, Some(told)));
            let pause_ms = if is_waited_for { pause_ms.min(UNSAVED_PAUSE_MAX_MS) } else { pause_ms };
            let retry_at_ms = core.now_ms().saturating_add(pause_ms);
            known.failure = Some(Failure { trouble: trouble.clone(), n_failed, retry_at_ms });
            let pause_s = pause_ms / 1000;
            tracing::warn!(
                backend,
                account = title,
                "the token of {title} could not be renewed, {why}: {hint}; next try in {pause_s} s"
            );
        }
    }
    result
}

/// Everything that happens under the lock.
async fn take_turn(core: &Core, slot: &Slot) -> Result<(), Trouble> {
    let unsaved = slot.unsaved.lock().take();
    if let Some(unsaved) = unsaved {
        return store(core, slot, unsaved, None).await;
    }
    let lock = slot.place.lock(core).await?;
    match exchange(core, slot, &lock).await {
        Ok(Some(Exchanged { account, began, in_file })) => {
            let refused = began[0].clone();
            store(core, slot, Unsaved { account, began, lock }, in_file).await?;
            slot.known.lock().forced(refused);
            core.renewals.succeeded.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        other => {
            lock.release().await;
            other.map(drop)
        }
    }
}

/// New tokens, which are stored nowhere yet.
struct Exchanged {
    account: Account,
    /// The tokens that they were got for.
    began: Prints,
    /// The refresh token that the client's file holds.
    in_file: Option<TokenPrint>,
}

/// Gets new tokens; none where there are some already.
async fn exchange(core: &Core, slot: &Slot, lock: &Locked) -> Result<Option<Exchanged>, Trouble> {
    let loaded = slot.place.load(core, Hold::Locked(lock)).await;
    let in_file = loaded.in_file.clone();
    let (sight, problem) = (loaded.sight, loaded.problem.clone());
    let (Some(account), Sight::Good) = (slot.learn(loaded), sight) else {
        return Err(Trouble::soon(problem.unwrap_or_else(|| "the account is not there any more".into())));
    };
    if let State::NeedsLogin { reason, .. } = account.state {
        return Err(Trouble::NeedsLogin { reason });
    }
    if slot.known.lock().next_move(core) == Move::Use {
        return Ok(None);
    }
    let mut exchange = Exchange { core, slot, lock, account, in_file, n_tries: 0 };
    let Some(renewal) = exchange.run().await? else { return Ok(None) };
    let Exchange { mut account, in_file, .. } = exchange;
    let began = account.prints();
    account.renew(renewal, core.now_ms());
    account.book.seen.clone_from(&in_file);
    account.book.is_pending = slot.place.writable().is_some();
    Ok(Some(Exchanged { account, began, in_file }))
}

/// The talk with the server.
struct Exchange<'a> {
    core: &'a Core,
    slot: &'a Slot,
    lock: &'a Locked,
    account: Account,
    /// The refresh token that the client's file holds.
    in_file: Option<TokenPrint>,
    n_tries: u32,
}

impl Exchange<'_> {
    /// Until there are new tokens, or somebody else's, or no hope.
    async fn run(&mut self) -> Result<Option<Renewal>, Trouble> {
        loop {
            let Some(print) = self.account.live_refresh() else {
                return Err(self
                    .over("because its token is not valid any more and there is nothing to renew it with")
                    .await);
            };
            if self.n_tries == ROUNDS_MAX {
                return Err(Trouble::soon("the login server refuses one refresh token after the other"));
            }
            self.n_tries += 1;
            let n_sent = self.note(print).await?;
            let asked = timeout(ASK_MAX, self.core.provider.refresh(self.account.clone())).await;
            let lost = || Err(RefreshError::Unanswered("no answer in 90 s".into()));
            match asked.unwrap_or_else(|_| lost()) {
                Ok(renewal) => return Ok(Some(renewal)),
                Err(RefreshError::Gone(why)) => {
                    if self.gone(&why, n_sent).await? {
                        return Ok(None);
                    }
                }
                Err(error @ RefreshError::Unanswered(_)) => {
                    if n_sent >= 2 {
                        let doubled = LOST_PAUSE_MS << (n_sent - 2).min(8);
                        return Err(failed(&error, doubled.min(LOST_PAUSE_MAX_MS)));
                    }
                    sleep(REPLAY_PAUSE).await;
                }
                Err(error @ RefreshError::Unsent(_)) => self.again(&error, None).await?,
                Err(RefreshError::Later { why, retry_after_ms }) => {
                    let error = RefreshError::Later { why, retry_after_ms };
                    self.again(&error, retry_after_ms).await?;
                }
                Err(error @ RefreshError::Config(_)) => {
                    self.forget_attempt().await;
                    let hint = "check the backend's settings".into();
                    return Err(Trouble::Failed { why: error.to_string(), hint, retry_after_ms: None });
                }
            }
        }
    }

    /// Notes on the disk that the refresh token is about to be sent. How often it was, with this time.
    async fn note(&mut self, print: TokenPrint) -> Result<u32, Trouble> {
        let since_ms = self.core.now_ms();
        let book = &mut self.account.book;
        let attempt = match book.attempt.take().filter(|attempt| attempt.print == print) {
            Some(attempt) => Attempt { n_sent: attempt.n_sent.saturating_add(1), ..attempt },
            None => Attempt { print, n_sent: 1, since_ms },
        };
        let n_sent = attempt.n_sent;
        book.attempt = Some(attempt);
        let saved = self.save(Copies::One).await;
        saved.map_err(|e| Trouble::unkept("the account cannot be stored", e))?;
        Ok(n_sent)
    }

    async fn save(&mut self, copies: Copies) -> Result<(), Unkept> {
        if let Some(known) = &self.slot.known.lock().account {
            self.account.marks.merge(&known.marks);
        }
        self.lock.save(self.core, &mut self.account, copies).await
    }

    /// The token was not used up: a short pause and another try, or the end of this refresh.
    async fn again(&mut self, error: &RefreshError, retry_after_ms: Option<u64>) -> Result<(), Trouble> {
        self.forget_attempt().await;
        let pause_ms = token::back_off_ms(self.n_tries, retry_after_ms);
        if self.n_tries >= TRIES_MAX || pause_ms > PAUSE_MAX_MS {
            return Err(failed(error, retry_after_ms.unwrap_or(0)));
        }
        sleep(Duration::from_millis(pause_ms)).await;
        Ok(())
    }

    /// The server answered, or was never reached: nothing is open any more.
    async fn forget_attempt(&mut self) {
        self.account.book.attempt = None;
        // Where this is lost, a later sentence speaks of a lost answer that was none.
        let _ = self.save(Copies::One).await;
    }

    /// The refresh token is dead. True: somebody else has stored tokens that can be used as they are; false: another one can be sent.
    async fn gone(&mut self, why: &str, n_sent: u32) -> Result<bool, Trouble> {
        self.account.bury();
        let dead = self.account.book.dead.clone();
        // A client that was faster may still be about to write what it got.
        let pauses: &[u64] = if self.slot.place.source.is_some() { &[0, 250, 750, 1500] } else { &[0] };
        for pause_ms in pauses {
            sleep(Duration::from_millis(*pause_ms)).await;
            if let Some(is_usable) = self.take_other(&dead).await {
                return Ok(is_usable);
            }
        }
        let reason = if n_sent > 1 {
            format!(
                "because the answer to its last refresh was lost and the server had used the refresh token up ({why})"
            )
        } else {
            format!("because the login server refused its refresh token ({why})")
        };
        Err(self.over(&reason).await)
    }

    /// Takes over other tokens than ours, if somebody has stored some. Whether these can be used as they are.
    async fn take_other(&mut self, dead: &[TokenPrint]) -> Option<bool> {
        let mut found = self.slot.place.load(self.core, Hold::Locked(self.lock)).await;
        let is_other = |account: &Account| match account.refresh_print() {
            Some(print) => !dead.contains(&print),
            None => account.access_print() != self.account.access_print(),
        };
        let mut other =
            found.account.take().filter(|account| found.sight == Sight::Good && is_other(account))?;
        other.book.dead = dead.to_vec();
        self.in_file = found.in_file.take();
        self.account = other.clone();
        found.account = Some(other);
        self.slot.learn(found);
        Some(self.slot.known.lock().next_move(self.core) == Move::Use)
    }

    /// Only a human can help now. Stored, so that no process tries again.
    async fn over(&mut self, reason: &str) -> Trouble {
        let since_ms = self.core.now_ms();
        self.account.book.attempt = None;
        self.account.state = State::NeedsLogin { since_ms, reason: reason.to_owned() };
        match self.save(Copies::Both).await {
            // The one who has it now may have got what the server refused us.
            Err(error @ Unkept::Lost) => return Trouble::soon(error.to_string()),
            // Where it cannot be stored it is known in memory, and another process finds out by itself.
            Ok(()) | Err(Unkept::Disk(_) | Unkept::Shared { .. }) => {}
        }
        self.slot.known.lock().account = Some(self.account.clone());
        Trouble::NeedsLogin { reason: reason.to_owned() }
    }
}

fn failed(error: &RefreshError, retry_after_ms: u64) -> Trouble {
    let hint = match error {
        RefreshError::Unsent(_) => "check the network",
        RefreshError::Unanswered(_) | RefreshError::Later { .. } => "try again later",
        RefreshError::Gone(_) | RefreshError::Config(_) => "log in again",
    };
    Trouble::Failed { why: error.to_string(), hint: hint.into(), retry_after_ms: Some(retry_after_ms) }
}
