//! The warden of one agent: a small process between the host and the agent that adopts whatever the agent leaves behind.
//!
//! Agents put the tools that they run into sessions and groups of their own. Neither the end of the agent nor a signal to its group
//! reaches those; but they descend from their warden for as long as they live, wherever they have moved to. The warden takes all of
//! them down when the agent has ended, when the host says so, and when the host itself is gone, however that came.
use crate::ladder;
use crate::sys::{self, Buried};
use crate::tree::descendants;
use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// The first argument of a warden; behind it stand the host's pid, the program and its arguments.
pub const WORD: &str = "__agent-warden";

/// How often it is looked whether the host is still there: the system's own notice comes from the thread that started the warden.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the end of a child is waited for before its pulse is felt.
const WAIT: Duration = Duration::from_millis(10);

/// Is this process to be a warden? Then it is one until its agent is gone, and this is its exit code. `args`: without the program's name.
pub fn intercept(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if args.next()? != WORD {
        return None;
    }
    let host = args.next().and_then(|pid| pid.to_str()?.parse().ok());
    let (Some(host), Some(program)) = (host, args.next()) else { return Some(ExitCode::from(2)) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Some(match runtime {
        Ok(runtime) => ExitCode::from(runtime.block_on(watch(host, program, args.collect()))),
        Err(_) => ExitCode::from(2),
    })
}

async fn watch(host: u32, program: OsString, args: Vec<OsString>) -> u8 {
    // Signals are listened to before there is anybody who could cause one.
    let (Ok(mut child), Ok(mut terminate), Ok(mut hangup), Ok(mut interrupt)) = (
        signal(SignalKind::child()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
        signal(SignalKind::interrupt()),
    ) else {
        return 2;
    };
    if sys::adopt_orphans().is_err() || sys::parent() != host {
        return 2;
    }
    use std::os::unix::process::CommandExt;
    let started = Command::new(&program).args(args).process_group(0).spawn();
    let agent = match started {
        Ok(agent) => agent.id(),
        Err(error) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "{} cannot be started: {error}", program.display());
            return 127;
        }
    };
    let _ = sys::close_pipes();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut code = None;
    let mut n_children = || loop {
        match sys::bury() {
            Buried::One { pid, code: ended } if pid == agent => code = Some(ended),
            Buried::One { .. } => {}
            Buried::Living => break (Children::Some, code),
            Buried::Nobody => break (Children::None, code),
        }
    };
    while n_children().1.is_none() {
        tokio::select! {
            _ = child.recv() => {}
            _ = terminate.recv() => break,
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = looks.tick() => {}
        }
        if sys::parent() != host {
            break;
        }
    }
    descend(&mut child, || n_children().0).await;
    n_children().1.unwrap_or(128 + 9)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Children {
    Some,
    None,
}

/// Takes down all that is left. What loses its parent becomes a child of this process: where there is no child, nobody is left.
async fn descend(child: &mut Signal, mut children: impl FnMut() -> Children) {
    if children() == Children::None {
        return;
    }
    let own = std::process::id();
    let table = sys::processes();
    ladder::ask(&table, &descendants(&table, own));
    let by = Instant::now() + ladder::PATIENCE;
    while children() == Children::Some && Instant::now() < by {
        let _ = timeout(WAIT, child.recv()).await;
    }
    // Without an end: the host waits for a time only, but as long as somebody is left somebody has to be here. One that starts another
    // and goes is outrun, for children are told faster than programs start.
    let mut before = Vec::new();
    while children() == Children::Some {
        let left = sys::children(own);
        left.iter().for_each(|child| sys::end_child(*child));
        if left == before {
            let _ = timeout(WAIT, child.recv()).await;
        }
        before = left;
    }
}
