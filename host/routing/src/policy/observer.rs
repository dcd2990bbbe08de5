//! For tests: random plans and events, and an observer that knows only the promises.
use super::{
    AttemptId, Attempts, Budgets, Decision, Outcome, Start, Tick,
    mutant::Mutant,
    sick::{Sick, silence},
};
use crate::{
    health::Health,
    plan::{Leg, LegId, Node, Plan, PlannedLane},
};
use base::{Fault, Kind, Retry, Sampling};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// A small deterministic generator (splitmix64): every failure is repeated by its seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.roll() % n.max(1)
    }

    pub(super) fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most))
    }
}

pub(super) const N_BACKENDS: u64 = 3;

fn leg(dice: &mut Dice, legs: &mut Vec<Leg>) -> LegId {
    let backend = format!("b{}", dice.below(N_BACKENDS));
    legs.push(Leg { backend, model: format!("m{}", dice.below(2)), params: Sampling::default() });
    LegId(legs.len() - 1)
}

fn tree(dice: &mut Dice, legs: &mut Vec<Leg>, depth: u32) -> Node {
    let n = 2 + dice.below(2);
    match if depth == 0 { 0 } else { dice.below(4) } {
        0 => Node::Leg(leg(dice, legs)),
        1 => Node::Failover((0..n).map(|_| tree(dice, legs, depth - 1)).collect()),
        2 => {
            let shares = (0..n).map(|_| (1 + dice.below(5) as u32, tree(dice, legs, depth - 1))).collect();
            let forced = (dice.below(3) == 0).then_some(0);
            Node::Weighted { shares, forced }
        }
        _ => {
            let lane = |dice: &mut Dice, legs: &mut Vec<Leg>| PlannedLane {
                leg: leg(dice, legs),
                delay: dice.millis(3000),
                ttft_timeout: (dice.below(3) == 0).then(|| dice.millis(4000)),
            };
            Node::Race((0..n).map(|_| lane(dice, legs)).collect())
        }
    }
}

fn plan(dice: &mut Dice) -> Arc<Plan> {
    let mut legs = Vec::new();
    let tree = tree(dice, &mut legs, 2);
    Arc::new(Plan::bare(tree, legs))
}

fn fault(dice: &mut Dice) -> Fault {
    match dice.below(9) {
        0 => Fault::upstream(Kind::RateLimited, "limited").retry(Retry::After(dice.millis(40_000))),
        1 => Fault::upstream(Kind::RateLimited, "limited").retry(Retry::Soon),
        2 => Fault::upstream(Kind::Unauthorized, "bad key"),
        3 => Fault::upstream(Kind::BadGateway, "reset").retry(Retry::Soon),
        4 => Fault::upstream(Kind::Unavailable, "busy").retry(Retry::After(dice.millis(3000))),
        5 => Fault::upstream(Kind::Internal, "500"),
        6 => Fault::upstream(Kind::NotFound, "no such model"),
        7 if dice.below(4) == 0 => Fault::client(Kind::BadRequest, "your fault"),
        _ => Fault::upstream(Kind::Timeout, "slow").retry(Retry::Soon),
    }
}

/// What the observer knows of one attempt in flight.
struct Flight {
    start: Start,
    output: bool,
}

/// One turn with everything that was seen of it.
pub(super) struct Turn {
    attempts: Attempts,
    plan: Arc<Plan>,
    budgets: Budgets,
    began: Instant,
    flights: HashMap<AttemptId, Flight>,
    saw_output: bool,
    client_gone: bool,
    n_commits: u32,
    pub(super) outcome: Option<String>,
    pub(super) wake: Instant,
    last_fault: Option<String>,
}

/// What was reached in all, to show that the promises were put to the test.
#[derive(Default, Debug)]
pub(super) struct Tally {
    pub(super) n_answered: u32,
    pub(super) n_failed: u32,
    pub(super) n_failed_after_output: u32,
    pub(super) n_gone: u32,
    pub(super) n_commits: u32,
    pub(super) n_cancels: u32,
    pub(super) n_probes: u32,
    pub(super) n_waits_idle: u32,
}

/// What the observer knows of all turns together.
#[derive(Default)]
pub(super) struct World {
    pub(super) tally: Tally,
    /// No start of (backend, key, model) before this time.
    rests: HashMap<(String, usize, String), Instant>,
    refused: Vec<(String, usize)>,
    probes: HashMap<(String, usize), u32>,
    sick: HashMap<(String, usize), Sick>,
}

impl World {
    fn sick(&mut self, key: (String, usize)) -> &mut Sick {
        self.sick.entry(key).or_insert(Sick::Well(0))
    }
}

/// Lanes that are given up after a time of their own: that says nothing of their backend.
fn is_impatient(node: &Node, leg: LegId) -> bool {
    match node {
        Node::Leg(_) => false,
        Node::Failover(children) => children.iter().any(|child| is_impatient(child, leg)),
        Node::Weighted { shares, .. } => shares.iter().any(|(_, child)| is_impatient(child, leg)),
        Node::Race(lanes) => lanes.iter().any(|lane| lane.leg == leg && lane.ttft_timeout.is_some()),
    }
}

fn races(node: &Node) -> Vec<Vec<LegId>> {
    match node {
        Node::Leg(_) => Vec::new(),
        Node::Failover(children) => children.iter().flat_map(races).collect(),
        Node::Weighted { shares, .. } => shares.iter().flat_map(|(_, child)| races(child)).collect(),
        Node::Race(lanes) => vec![lanes.iter().map(|lane| lane.leg).collect()],
    }
}

impl Turn {
    pub(super) fn new(dice: &mut Dice, mutant: Option<Mutant>, now: Instant) -> Self {
        let plan = plan(dice);
        let budgets = Budgets {
            attempts_max: 1 + dice.below(6) as u32,
            leg_retries: dice.below(3) as u32,
            commit_after: (dice.below(2) == 0).then(|| dice.millis(10_000)),
            failover: Duration::from_secs(5 + dice.below(85)),
            turn: Duration::from_secs(60 + dice.below(300)),
            first_output: Duration::from_secs(1 + dice.below(60)),
            ..Budgets::default()
        };
        let mut attempts = Attempts::new(plan.clone(), budgets, now);
        attempts.mutation.active = mutant;
        Self {
            attempts,
            plan,
            budgets,
            began: now,
            flights: HashMap::new(),
            saw_output: false,
            client_gone: false,
            n_commits: 0,
            outcome: None,
            wake: now,
            last_fault: None,
        }
    }

    fn leg(&self, id: LegId) -> (&str, &str) {
        let leg = &self.plan.legs[id.0];
        (&leg.backend, &leg.model)
    }

    fn key(&self, start: &Start) -> (String, usize) {
        (self.leg(start.leg).0.to_owned(), start.key)
    }

    fn land(&mut self, id: AttemptId, world: &mut World) -> Flight {
        let flight = self.flights.remove(&id).expect("known attempts only");
        if flight.start.probe {
            let key = self.key(&flight.start);
            *world.probes.get_mut(&key).expect("probe was counted") -= 1;
        }
        flight
    }

    /// Asks until there is nothing to do, checking every answer.
    pub(super) fn drive(&mut self, dice: &mut Dice, health: &mut Health, world: &mut World, now: Instant) {
        for step in 0.. {
            assert!(step < 200, "livelock: never waits");
            let decision = self.attempts.next(Tick { now, rand: dice.roll() }, health);
            let over = self.outcome.is_some();
            assert!(
                !over || matches!(decision, Decision::Finish(_)),
                "exactly one outcome: {decision:?} after it"
            );
            let silence = silence(&decision);
            match decision {
                Decision::Start(start) => self.check_start(start, world, now),
                Decision::Cancel(id, _) => {
                    world.tally.n_cancels += 1;
                    let start = self.land(id, world).start;
                    if let Some(fault) = silence.filter(|_| !is_impatient(&self.plan.tree, start.leg)) {
                        world.sick(self.key(&start)).fault(&start, &fault, now);
                    }
                }
                Decision::Commit => {
                    self.n_commits += 1;
                    world.tally.n_commits += 1;
                    let due = self.began + self.budgets.commit_after.expect("commits only where allowed");
                    assert!(
                        self.n_commits == 1 && now >= due && !self.saw_output,
                        "one commit, in time, before output"
                    );
                }
                Decision::Wait(until) => {
                    world.tally.n_waits_idle += u32::from(self.flights.is_empty());
                    return self.check_wait(until, now);
                }
                Decision::Finish(outcome) => return self.check_finish(&outcome, &mut world.tally),
            }
        }
    }

    fn check_start(&mut self, start: Start, world: &mut World, now: Instant) {
        assert!(!self.saw_output, "no attempt after output");
        assert!(!self.client_gone, "no attempt for a client that is gone");
        let n = self.attempts.n_started();
        assert!(n <= self.budgets.attempts_max, "{n} attempts of {}", self.budgets.attempts_max);
        assert!(now < self.began + self.budgets.failover, "no attempt after the failover budget");
        let end = self.began + self.budgets.turn;
        assert!(start.first_output_by <= start.end_by && start.end_by <= end, "a deadline within the turn's");
        assert!(start.first_output_by <= now + self.budgets.first_output, "a deadline for the first output");
        let (backend, model) = self.leg(start.leg);
        let key = (backend.to_owned(), start.key);
        assert!(!world.refused.contains(&key), "no start with a refused key");
        if let Some(until) = world.rests.get(&(backend.to_owned(), start.key, model.to_owned())) {
            assert!(*until <= now, "no start with a key that rests");
        }
        world.sick(key.clone()).start(&start, now);
        for other in self.flights.values() {
            let together =
                races(&self.plan.tree).iter().any(|r| r.contains(&start.leg) && r.contains(&other.start.leg));
            assert!(together, "two at once in a race alone");
        }
        if start.probe {
            world.tally.n_probes += 1;
            let probes = world.probes.entry(key).or_default();
            *probes += 1;
            assert!(*probes == 1, "one probe at a time");
        }
        let known = self.flights.insert(start.attempt, Flight { start, output: false });
        assert!(known.is_none(), "attempt numbers are not used twice");
    }

    fn check_wait(&mut self, until: Instant, now: Instant) {
        assert!(until > now, "a wait ends in the future");
        assert!(until <= self.began + self.budgets.turn, "a wait ends within the turn");
        if self.flights.is_empty() {
            assert!(
                until <= self.began + self.budgets.failover,
                "an idle wait ends within the failover budget"
            );
            assert!(until <= now + self.budgets.silent_wait_max, "an idle wait is bounded");
        }
        if self.saw_output {
            assert!(self.flights.len() == 1, "losers of a race are cancelled");
        }
        self.wake = until;
    }

    fn check_finish(&mut self, outcome: &Outcome, tally: &mut Tally) {
        assert!(self.flights.is_empty(), "everything is cancelled before the end");
        let text = format!("{outcome:?}");
        if let Some(before) = &self.outcome {
            assert!(*before == text, "the outcome stays");
            return;
        }
        match outcome {
            Outcome::Answered(_) => tally.n_answered += 1,
            Outcome::Failed { after_output: false, .. } => tally.n_failed += 1,
            Outcome::Failed { after_output: true, .. } => tally.n_failed_after_output += 1,
            Outcome::ClientGone => tally.n_gone += 1,
        }
        match outcome {
            Outcome::Answered(_) => assert!(self.saw_output && !self.client_gone, "an answer has output"),
            Outcome::Failed { fault, after_output } => {
                assert!(*after_output == self.saw_output, "the fault's place is told");
                if *after_output && fault.kind != Kind::Timeout {
                    assert!(
                        self.last_fault.as_deref() == Some(&fault.message),
                        "a fault after output is told as it is"
                    );
                }
            }
            Outcome::ClientGone => assert!(self.client_gone, "the client did go"),
        }
        self.outcome = Some(text);
    }

    /// Something happens to a random attempt, or to the client.
    pub(super) fn event(&mut self, dice: &mut Dice, health: &mut Health, world: &mut World, now: Instant) {
        let tick = Tick { now, rand: dice.roll() };
        if dice.below(40) == 0 {
            self.client_gone = self.outcome.is_none();
            self.attempts.on_client_gone(health);
            return;
        }
        let mut ids: Vec<AttemptId> = self.flights.keys().copied().collect();
        ids.sort();
        if ids.is_empty() {
            return;
        }
        let id = ids[dice.below(ids.len() as u64) as usize];
        let output = self.flights[&id].output;
        match dice.below(10) {
            0..=2 if !output => {
                self.attempts.on_first_output(id, health);
                self.flights.get_mut(&id).unwrap().output = true;
                self.saw_output = true;
            }
            3 | 4 if output || dice.below(3) == 0 => {
                self.attempts.on_success(id, tick, health);
                let start = self.land(id, world).start;
                world.sick(self.key(&start)).success(&start);
            }
            _ => {
                let fault = fault(dice);
                let start = self.land(id, world).start;
                let (_, model) = self.leg(start.leg);
                let key = self.key(&start);
                world.sick(key.clone()).fault(&start, &fault, now);
                match (fault.kind, fault.retry) {
                    (Kind::RateLimited, Retry::After(wait)) => {
                        let rest = world.rests.entry((key.0, key.1, model.to_owned())).or_insert(now);
                        *rest = (*rest).max(now + wait);
                    }
                    (Kind::Unauthorized, _) => world.refused.push(key),
                    _ => {}
                }
                self.last_fault = Some(fault.message.clone());
                self.attempts.on_fault(id, &fault, tick, health);
            }
        }
    }
}
