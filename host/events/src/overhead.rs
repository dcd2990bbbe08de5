//! What of a turn's time this host itself took.
//!
//! It is the time until the first output went out (until the end, where there was none), less the time in which somebody else was waited
//! for: from when an attempt asked its upstream until that had begun to answer (the first output of a stream, the whole of another answer)
//! or the attempt ended, and the rests between attempts that the policy took. Times in which several attempts waited count once. So it holds
//! reading the lens, commands, planning, translating, connectors' code and the gate's last look, and not the relaying of a stream after
//! its first output, which no clock is read for.
use crate::attempt::Attempt;
use std::time::Duration;

/// A time in which somebody else was waited for, from the beginning of the turn.
pub type Wait = (Duration, Duration);

/// The host's own time of a turn `until` its first output or its end.
pub fn overhead(until: Duration, attempts: &[Attempt], rests: &[Wait]) -> Duration {
    let wait = |attempt: &Attempt| Some((attempt.asked?, attempt.heard.unwrap_or(attempt.ended)));
    if let ([attempt], []) = (attempts, rests) {
        let waited = wait(attempt).map_or(Duration::ZERO, |wait| length(wait, until));
        return until.saturating_sub(waited);
    }
    let mut waits: Vec<Wait> = attempts.iter().filter_map(wait).chain(rests.iter().copied()).collect();
    waits.sort_unstable();
    let (mut waited, mut seen) = (Duration::ZERO, Duration::ZERO);
    for (from, to) in waits {
        waited += length((from.max(seen), to), until);
        seen = seen.max(to);
    }
    until.saturating_sub(waited)
}

fn length((from, to): Wait, until: Duration) -> Duration {
    to.min(until).saturating_sub(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{AttemptOutcome, Role};

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn attempt(asked: Option<u64>, heard: Option<u64>, ended: u64) -> Attempt {
        Attempt {
            role: Role::Answer,
            backend: "a".into(),
            connector: "a".into(),
            model: "m".into(),
            key: 0,
            is_metered: false,
            began: ms(0),
            asked: asked.map(ms),
            heard: heard.map(ms),
            ended: ms(ended),
            outcome: AttemptOutcome::Cancelled,
            tokens: None,
            losses: Vec::new(),
        }
    }

    #[test]
    fn waits_for_others_are_not_our_own_time() {
        let check = |until: u64, attempts: &[Attempt], rests: &[(u64, u64)], expected: u64| {
            let rests: Vec<Wait> = rests.iter().map(|(from, to)| (ms(*from), ms(*to))).collect();
            assert_eq!(overhead(ms(until), attempts, &rests), ms(expected));
        };
        check(10, &[], &[], 10);
        check(10, &[attempt(None, None, 10)], &[], 10);
        check(110, &[attempt(Some(6), Some(106), 900)], &[], 10);
        // A failure, a rest, an answer.
        check(300, &[attempt(Some(5), None, 105), attempt(Some(210), Some(295), 900)], &[(106, 206)], 15);
        // A race: both waited at the same time, and the loser until it was cancelled.
        check(100, &[attempt(Some(5), None, 100), attempt(Some(10), Some(98), 400)], &[], 5);
        // A turn whose attempt never answered.
        check(50, &[attempt(Some(5), None, 50)], &[], 5);
    }
}
