//! The way down: processes are asked to end, and made to.
use crate::sys::{self, Force};
use crate::tree::{Process, descendants, pure_groups};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long they may take that were asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long those are chased that were made to end: one that starts others must not win.
const CHASE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Ends everything that descends from `root`, but not `root`. Between looks, `meanwhile` is called. How many are left: none, unless the
/// system itself holds them.
pub(crate) async fn descend(root: u32, mut meanwhile: impl FnMut()) -> usize {
    let ask = |table: &[Process], own: &[Process]| {
        let groups = pure_groups(table, own);
        groups.iter().for_each(|group| sys::signal_group(*group, Force::Gently));
        own.iter()
            .filter(|process| !groups.contains(&process.group))
            .for_each(|one| sys::signal(one, Force::Gently));
    };
    let look = || {
        let table = sys::processes();
        let own = descendants(&table, root);
        (table, own)
    };
    meanwhile();
    let (table, own) = look();
    if own.is_empty() {
        return 0;
    }
    ask(&table, &own);
    let by = Instant::now() + PATIENCE;
    loop {
        sleep(LOOK_EVERY).await;
        meanwhile();
        let (_, own) = look();
        if own.is_empty() {
            return 0;
        }
        if Instant::now() >= by {
            break;
        }
    }
    let by = Instant::now() + CHASE;
    loop {
        let (_, own) = look();
        own.iter().for_each(|one| sys::signal(one, Force::Now));
        sleep(LOOK_EVERY).await;
        meanwhile();
        let (_, left) = look();
        if left.is_empty() || Instant::now() >= by {
            return left.len();
        }
    }
}
