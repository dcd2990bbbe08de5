//! Random turns over shared health, watched by the observer; then the same for broken variants.
use super::{
    mutant::Mutant,
    observer::{Dice, N_BACKENDS, Tally, Turn, World},
};
use crate::{
    health::{Health, HealthRules},
    keys::Rotation,
};
use std::time::Instant;

/// A few turns at once over the same backends, until all are over.
fn simulate(seed: u64, mutant: Option<Mutant>, begin: Instant, tally: &mut Tally) {
    let mut dice = Dice(seed);
    let mut health = Health::new(HealthRules::default());
    for backend in 0..N_BACKENDS {
        let rotation = if dice.below(2) == 0 { Rotation::Sticky } else { Rotation::RoundRobin };
        health.declare(&format!("b{backend}"), 1 + dice.below(3) as usize, rotation);
    }
    let mut world = World::default();
    world.tally = std::mem::take(tally);
    let mut now = begin;
    for _ in 0..3 {
        let mut turns: Vec<Turn> =
            (0..1 + dice.below(3)).map(|_| Turn::new(&mut dice, mutant, now)).collect();
        for _ in 0..400 {
            for turn in &mut turns {
                turn.drive(&mut dice, &mut health, &mut world, now);
            }
            let open: Vec<usize> = (0..turns.len()).filter(|i| turns[*i].outcome.is_none()).collect();
            if open.is_empty() {
                break;
            }
            let next = turns.iter().filter(|t| t.outcome.is_none()).map(|t| t.wake).min().unwrap();
            let pause = dice.millis(2500);
            if now + pause < next && dice.below(8) != 0 {
                now += pause;
                let which = open[dice.below(open.len() as u64) as usize];
                turns[which].event(&mut dice, &mut health, &mut world, now);
            } else {
                now = next;
            }
        }
        assert!(turns.iter().all(|turn| turn.outcome.is_some()), "every turn ends");
    }
    *tally = world.tally;
}

fn explore(mutant: Option<Mutant>) -> Tally {
    let begin = Instant::now();
    let mut tally = Tally::default();
    for seed in 0..6000 {
        simulate(seed, mutant, begin, &mut tally);
    }
    tally
}

#[test]
fn promises_hold_in_thousands_of_random_turns() {
    let tally = explore(None);
    let Tally {
        n_answered,
        n_failed,
        n_failed_after_output,
        n_gone,
        n_commits,
        n_cancels,
        n_probes,
        n_waits_idle,
    } = tally;
    for reached in
        [n_answered, n_failed, n_failed_after_output, n_gone, n_commits, n_cancels, n_probes, n_waits_idle]
    {
        assert!(reached > 100, "{tally:?}");
    }
}

#[test]
#[should_panic(expected = "no attempt after output")]
fn mutant_that_retries_after_output_is_caught() {
    explore(Some(Mutant::RetryAfterOutput));
}

#[test]
#[should_panic(expected = "losers of a race are cancelled")]
fn mutant_that_keeps_losers_is_caught() {
    explore(Some(Mutant::KeepLosers));
}

#[test]
#[should_panic(expected = "no start with a")]
fn mutant_that_ignores_health_is_caught() {
    explore(Some(Mutant::IgnoreHealth));
}

#[test]
#[should_panic(expected = "attempts of")]
fn mutant_without_an_attempt_budget_is_caught() {
    explore(Some(Mutant::EndlessAttempts));
}

#[test]
#[should_panic(expected = "an idle wait")]
fn mutant_that_waits_too_long_is_caught() {
    explore(Some(Mutant::WaitTooLong));
}

#[test]
#[should_panic(expected = "a deadline within the turn's")]
fn mutant_without_deadlines_is_caught() {
    explore(Some(Mutant::NoDeadline));
}

#[test]
#[should_panic(expected = "everything is cancelled before the end")]
fn mutant_that_is_deaf_to_the_client_is_caught() {
    explore(Some(Mutant::DeafToCancel));
}

#[test]
#[should_panic(expected = "no start w")]
fn mutant_that_learns_nothing_from_faults_is_caught() {
    explore(Some(Mutant::LearnNothing));
}
