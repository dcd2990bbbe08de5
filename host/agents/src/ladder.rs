//! The way down: processes are asked to end, and made to.
use crate::sys::{self, Force};
use crate::tree::{Family, Process, pure_groups};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long they may take that were asked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// How long those are chased that were made to end: one that starts others must not win.
const CHASE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks each of `own` to end: whole groups where nobody else is in them.
pub(crate) fn ask(table: &[Process], own: &[Process]) {
    let groups = pure_groups(table, own);
    groups.iter().for_each(|group| sys::signal_group(*group, Force::Gently));
    let others = own.iter().filter(|process| !groups.contains(&process.group));
    others.for_each(|one| sys::signal(one, Force::Gently));
}

/// Ends a family from outside, with nothing but the table of processes to go by. How many are left: none, unless the system itself holds
/// them, or they start others faster than they can be ended.
pub(crate) async fn descend(family: &mut Family) -> usize {
    let table = sys::processes();
    let own = family.living(&table);
    if own.is_empty() {
        return 0;
    }
    ask(&table, &own);
    let began = Instant::now();
    loop {
        sleep(LOOK_EVERY).await;
        let own = family.living(&sys::processes());
        let elapsed = began.elapsed();
        if own.is_empty() || elapsed >= PATIENCE + CHASE {
            return own.len();
        }
        if elapsed >= PATIENCE {
            own.iter().for_each(|one| sys::signal(one, Force::Now));
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn stranger_that_bears_a_members_pid_is_left_alone() {
        let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
        let (pid, start) = sys::id(stranger.id()).unwrap();
        let mut family = Family::below(Some((pid, start - 1)));
        family.add((pid, start + 1));
        assert_eq!(descend(&mut family).await, 0);
        assert!(stranger.try_wait().unwrap().is_none(), "it lives");
        family.add((pid, start));
        assert_eq!(descend(&mut family).await, 0);
        assert!(!stranger.wait().unwrap().success());
    }

    #[tokio::test]
    async fn member_that_is_stopped_or_deaf_is_ended() {
        for script in ["kill -STOP $$", "trap '' TERM; while :; do sleep 1; done"] {
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let mut family = Family::default();
            family.add(sys::id(child.id()).unwrap());
            assert_eq!(descend(&mut family).await, 0, "{script}");
            child.wait().unwrap();
        }
    }
}
