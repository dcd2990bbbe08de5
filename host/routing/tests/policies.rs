//! The attempt policy by example: one scripted turn each, told as a line of what happened.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
use base::{Fault, Kind, Retry, RouteOverrides, Sampling};
use routing::{
    health::{Health, HealthRules, Report, Ticket},
    keys::{KeyPick, Rotation},
    plan::{Ask, Backend, Table},
    policy::{AttemptId, Attempts, Budgets, Decision, Outcome, Tick},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A turn on a virtual clock that writes down what it is told.
struct Story {
    attempts: Attempts,
    health: Health,
    began: Instant,
    now: Instant,
    told: Vec<String>,
}

impl Story {
    fn new(selector: &str, budgets: Budgets) -> Self {
        Self::with(selector, budgets, Health::new(HealthRules::default()))
    }

    fn with(selector: &str, budgets: Budgets, health: Health) -> Self {
        let backends = ["a", "b", "c"].map(|name| Backend::new(name, name)).into();
        let table = Table { backends, ..Table::default() };
        let (overrides, sampling) = (RouteOverrides::default(), Sampling::default());
        let plan = table.plan(&Ask::new(selector, &overrides, &sampling)).unwrap();
        let now = Instant::now();
        let attempts = Attempts::new(Arc::new(plan), budgets, now);
        let mut story = Self { attempts, health, began: now, now, told: Vec::new() };
        story.ask();
        story
    }

    /// Asks until there is nothing to do; a wait shows its end.
    fn ask(&mut self) {
        loop {
            let at = |instant: Instant| instant.duration_since(self.began).as_millis();
            let line = match self.attempts.next(Tick { now: self.now, rand: 0 }, &mut self.health) {
                Decision::Start(start) => {
                    let leg = &self.attempts.plan().legs[start.leg.0];
                    let empty = if start.after_empty { "?" } else { "" };
                    format!("{}{}k{}{empty}", leg.backend, leg.model, start.key)
                }
                Decision::Cancel(id, why) => format!("cancel {} {why:?}", id.0),
                Decision::Commit => "commit".to_owned(),
                Decision::Wait(until) => {
                    let line = format!("wait {}", at(until));
                    return self.told.push(line);
                }
                Decision::Finish(Outcome::Answered(id)) => return self.told.push(format!("answer {}", id.0)),
                Decision::Finish(Outcome::ClientGone) => return self.told.push("gone".into()),
                Decision::Finish(Outcome::Failed { fault, after_output }) => {
                    let after = if after_output { " after output" } else { "" };
                    let line =
                        format!("fail {} {}{after}", fault.status(), fault.code.as_deref().unwrap_or("-"));
                    return self.told.push(line);
                }
            };
            self.told.push(line);
        }
    }

    fn tick(&self) -> Tick {
        Tick { now: self.now, rand: 0 }
    }

    fn fault(mut self, id: u32, fault: Fault) -> Self {
        let tick = self.tick();
        self.attempts.on_fault(AttemptId(id), &fault, tick, &mut self.health);
        self.ask();
        self
    }

    fn output(mut self, id: u32) -> Self {
        self.attempts.on_first_output(AttemptId(id), &mut self.health);
        self.ask();
        self
    }

    fn end(mut self, id: u32) -> Self {
        let tick = self.tick();
        self.attempts.on_success(AttemptId(id), tick, &mut self.health);
        self.ask();
        self
    }

    fn gone(mut self) -> Self {
        self.attempts.on_client_gone(&mut self.health);
        self.ask();
        self
    }

    fn at(mut self, millis: u64) -> Self {
        self.now = self.began + ms(millis);
        self.ask();
        self
    }

    #[track_caller]
    fn tells(self, want: &str) {
        assert_eq!(self.told.join(" · "), want);
    }
}

fn quiet() -> Budgets {
    Budgets { commit_after: None, first_output: ms(60_000), ..Budgets::default() }
}

fn limited(wait: Option<u64>) -> Fault {
    let retry = wait.map_or(Retry::Soon, |wait| Retry::After(ms(wait)));
    Fault::upstream(Kind::RateLimited, "slow down").retry(retry)
}

fn reset() -> Fault {
    Fault::upstream(Kind::BadGateway, "connection reset").retry(Retry::Soon)
}

fn broken() -> Fault {
    Fault::upstream(Kind::Internal, "oops")
}

#[test]
fn one_leg_answers() {
    Story::new("a:m", quiet()).output(0).end(0).tells("amk0 · wait 60000 · wait 3600000 · answer 0");
}

#[test]
fn one_leg_waits_as_long_as_it_is_told() {
    Story::new("a:m", quiet())
        .fault(0, limited(Some(5000)))
        .at(5000)
        .output(1)
        .end(1)
        .tells("amk0 · wait 60000 · wait 5000 · amk0 · wait 65000 · wait 3600000 · answer 1");
}

#[test]
fn one_leg_does_not_wait_beyond_the_budget() {
    Story::new("a:m", quiet()).fault(0, limited(Some(31_000))).tells("amk0 · wait 60000 · fail 429 -");
}

#[test]
fn one_leg_backs_off_and_gives_up_with_its_own_fault() {
    Story::new("a:m", quiet()).fault(0, reset()).at(250).fault(1, reset()).at(750).fault(2, reset()).tells(
        "amk0 · wait 60000 · wait 250 · amk0 · wait 60250 · wait 750 · amk0 · wait 60750 · fail 502 -",
    );
}

#[test]
fn a_fault_that_stays_is_not_repeated() {
    Story::new("a:m", quiet()).fault(0, broken()).tells("amk0 · wait 60000 · fail 500 -");
    let never = Fault::upstream(Kind::BadRequest, "no").retry(Retry::Never);
    Story::new("a:m|b:m", quiet()).fault(0, never).tells("amk0 · wait 60000 · fail 400 -");
    let client = Fault::client(Kind::TooLarge, "too large");
    Story::new("a:m!b:m", quiet())
        .fault(0, client)
        .tells("amk0 · bmk0 · wait 60000 · cancel 1 TurnOver · fail 413 -");
}

#[test]
fn failover_moves_on_and_sums_up() {
    Story::new("a:m|b:m|c:m", quiet())
        .fault(0, broken())
        .fault(1, limited(Some(10_000)))
        .fault(2, broken())
        .tells("amk0 · wait 60000 · bmk0 · wait 60000 · cmk0 · wait 60000 · wait 10000");
    Story::new("a:m|b:m", quiet())
        .fault(0, broken())
        .fault(1, broken())
        .tells("amk0 · wait 60000 · bmk0 · wait 60000 · fail 503 failover_exhausted");
    Story::new("a:m|b:m", quiet())
        .fault(0, limited(Some(40_000)))
        .fault(1, limited(Some(50_000)))
        .tells("amk0 · wait 60000 · bmk0 · wait 60000 · fail 429 failover_exhausted");
}

#[test]
fn a_short_rest_is_waited_for_before_moving_on() {
    Story::new("a:m|b:m", quiet()).fault(0, limited(Some(1500))).tells("amk0 · wait 60000 · wait 1500");
}

#[test]
fn keys_are_tried_before_legs() {
    let pool = || {
        let mut health = Health::new(HealthRules::default());
        health.declare("a", 2, Rotation::Sticky);
        health
    };
    Story::with("a:m|b:m", quiet(), pool())
        .fault(0, limited(Some(9000)))
        .fault(1, limited(None))
        .tells("amk0 · wait 60000 · amk1 · wait 60000 · wait 2000");
    Story::with("a:m|b:m", quiet(), pool())
        .fault(0, Fault::upstream(Kind::Unauthorized, "bad key"))
        .fault(1, Fault::upstream(Kind::Unauthorized, "bad key"))
        .tells("amk0 · wait 60000 · amk1 · wait 60000 · bmk0 · wait 60000");
    let mut refused = Health::new(HealthRules::default());
    refused.declare("a", 1, Rotation::Sticky);
    let first = Story::with("a:m", quiet(), refused).fault(0, Fault::upstream(Kind::Unauthorized, "bad key"));
    let mut health = first.health.clone();
    Story::with("a:m", quiet(), health.clone()).tells("fail 503 no_usable_key");
    assert!(health.reactivate("a"));
    Story::with("a:m", quiet(), health).tells("amk0 · wait 60000");
}

#[test]
fn weighted_spares_are_used() {
    Story::new("[weight=3]a:m^b:m", quiet())
        .fault(0, broken())
        .fault(1, broken())
        .tells("amk0 · wait 60000 · bmk0 · wait 60000 · fail 503 failover_exhausted");
    Story::new("a:m^[first]b:m", quiet()).tells("bmk0 · wait 60000");
}

#[test]
fn race_gives_head_starts_and_drops_losers() {
    Story::new("[handicap=2]a:m!b:m!c:m", quiet())
        .at(2000)
        .output(1)
        .end(1)
        .tells(
            "amk0 · wait 2000 · bmk0 · cmk0 · wait 60000 · cancel 0 LostRace · cancel 2 LostRace · wait 3600000 · answer 1",
        );
    Story::new("[handicap=2]a:m!b:m", quiet())
        .fault(0, broken())
        .fault(1, broken())
        .tells("amk0 · wait 2000 · bmk0 · wait 60000 · fail 503 failover_exhausted");
    Story::new("[ttft_timeout=3]a:m!b:m|c:m", quiet())
        .at(3000)
        .fault(1, broken())
        .tells("amk0 · bmk0 · wait 3000 · cancel 0 Timeout · wait 60000 · cmk0 · wait 63000");
}

#[test]
fn nothing_is_retried_after_output() {
    Story::new("a:m|b:m", quiet())
        .output(0)
        .fault(0, reset())
        .tells("amk0 · wait 60000 · wait 3600000 · fail 502 - after output");
}

#[test]
fn empty_answers_are_asked_again() {
    Story::new("a:m|b:m", quiet())
        .end(0)
        .end(1)
        .output(2)
        .end(2)
        .tells("amk0 · wait 60000 · amk0? · wait 60000 · bmk0 · wait 60000 · wait 3600000 · answer 2");
    Story::new("a:m", quiet())
        .end(0)
        .end(1)
        .tells("amk0 · wait 60000 · amk0? · wait 60000 · fail 502 empty_response");
}

#[test]
fn silence_commits_then_times_out() {
    let budgets = Budgets { commit_after: Some(ms(10_000)), ..quiet() };
    Story::new("a:m|b:m", budgets)
        .at(10_000)
        .at(60_000)
        .tells("amk0 · wait 10000 · commit · wait 60000 · cancel 0 Timeout · bmk0 · wait 120000");
    Story::new("a:m", budgets)
        .fault(0, limited(Some(20_000)))
        .at(10_000)
        .at(20_000)
        .tells("amk0 · wait 10000 · wait 10000 · commit · wait 20000 · amk0 · wait 80000");
}

#[test]
fn failover_budget_ends_the_search() {
    let budgets = Budgets { failover: ms(30_000), ..quiet() };
    Story::new("a:m|b:m", budgets)
        .at(60_000)
        .tells("amk0 · wait 60000 · cancel 0 Timeout · fail 503 attempt_budget_exhausted");
}

#[test]
fn client_gone_stops_everything() {
    Story::new("a:m!b:m", quiet())
        .gone()
        .tells("amk0 · bmk0 · wait 60000 · cancel 0 ClientGone · cancel 1 ClientGone · gone");
}

#[test]
fn breaker_spans_turns() {
    let mut health = Health::new(HealthRules::default());
    let began = Instant::now();
    for _ in 0..3 {
        let ticket = health.started("a", 0, began, began + ms(1000));
        health.failed("a", "m", ticket, &broken(), began);
    }
    Story::with("a:m|b:m", quiet(), health.clone()).tells("bmk0 · wait 60000");
    let status = health.status(began);
    assert_eq!((status[0].backend.as_str(), status[0].rests_until), ("a", Some(began + ms(30_000))));
}

#[test]
fn question_outside_turns_ends_illness_and_nothing_else() {
    let mut health = Health::new(HealthRules::default());
    health.declare("a", 2, Rotation::Sticky);
    let began = Instant::now();
    let mut fail = |key: usize, fault: &Fault| {
        let ticket = Ticket { key, probe: false };
        health.failed("a", "m", ticket, fault, began);
    };
    fail(1, &Fault::upstream(Kind::Unauthorized, "bad key"));
    (0..3).for_each(|_| fail(0, &broken()));
    fail(0, &limited(Some(50_000)));
    assert_eq!(health.left_alone(began), [("a".to_owned(), 0)]);
    let pick = |health: &Health, model| health.pick("a", model, &[], began + ms(25_000));
    health.reported("a", 0, Report::Ill, began + ms(20_000));
    assert_eq!(pick(&health, "other"), KeyPick::At(began + ms(50_000)));
    health.reported("a", 0, Report::Well, began + ms(25_000));
    assert_eq!(pick(&health, "other"), KeyPick::Now(0));
    assert_eq!(pick(&health, "m"), KeyPick::At(began + ms(50_000)), "a rest that was asked for goes on");
    assert_eq!(health.pick("a", "m", &[0], began), KeyPick::Never, "a refused key stays refused");
    assert!(health.left_alone(began).is_empty());
    health.reported("nobody", 0, Report::Well, began);
}

#[test]
fn summary_names_legs_and_hides_nothing_needed() {
    let story = Story::new("a:m|b:m", quiet()).fault(0, broken()).fault(1, limited(Some(40_000)));
    let mut attempts = story.attempts;
    let mut health = story.health;
    let Decision::Finish(Outcome::Failed { fault, .. }) =
        attempts.next(Tick { now: story.now, rand: 0 }, &mut health)
    else {
        panic!("not over")
    };
    assert_eq!(fault.message, "every leg of the route failed: a:m (500): oops; b:m (429): slow down");
    assert_eq!(fault.retry, Retry::After(ms(40_000)));
    assert_eq!(attempts.losses().len(), 2);
}
