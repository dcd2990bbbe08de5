//! Bounds that all hosts count together, where they share a state. Each host keeps its own meters beside, by which it decides while the
//! state is away.
use super::meters::{Meters, READ_TIME, refused, spent_of, unix_now, unknown};
use access::{Client, Spent};
use base::{Fault, Kind, Retry};
use ledger::ledger::Ledger;
use ledger::reader::Charged;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use stores::bounds::{Answer, Bounds};
use tokio::sync::Notify;

/// How long a turn waits until it is told what its client had used before hosts began to count together.
const TELL_TIME: Duration = Duration::from_secs(2);
/// How long other hosts' ledgers may hold back rows of turns that have ended.
const WRITE_TIME: Duration = Duration::from_millis(250);
/// The time after which a ledger that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// What a host does with clients that have bounds while it cannot ask what others have let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutState {
    /// It decides by what it knows, and tells the others later.
    Alone,
    /// It lets none of them in.
    Refused,
}

/// Where hosts count together.
#[derive(Clone, Debug)]
pub struct Together {
    /// What they share.
    pub bounds: Arc<Bounds>,
    /// What is done without it.
    pub without: WithoutState,
}

/// Clients of which must be told what they had used before a moment.
#[derive(Debug, Default)]
pub(super) struct Untold {
    all: Mutex<HashMap<String, Duration>>,
    more: Notify,
    told: Notify,
}

impl Untold {
    /// Until that was told of `client`, or has taken too long.
    async fn wait(&self, client: &str, since: Duration) {
        self.all.lock().insert(client.to_owned(), since);
        self.more.notify_one();
        let told = async {
            loop {
                let told = self.told.notified();
                if !self.all.lock().contains_key(client) {
                    return;
                }
                told.await;
            }
        };
        // Too long: whoever waited asks once more in any case.
        let _ = tokio::time::timeout(TELL_TIME, told).await;
    }

    /// Until there are some.
    async fn some(&self) -> HashMap<String, Duration> {
        loop {
            let all = self.all.lock().clone();
            if !all.is_empty() {
                return all;
            }
            self.more.notified().await;
        }
    }

    fn done(&self, client: &str) {
        self.all.lock().remove(client);
        self.told.notify_waiters();
    }
}

impl Meters {
    /// Lets a turn begin by what all hosts know.
    ///
    /// # Errors
    /// As for [`Meters::begin`].
    pub(super) async fn begin_together(&self, client: &Client, together: &Together) -> Result<(), Fault> {
        let ask = || together.bounds.admit(&client.name, &client.limits);
        let mut answer = ask().await;
        if let Ok(Answer::Untold(since)) = answer {
            self.untold.wait(&client.name, since).await;
            answer = ask().await;
        }
        match (answer, together.without) {
            (Ok(Answer::In { at, day, month }), _) => {
                self.learn(client, at, (day, month));
                Ok(())
            }
            (Ok(Answer::Out { which, used, wait, at }), _) => {
                Err(refused(client.limits.too_much(which, (used, wait), at)))
            }
            (Ok(Answer::Untold(_)), _) => Err(unknown()),
            (Err(_), WithoutState::Refused) => Err(away()),
            (Err(_), WithoutState::Alone) => {
                self.begin_alone(client)?;
                together.bounds.spent(&client.name, unix_now(), Spent { turns: 1, ..Spent::default() });
                Ok(())
            }
        }
    }

    /// Tells from `ledger` what clients had used before, whenever some are asked for.
    pub(super) async fn tell(&self, ledger: &Ledger) -> Infallible {
        let Some(together) = &self.accounting.together else { return std::future::pending().await };
        let mut is_logged = false;
        loop {
            self.untold.some().await;
            tokio::time::sleep(WRITE_TIME).await;
            let all = self.untold.some().await;
            // One look for all: of those whose counting began earlier, a moment may count twice, and none is lost.
            let before = all.values().max().copied().unwrap_or_default();
            match ledger.charged(before).await {
                Ok(charged) => {
                    is_logged = false;
                    for (client, since) in &all {
                        // Where it was not heard, the turns that wait for it find out themselves.
                        let _ = together.bounds.tell(client, *since, used_by(client, &charged)).await;
                        self.untold.done(client);
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_logged, true) {
                        tracing::warn!(%error, "what clients have used before cannot be told to other hosts: those with a bound of a day or a month wait");
                    }
                    tokio::time::sleep(READ_AGAIN).await;
                }
            }
        }
    }

    /// How many sums are still to be told, where hosts count together.
    pub(super) fn owed(&self) -> Option<u64> {
        self.accounting.together.as_ref().map(|together| together.bounds.owed())
    }

    /// Tells what is left to tell.
    pub(super) async fn finish(&self) {
        if let Some(together) = &self.accounting.together {
            together.bounds.finish().await;
        }
    }
}

fn used_by(client: &str, charged: &[Charged]) -> [Spent; 2] {
    let own = charged.iter().find(|own| own.caller == client);
    own.map_or_else(<[Spent; 2]>::default, |own| [spent_of(own.day), spent_of(own.month)])
}

/// Nobody can be asked.
fn away() -> Fault {
    let sentence = "what this key has used on other hosts is not known at the moment";
    let fault =
        Fault::host(Kind::Unavailable, sentence).code("budget_unknown").retry(Retry::After(READ_TIME));
    fault.hint("Try again in a moment; the host's log says why the shared state is away")
}

#[cfg(test)]
mod tests {
    use super::super::meters::Accounting;
    use super::*;
    use access::{Clients, KeyHash, Limits};
    use stores::address::Address;
    use stores::bounds::Before;
    use stores::keys::Keys;
    use stores::link::Link;

    #[tokio::test]
    async fn without_the_state_a_host_decides_alone_or_lets_nobody_in() {
        let address = Address::parse("redis://127.0.0.1:1").expect("an address");
        let link = Link::open(address, Keys::new("t:"), &tokio::runtime::Handle::current());
        let limits = Limits { turns_per_day: Some(2), ..Limits::default() };
        let ann = Client { name: "ann".to_owned(), limits, ..Client::default() };
        let meters = |without| {
            let together =
                Some(Together { bounds: Bounds::new(Arc::clone(&link), Before::Nothing), without });
            let clients = Clients::new([(KeyHash::of(b"a"), ann.clone())]);
            Meters::new(&clients, Accounting { together, ..Accounting::default() })
        };
        let alone = meters(WithoutState::Alone);
        assert_eq!(alone.owed(), Some(0));
        assert!(alone.begin(&ann).await.is_ok() && alone.begin(&ann).await.is_ok());
        let fault = alone.begin(&ann).await.expect_err("the third");
        assert_eq!((fault.status(), fault.code.as_deref()), (429, Some("budget_spent")));
        assert_eq!(alone.owed(), Some(1), "one sum of two turns");
        let strict = meters(WithoutState::Refused);
        let fault = strict.begin(&ann).await.expect_err("nobody knows");
        assert_eq!((fault.status(), fault.code.as_deref()), (503, Some("budget_unknown")));
        assert!(strict.begin(&Client::default()).await.is_ok(), "who has no bound asks nobody");
        assert_eq!(strict.owed(), Some(0));
    }
}
