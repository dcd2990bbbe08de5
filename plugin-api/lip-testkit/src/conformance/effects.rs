//! Checks of what the host may do to effects.
use super::subject::{Kit, Subject, Verdict, ensure};
use crate::Outcome;
use crate::trouble::Trouble;
use lip_abi::{op, status};

/// A host that knows less.
pub fn unsupported_effects_are_survived(kit: &Kit) -> Verdict {
    every_effect_ends(kit, status::UNSUPPORTED, "unsupported")
}

/// A host that allows less.
pub fn refused_effects_are_survived(kit: &Kit) -> Verdict {
    every_effect_ends(kit, status::DENIED, "denied")
}

/// A status that nobody knows yet.
pub fn unknown_statuses_are_survived(kit: &Kit) -> Verdict {
    const OF_LATER: u32 = 4711;
    every_effect_ends(kit, OF_LATER, "an unknown status")
}

/// Steps after which a task that is told no all the time is taken to loop.
const STEPS_MAX: usize = 10_000;

fn every_effect_ends(kit: &Kit, status: u32, name: &str) -> Verdict {
    for subject in kit.subjects() {
        for stream in [false, true] {
            let plain = turn(&subject, Trouble::None, stream);
            // What is open is let go of by every host.
            for &op in plain.asked.iter().filter(|op| **op != op::CLOSE) {
                let seen = turn(&subject, Trouble::Ends { op, status }, stream);
                let when = format!("effect {op} ends as {name}");
                let loops = || subject.says(format!("it asks again and again, {when}"));
                ensure(!seen.cancelled || !seen.breaches.is_empty(), loops, "give up when an effect fails")?;
                subject.sane(&seen, &when)?;
                // Nothing of the upstream can be known then.
                let told = || subject.says(format!("it takes {when} for a success"));
                let fails = ![op::HTTP, op::AGENT_TURN].contains(&op) || seen.error.is_some();
                ensure(fails, told, "pass errors of effects on with `?`")?;
            }
        }
    }
    Ok(())
}

fn turn(subject: &Subject, trouble: Trouble, stream: bool) -> Outcome {
    let stage = if stream { subject.fair_stream(3) } else { subject.fair() };
    stage.trouble(trouble).cancel_after(STEPS_MAX).run()
}

/// Completions that come twice.
pub fn double_completions_are_ignored(kit: &Kit) -> Verdict {
    changes_nothing(kit, Trouble::Double, "each completion comes twice")
}

/// Completions of nobody.
pub fn forged_completions_are_ignored(kit: &Kit) -> Verdict {
    changes_nothing(kit, Trouble::Forged, "completions come that nobody waits for")
}

/// Resumed for nothing.
pub fn needless_resumes_are_harmless(kit: &Kit) -> Verdict {
    changes_nothing(kit, Trouble::Needless, "it is resumed without a completion")
}

pub(super) fn changes_nothing(kit: &Kit, trouble: Trouble, when: &str) -> Verdict {
    for subject in kit.subjects() {
        for stream in [false, true] {
            let plain = turn(&subject, Trouble::None, stream);
            let seen = turn(&subject, trouble, stream);
            subject.sane(&seen, when)?;
            let of =
                |seen: &Outcome| (seen.status, seen.body.clone(), seen.error.clone(), seen.requests.len());
            let told = || {
                let (is, was) = ((seen.status, &seen.error), (plain.status, &plain.error));
                subject.says(format!("{when}, and the client gets {is:?} instead of {was:?}"))
            };
            ensure(of(&seen) == of(&plain), told, "match completions with what is open, by id")?;
        }
    }
    Ok(())
}
