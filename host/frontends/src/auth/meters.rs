//! What each client has used of its bounds. A day's and a month's hold what earlier runs of the host let through, as the ledger keeps
//! it: until that is read nobody knows whether anything is left, and the client waits.
use super::together::{Together, Untold};
use access::{Bound, Client, Clients, Meter, Spent, TooMuch};
use base::{Fault, Kind, Retry};
use events::turn::TurnEnded;
use ledger::charge::{Charge, charge};
use ledger::price::Prices;
use ledger::reader::Charged;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// How long a client is told to wait while the ledger is read.
pub(super) const READ_TIME: Duration = Duration::from_secs(5);

/// What bounds are counted with.
#[derive(Clone, Debug, Default)]
pub struct Accounting {
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// Is what turns count kept in a ledger, which [`super::ClientKeys::read_spent`] reads? Else sums begin at zero.
    pub is_kept: bool,
    /// Where all hosts together count them. None: this one counts alone.
    pub together: Option<Together>,
}

/// The meters of clients that have bounds, by their names.
#[derive(Debug)]
pub(super) struct Meters {
    all: Mutex<HashMap<String, Metered>>,
    pub(super) accounting: Accounting,
    pub(super) untold: Untold,
    /// There are some whose sums have to be read.
    unread: Notify,
    /// They are read.
    is_read: Notify,
}

#[derive(Debug)]
struct Metered {
    meter: Meter,
    /// Where what was used before this moment still has to be read.
    unread_before: Option<Duration>,
}

impl Meters {
    pub(super) fn new(clients: &Clients, accounting: Accounting) -> Self {
        let meters = Self {
            all: Mutex::default(),
            accounting,
            untold: Untold::default(),
            unread: Notify::new(),
            is_read: Notify::new(),
        };
        meters.replace(clients);
        meters
    }

    /// Meters for these clients from now on. What each has used still counts.
    pub(super) fn replace(&self, clients: &Clients) {
        let now = unix_now();
        let mut all = self.all.lock();
        let mut old = std::mem::take(&mut *all);
        for client in clients.iter().filter(|client| !client.limits.are_none()) {
            let before = old.remove(&client.name);
            let metered = match before {
                Some(before) if before.meter.limits() == client.limits => before,
                Some(mut before) => {
                    let (day, month) = before.meter.used(now);
                    let mut meter = Meter::new(client.limits, now);
                    meter.restore(day, month, now);
                    Metered { meter, unread_before: before.unread_before }
                }
                None => Metered {
                    meter: Meter::new(client.limits, now),
                    unread_before: self.accounting.is_kept.then_some(now),
                },
            };
            all.insert(client.name.clone(), metered);
        }
        drop(all);
        self.unread.notify_one();
    }

    /// Until some have sums that have to be read: the moment before which.
    pub(super) async fn unread_before(&self) -> Duration {
        loop {
            match self.earliest() {
                Some(before) => return before,
                None => self.unread.notified().await,
            }
        }
    }

    /// Until none has.
    pub(super) async fn all_read(&self) {
        while self.earliest().is_some() {
            self.is_read.notified().await;
        }
    }

    fn earliest(&self) -> Option<Duration> {
        let of_days =
            |metered: &Metered| metered.unread_before.filter(|_| metered.meter.limits().are_of_days());
        self.all.lock().values().filter_map(of_days).min()
    }

    /// Takes in what the ledger says of the time before `moment`.
    pub(super) fn read(&self, charged: &[Charged], moment: Duration) {
        let now = unix_now();
        for (name, metered) in &mut *self.all.lock() {
            // One that came since has used nothing in between: its client had no bound.
            if metered.unread_before.take().is_none() {
                continue;
            }
            if let Some(own) = charged.iter().find(|own| own.caller == *name) {
                metered.meter.restore_of(moment, (spent_of(own.day), spent_of(own.month)), now);
            }
        }
        self.is_read.notify_one();
    }

    /// Lets a turn of `client` begin.
    ///
    /// # Errors
    /// 429 or 402: one of its bounds is reached. 503: nobody knows yet.
    pub(super) async fn begin(&self, client: &Client) -> Result<(), Fault> {
        match &self.accounting.together {
            _ if client.limits.are_none() => Ok(()),
            Some(together) => self.begin_together(client, together).await,
            None => self.begin_alone(client),
        }
    }

    /// Lets it begin by what this host knows.
    ///
    /// # Errors
    /// As for [`Self::begin`].
    pub(super) fn begin_alone(&self, client: &Client) -> Result<(), Fault> {
        let mut all = self.all.lock();
        let Some(metered) = all.get_mut(&client.name) else { return Ok(()) };
        if metered.unread_before.is_some() && client.limits.are_of_days() {
            return Err(unknown());
        }
        metered.meter.begin(unix_now()).map_err(refused)
    }

    /// All hosts together have let a turn in, and this is what they have used of the day and the month of `moment`.
    pub(super) fn learn(&self, client: &Client, moment: Duration, sums: (Spent, Spent)) {
        if let Some(metered) = self.all.lock().get_mut(&client.name) {
            metered.unread_before = None;
            metered.meter.learn(moment, sums, unix_now());
        }
    }

    pub(super) fn ended(&self, turn: &TurnEnded) {
        // Counted outside of the lock: nobody else's turn waits for it.
        if !self.all.lock().contains_key(&turn.turn.caller) {
            return;
        }
        let charge = charge(turn, &self.accounting.prices);
        // It counted as a turn when it began.
        let (used, now) = (Spent { turns: 0, tokens: charge.tokens, cost: charge.micro }, unix_now());
        if let Some(metered) = self.all.lock().get_mut(&turn.turn.caller) {
            metered.meter.end(used, now);
        }
        if let Some(together) = &self.accounting.together {
            together.bounds.spent(&turn.turn.caller, now, used);
        }
    }
}

pub(super) fn spent_of(charge: Charge) -> Spent {
    Spent { turns: charge.turns, tokens: charge.tokens, cost: charge.micro }
}

/// The sums are being read.
pub(super) fn unknown() -> Fault {
    let fault =
        Fault::host(Kind::Unavailable, "what this key has used before the host began is not known yet");
    let fault = fault.code("budget_unknown").retry(Retry::After(READ_TIME));
    fault.hint("Try again in a moment; the host's log says why where the ledger cannot be read")
}

/// A bound that is reached. SDKs try a 429 again and a 402 not: waiting helps with a rate, and hardly with a day's money.
pub(super) fn refused(much: TooMuch) -> Fault {
    let wait = (much.after.as_secs() + u64::from(much.after.subsec_nanos() > 0)).max(1);
    let fault = match much.of {
        Bound::Rate => Fault::client(Kind::RateLimited, much.to_string()).code("key_limit_reached"),
        Bound::Tokens | Bound::Turns => {
            Fault::client(Kind::RateLimited, much.to_string()).code("budget_spent")
        }
        Bound::Money => {
            let mut fault = Fault::client(Kind::Forbidden, much.to_string()).code("insufficient_quota");
            fault.status = Some(402);
            fault
        }
    };
    let hint = match &much.renews {
        Some(moment) => format!("It begins anew at {moment}, in {wait} s"),
        None => format!("Try again in {wait} s"),
    };
    fault.retry(Retry::After(Duration::from_secs(wait))).hint(hint)
}

pub(super) fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::{KeyHash, Limits};

    fn client(limits: Limits) -> Client {
        Client { name: "alice".to_owned(), limits, ..Client::default() }
    }

    fn meters(limits: Limits, is_kept: bool) -> Meters {
        let clients = Clients::new([(KeyHash::of(b"a"), client(limits))]);
        Meters::new(&clients, Accounting { is_kept, ..Accounting::default() })
    }

    const MONEY: Limits = Limits {
        turns_per_minute: None,
        turns_per_day: None,
        turns_per_month: None,
        tokens_per_minute: None,
        tokens_per_day: None,
        tokens_per_month: Some(1_000),
        cost_per_day: Some(2_000_000),
        cost_per_month: None,
    };

    fn charged(tokens: u64, micro: u64) -> Vec<Charged> {
        let sum = Charge { turns: 0, tokens, micro };
        let of = |caller: &str| Charged { caller: caller.to_owned(), day: sum, month: sum };
        vec![of("bob"), of("alice")]
    }

    #[tokio::test]
    async fn turns_wait_until_what_was_used_is_read() {
        let (meters, alice) = (meters(MONEY, true), client(MONEY));
        let before = meters.unread_before().await;
        let fault = meters.begin_alone(&alice).expect_err("nobody knows");
        assert_eq!((fault.status(), fault.code.as_deref()), (503, Some("budget_unknown")));
        meters.read(&charged(999, 1_999_999), before);
        assert!(meters.begin_alone(&alice).is_ok());
        // A configuration that is read again asks for nothing twice.
        meters.replace(&Clients::new([(KeyHash::of(b"a"), alice.clone())]));
        assert!(meters.begin_alone(&alice).is_ok());
        let less = client(Limits { cost_per_day: Some(1_999_999), ..MONEY });
        meters.replace(&Clients::new([(KeyHash::of(b"a"), less.clone())]));
        let fault = meters.begin_alone(&less).expect_err("spent");
        assert_eq!((fault.status(), fault.code.as_deref()), (402, Some("insufficient_quota")));
        assert!(fault.public().contains("has used 1.999999 USD. It begins anew at 2"), "{}", fault.public());
        assert!(matches!(fault.retry, Retry::After(time) if time.as_secs() <= 86_400), "{fault:?}");
    }

    #[test]
    fn sums_begin_at_zero_where_nothing_is_kept_and_rates_never_wait() {
        assert!(meters(MONEY, false).begin_alone(&client(MONEY)).is_ok());
        let rate = Limits { turns_per_minute: Some(1), ..Limits::default() };
        let meters = meters(rate, true);
        assert!(meters.begin_alone(&client(rate)).is_ok());
        let fault = meters.begin_alone(&client(rate)).expect_err("the second");
        assert_eq!((fault.status(), fault.code.as_deref()), (429, Some("key_limit_reached")));
    }

    #[tokio::test]
    async fn tokens_are_a_rate_to_sdks() {
        let meters = meters(MONEY, true);
        let before = meters.unread_before().await;
        meters.read(&charged(1_000, 0), before);
        let fault = meters.begin_alone(&client(MONEY)).expect_err("spent");
        assert_eq!((fault.status(), fault.code.as_deref()), (429, Some("budget_spent")));
        assert!(fault.public().contains("1000 tokens a month and has used 1000"), "{}", fault.public());
    }
}
