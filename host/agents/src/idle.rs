//! When is an agent that nobody talks to ended? Pure: time is an argument, and what is due is told, not done.
//!
//! After each completed turn a kill is scheduled; a new turn cancels it; the next completed turn schedules a new one.
use std::time::{Duration, Instant};

/// Names one scheduled kill. A later one has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// A kill that was scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// When it is due.
    pub at: Instant,
    /// Which one it is.
    pub generation: Generation,
}

/// The idle timer of one agent.
#[derive(Debug, Default)]
pub struct Idle {
    generation: u64,
    due: Option<Instant>,
}

impl Idle {
    /// A turn begins. True: a kill was scheduled and is not any more.
    pub const fn turn_began(&mut self) -> bool {
        self.due.take().is_some()
    }

    /// A turn is over, and the agent lives: also one that failed, that was cancelled, or that never came to its prompt. `delay`: none
    /// where idle agents are kept.
    pub fn turn_ended(&mut self, now: Instant, delay: Option<Duration>) -> Option<Scheduled> {
        self.generation += 1;
        self.due = delay.and_then(|delay| now.checked_add(delay));
        self.due.map(|at| Scheduled { at, generation: Generation(self.generation) })
    }

    /// The agent is gone, for whatever reason. True: a kill was scheduled.
    pub const fn gone(&mut self) -> bool {
        self.due.take().is_some()
    }

    /// A timer went off: is the agent to be ended? Not if that kill was cancelled or replaced, or a turn has begun.
    pub const fn fired(&mut self, generation: Generation) -> bool {
        self.generation == generation.0 && self.due.take().is_some()
    }

    /// When the agent is ended if nobody talks to it.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// What may happen to one agent. Timers fire late, never early; the pool begins no turn within a turn.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        TurnBegins,
        TurnEnds,
        /// The oldest timer that has not gone off yet goes off.
        Fires,
        Gone,
    }

    /// Walks every order of up to `depth` events and checks what must hold after each of them.
    fn explore(depth: usize, trail: &mut Vec<Happens>, n_seen: &mut usize) {
        *n_seen += 1;
        check(trail);
        if depth == 0 {
            return;
        }
        for next in [Happens::TurnBegins, Happens::TurnEnds, Happens::Fires, Happens::Gone] {
            trail.push(next);
            explore(depth - 1, trail, n_seen);
            trail.pop();
        }
    }

    /// Plays the trail beside a plain model: the only kill that counts is the one of the last end of a turn, until a new turn.
    fn check(trail: &[Happens]) {
        let began = Instant::now();
        let mut idle = Idle::default();
        let mut timers: Vec<Scheduled> = Vec::new();
        let mut wanted: Option<Generation> = None;
        let mut in_turn = false;
        let mut now = began;
        for (n, happens) in trail.iter().enumerate() {
            now += Duration::from_secs(60);
            match happens {
                Happens::TurnBegins if !in_turn => {
                    assert_eq!(
                        idle.turn_began(),
                        wanted.take().is_some(),
                        "cancels what was scheduled: {trail:?} at {n}"
                    );
                    in_turn = true;
                }
                Happens::TurnEnds if in_turn => {
                    let scheduled = idle.turn_ended(now, Some(HOUR)).unwrap();
                    assert_eq!(scheduled.at, now + HOUR);
                    assert!(!timers.iter().any(|timer| timer.generation == scheduled.generation));
                    timers.push(scheduled);
                    wanted = Some(scheduled.generation);
                    in_turn = false;
                }
                Happens::Fires if !timers.is_empty() => {
                    let timer = timers.remove(0);
                    let kills = wanted == Some(timer.generation);
                    assert_eq!(idle.fired(timer.generation), kills, "{trail:?} at {n}");
                    assert!(!idle.fired(timer.generation), "a timer kills once: {trail:?} at {n}");
                    if kills {
                        wanted = None;
                    }
                }
                Happens::Gone => {
                    assert_eq!(idle.gone(), wanted.take().is_some());
                    in_turn = false;
                }
                Happens::TurnBegins | Happens::TurnEnds | Happens::Fires => {}
            }
            assert_eq!(idle.due().is_some(), wanted.is_some(), "{trail:?} at {n}");
        }
    }

    #[test]
    fn every_order_of_events_ends_the_right_agent_only() {
        let mut n_seen = 0;
        explore(8, &mut Vec::new(), &mut n_seen);
        assert_eq!(n_seen, (4_usize.pow(9) - 1) / 3);
    }

    #[test]
    fn agents_are_kept_where_kills_are_off() {
        let mut idle = Idle::default();
        idle.turn_began();
        assert_eq!(idle.turn_ended(Instant::now(), None), None);
        assert_eq!(idle.due(), None);
    }

    #[test]
    fn delay_without_an_end_is_none() {
        let mut idle = Idle::default();
        assert_eq!(idle.turn_ended(Instant::now(), Some(Duration::MAX)), None);
    }
}
