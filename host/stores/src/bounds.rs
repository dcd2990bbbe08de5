//! Bounds of client keys that many hosts count together. Each question is one script, which the server carries out at once: of turns
//! that come to several hosts at the same moment no more are let in than a bound allows.
mod owed;

use crate::link::{Link, Lost};
use access::{Limits, Spent, Which};
use base::calendar::{DAY_S, month};
use owed::{Owed, Word};
use parking_lot::Mutex;
use redis::{Script, Value};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const ADMIT: &str = concat!(include_str!("bounds/calendar.lua"), include_str!("bounds/admit.lua"));
const SPEND: &str = concat!(include_str!("bounds/calendar.lua"), include_str!("bounds/spend.lua"));
const TELL: &str = include_str!("bounds/tell.lua");
/// Units a minute that are no bound any more. Above, the numbers of Lua would not be whole.
const RATE_MAX: u64 = 100_000_000_000;
/// The time after which what was not heard is said again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a turn that was being asked about while the link was lost waits for another link, and between two looks. Far less than
/// `admit.lua` remembers the turn.
const LINK_TIME: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(20));
/// How long a host that ends waits for what it owes.
const FINISH_TIME: Duration = Duration::from_secs(2);
/// What a client has used.
const AREA: &str = "bounds";

/// What is known of what clients have used before the hosts began to count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is written down, and told when it is asked for.
    Told,
    /// Nobody wrote it down: sums begin at zero.
    Nothing,
}

/// What the hosts together say of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is in, and counted. The sums of the day and the month of this moment since 1970, with it.
    In {
        /// The moment.
        at: Duration,
        /// Its day's.
        day: Spent,
        /// Its month's.
        month: Spent,
    },
    /// A bound keeps it out.
    Out {
        /// Which.
        which: Which,
        /// What was used of a day's or a month's.
        used: u64,
        /// The time until a rate lets in.
        wait: Duration,
        /// The moment since 1970.
        at: Duration,
    },
    /// What was used before this moment since 1970 must be told first.
    Untold(Duration),
}

/// The bounds, as one host sees them.
#[derive(Debug)]
pub struct Bounds {
    inner: Arc<Inner>,
    payer: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    link: Arc<Link>,
    admit: Script,
    spend: Script,
    tell: Script,
    /// Names this process, so that what it says twice counts once.
    host: String,
    /// Turns that were asked about.
    turns: AtomicU64,
    before: Before,
    owed: Mutex<Owed>,
    more: Notify,
    paid: Notify,
}

impl Bounds {
    /// Those behind `link`. What turns use is told by a task of the link's runtime.
    pub fn new(link: Arc<Link>, before: Before) -> Arc<Self> {
        let runtime = link.runtime().clone();
        let inner = Arc::new(Inner {
            link,
            admit: Script::new(ADMIT),
            spend: Script::new(SPEND),
            tell: Script::new(TELL),
            host: format!("{:016x}", RandomState::new().build_hasher().finish()),
            turns: AtomicU64::new(0),
            before,
            owed: Mutex::default(),
            more: Notify::new(),
            paid: Notify::new(),
        });
        let payer = runtime.spawn(Arc::clone(&inner).pay());
        Arc::new(Self { inner, payer })
    }

    /// Lets a turn of `client` in, or says why not. One round trip. Where the link is lost meanwhile, it is asked once more over the
    /// next one, and counts once.
    ///
    /// # Errors
    /// There is no answer. The turn may have been counted.
    pub async fn admit(&self, client: &str, limits: &Limits) -> Result<Answer, Lost> {
        let inner = &self.inner;
        let turn = inner.turns.fetch_add(1, Ordering::Relaxed);
        let was_up = inner.link.is_up();
        let mut answer = self.ask(client, limits, turn).await;
        let end = Instant::now() + LINK_TIME.0;
        while was_up && answer == Err(Lost::Away) && Instant::now() < end {
            tokio::time::sleep(LINK_TIME.1).await;
            if inner.link.is_up() {
                answer = self.ask(client, limits, turn).await;
            }
        }
        answer
    }

    async fn ask(&self, client: &str, limits: &Limits, turn: u64) -> Result<Answer, Lost> {
        let inner = &self.inner;
        let bound = |which: Which| match (limits.of(which), which) {
            (None, _) => "-1".to_owned(),
            (Some(rate), Which::TokensPerMinute | Which::TurnsPerMinute) => rate.min(RATE_MAX).to_string(),
            (Some(sum), _) => sum.to_string(),
        };
        let begin = match inner.before {
            _ if !limits.are_of_days() => "later",
            Before::Told => "told",
            Before::Nothing => "zero",
        };
        let args: Vec<String> = Which::ALL.into_iter().map(bound).chain([begin.to_owned()]).collect();
        let keys = inner.link.keys();
        let keys = [keys.of(AREA, client), keys.of(&format!("{AREA}-{}-{turn}", inner.host), client)];
        answer(&inner.link.script(&inner.admit, &keys, &args).await?)
    }

    /// What `client` had used, in the day and the month of `since`, before its counting began then. Of several hosts one is heard.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn tell(&self, client: &str, since: Duration, sums: [Spent; 2]) -> Result<(), Lost> {
        let inner = &self.inner;
        let (day, month) = pages(since);
        let args = [since.as_millis().to_string(), day.to_string(), month.to_string()];
        let sums = sums.into_iter().flat_map(|sum| [sum.turns, sum.tokens, sum.cost]);
        let args: Vec<String> = args.into_iter().chain(sums.map(|n| n.to_string())).collect();
        let keys = [inner.link.keys().of(AREA, client)];
        inner.link.script(&inner.tell, &keys, &args).await.map(drop)
    }

    /// `client` has used something at this moment since 1970 that was not counted when it was let in. It is told soon, or when the server
    /// is back.
    pub fn spent(&self, client: &str, at: Duration, used: Spent) {
        if used == Spent::default() {
            return;
        }
        self.inner.owed.lock().add(client, pages(at), used, at);
        self.inner.more.notify_one();
    }

    /// How many sums of clients are still to be told.
    pub fn owed(&self) -> u64 {
        self.inner.owed.lock().len() as u64
    }

    /// Waits for a while until nothing is owed, for a host that ends.
    pub async fn finish(&self) {
        let none = async {
            loop {
                let paid = self.inner.paid.notified();
                if self.owed() == 0 {
                    return;
                }
                paid.await;
            }
        };
        if tokio::time::timeout(FINISH_TIME, none).await.is_err() {
            tracing::warn!(n_sums = self.owed(), "what clients have used could not be told to other hosts");
        }
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        self.payer.abort();
    }
}

impl Inner {
    /// Tells what is owed, for as long as the host runs.
    async fn pay(self: Arc<Self>) {
        let mut changes = self.link.changes();
        loop {
            let Some(word) = self.owed.lock().next() else {
                self.paid.notify_waiters();
                self.more.notified().await;
                continue;
            };
            match self.say(&word).await {
                Ok(()) => self.owed.lock().said(word.nth),
                // Perhaps it was heard: the same word is said again, and counts once.
                Err(Lost::Away) => {
                    if self.link.is_up() {
                        tokio::time::sleep(AGAIN).await;
                    }
                    let _ = changes.wait_for(|is_up| *is_up).await;
                    self.owed.lock().seal();
                }
                Err(Lost::Refused(why)) => {
                    tracing::warn!(why, "the shared state does not count what a client has used");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn say(&self, word: &Word) -> Result<(), Lost> {
        let Word { nth, client, day, month, used, last } = word;
        let keys = self.link.keys();
        let keys = [keys.of(AREA, client), keys.of(&format!("{AREA}-{}", self.host), client)];
        let last = u64::try_from(last.as_millis()).unwrap_or(u64::MAX);
        let is_kept = u64::from(self.before == Before::Told);
        let args = [*nth, *day, *month, used.turns, used.tokens, used.cost, last, is_kept];
        self.link.script(&self.spend, &keys, &args).await.map(drop)
    }
}

/// The day and the month of a moment since 1970, as numbers.
fn pages(at: Duration) -> (u64, u64) {
    (at.as_secs() / DAY_S, month(at.as_secs()).0)
}

/// What `admit.lua` says.
fn answer(value: &Value) -> Result<Answer, Lost> {
    let Value::Array(values) = value else { return Err(odd()) };
    let number = |value: &Value| match value {
        Value::Int(n) => Some(u64::try_from(*n).unwrap_or_default()),
        _ => None,
    };
    let numbers: Vec<u64> = values.iter().filter_map(number).collect();
    let [code, detail, now, sums @ ..] = numbers.as_slice() else { return Err(odd()) };
    let at = Duration::from_millis(*now);
    let code = usize::try_from(*code).unwrap_or(usize::MAX);
    if code == 0 {
        let &[turns, tokens, cost, month_turns, month_tokens, month_cost] = sums else { return Err(odd()) };
        let day = Spent { turns, tokens, cost };
        return Ok(Answer::In {
            at,
            day,
            month: Spent { turns: month_turns, tokens: month_tokens, cost: month_cost },
        });
    }
    match Which::ALL.get(code - 1) {
        Some(&which @ (Which::TokensPerMinute | Which::TurnsPerMinute)) => {
            Ok(Answer::Out { which, used: 0, wait: Duration::from_millis(*detail), at })
        }
        Some(&which) => Ok(Answer::Out { which, used: *detail, wait: Duration::ZERO, at }),
        None => Ok(Answer::Untold(Duration::from_millis(*detail))),
    }
}

fn odd() -> Lost {
    Lost::Refused("a script of bounds was answered in an unknown form".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(numbers: &[i64]) -> Result<Answer, Lost> {
        answer(&Value::Array(numbers.iter().map(|n| Value::Int(*n)).collect()))
    }

    #[test]
    fn answers_are_read() {
        let day = Spent { turns: 1, tokens: 2, cost: 3 };
        let month = Spent { turns: 4, tokens: 5, cost: 6 };
        let at = Duration::from_millis(7_500);
        assert_eq!(said(&[0, 0, 7_500, 1, 2, 3, 4, 5, 6]), Ok(Answer::In { at, day, month }));
        let out = |which, used, wait| Ok(Answer::Out { which, used, wait: Duration::from_millis(wait), at });
        assert_eq!(said(&[1, 9, 7_500, 9, 0, 0, 9, 0, 0]), out(Which::TurnsPerDay, 9, 0));
        assert_eq!(said(&[8, 250, 7_500, 0, 0, 0, 0, 0, 0]), out(Which::TurnsPerMinute, 0, 250));
        assert_eq!(said(&[9, 7_000, 7_500, 0, 0, 0, 0, 0, 0]), Ok(Answer::Untold(Duration::from_secs(7))));
        for odd in [&[][..], &[0], &[0, 0, 7_500, 1]] {
            assert!(said(odd).is_err(), "{odd:?}");
        }
        assert!(answer(&Value::Nil).is_err());
    }
}
