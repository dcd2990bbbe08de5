//! Keeps the runtime's eyes open while a library computes. One thread of a runtime waits for sockets and timers. When it is the one that
//! goes into a library, and the others have nothing to do, nobody waits for them until it comes back: the runtime wakes another thread
//! for work only. So while steps go on, a thread of ours looks at them; if all that is under way was there at the last look, it gives the
//! runtime something to do, and whoever does that goes on to wait. A step pays nothing for it but the wake of a watch that sleeps.
use crate::guest::Steps;
use crate::nap::Nap;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::Handle;

/// Time between two looks: sockets and timers go unseen for twice as long at most.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// After so many looks at nothing new it sleeps until the next step.
const IDLE_LOOKS: u32 = 64;

static NAP: Nap = Nap::new();
/// The first runtime of the process: a host has one.
static RUNTIME: OnceLock<Handle> = OnceLock::new();

/// A step begins, and has been counted.
pub(crate) fn step_begins() {
    NAP.end();
    if RUNTIME.get().is_none()
        && let Ok(runtime) = Handle::try_current()
        && RUNTIME.set(runtime).is_ok()
    {
        // Without it the host serves as well as a runtime does by itself.
        let _ = std::thread::Builder::new().name("plugin-stir".to_owned()).spawn(look_for_ever);
    }
}

fn look_for_ever() {
    let Some(runtime) = RUNTIME.get() else { return };
    let (mut seen, mut n_same) = (Steps::now(), 0);
    loop {
        std::thread::sleep(LOOK_EVERY);
        let steps = Steps::now();
        n_same = if steps == seen { n_same + 1 } else { 0 };
        seen = steps;
        if n_same == 1 && steps.are_under_way() {
            runtime.spawn(async {});
        }
        if n_same > IDLE_LOOKS {
            NAP.take(|| Steps::now() == seen);
            n_same = 0;
        }
    }
}
