//! Checks of who lives how long.
use super::effects::changes_nothing;
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::Stage;
use crate::trouble::Trouble;
use lip_abi::Buf;
use std::sync::Arc;

/// Far more steps than a connector needs for one small answer.
const STEPS_MAX: usize = 1_000;
/// Turns that run at once.
const TURNS: usize = 16;

/// A request body whose life can be watched.
struct Watched {
    text: &'static str,
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// Dropping a task after any of its steps gives back the request's bytes and never panics.
pub fn cancelling_lets_go(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        for stream in [false, true] {
            for steps in 0..STEPS_MAX {
                let alive = Arc::new(());
                let body = Buf::from_owner(Watched { text: subject.request, _alive: Arc::clone(&alive) });
                let stage = if stream { subject.fair_stream(3) } else { subject.fair() };
                let seen = stage.turn(body).cancel_after(steps).run();
                subject.sane(&seen, &format!("cancelled after {steps} steps"))?;
                let ended = !seen.cancelled;
                drop(seen);
                let told =
                    || subject.says(format!("cancelled after {steps} steps, it keeps the request's bytes"));
                let hint = "keep no Buf, Turn or Ctx in the connector or in a static";
                ensure(Arc::strong_count(&alive) == 1, told, hint)?;
                if ended {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Tasks outlive their instance.
pub fn instance_may_go_first(kit: &Kit) -> Verdict {
    changes_nothing(kit, Trouble::Orphan, "its instance was dropped")
}

/// Tasks are bound to no thread.
pub fn tasks_move_between_threads(kit: &Kit) -> Verdict {
    changes_nothing(kit, Trouble::Threads, "each step runs on another thread")
}

/// Turns at once get what each alone would get.
pub fn many_turns_at_once(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        let alone: Vec<_> = (0..TURNS).map(|n| one_of_many(&subject, n).run()).collect();
        let together = Stage::together((0..TURNS).map(|n| one_of_many(&subject, n)).collect());
        let all = || subject.says(format!("{} of {TURNS} turns at once have an end", together.len()));
        ensure(together.len() == TURNS, all, "make an instance without config")?;
        for (n, (seen, own)) in together.iter().zip(&alone).enumerate() {
            subject.sane(seen, "many turns at once")?;
            let asked = |of: &crate::Outcome| {
                of.requests.iter().map(|request| request.body.to_vec()).collect::<Vec<_>>()
            };
            let same = (seen.status, &seen.body, seen.code()) == (own.status, &own.body, own.code())
                && asked(seen) == asked(own);
            let told = || subject.says(format!("turn {n} of {TURNS} at once is not what it is alone"));
            ensure(same, told, "keep what belongs to a turn in the turn")?;
        }
    }
    Ok(())
}

/// Odd ones are streamed; each says something else.
fn one_of_many(subject: &Subject, n: usize) -> Stage {
    let body = subject.request.replace("hello", &format!("hello {n}"));
    let stage = if n.is_multiple_of(2) { subject.fair() } else { subject.fair_stream(n) };
    stage.turn(body)
}
