//! Processes as a table: who descends from whom, and whom a signal may reach. Pure.
use std::collections::{BTreeMap, BTreeSet};

/// One process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// Its process group; 0 where the system does not tell.
    pub(crate) group: u32,
    /// When it began, in the system's own unit: together with the pid it names one process.
    pub(crate) start: u64,
    pub(crate) memory_bytes: u64,
}

/// All that descend from `root`, without itself.
pub(crate) fn descendants(table: &[Process], root: u32) -> Vec<Process> {
    let mut children: BTreeMap<u32, Vec<&Process>> = BTreeMap::new();
    for process in table.iter().filter(|process| process.pid != process.parent) {
        children.entry(process.parent).or_default().push(process);
    }
    let (mut found, mut next, mut seen) = (Vec::new(), vec![root], BTreeSet::from([root]));
    while let Some(pid) = next.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            // A table that was not read in one moment may hold circles.
            if seen.insert(child.pid) {
                found.push(**child);
                next.push(child.pid);
            }
        }
    }
    found
}

/// The process groups that hold nobody but `own`: the only ones that may be signalled as a whole.
pub(crate) fn pure_groups(table: &[Process], own: &[Process]) -> BTreeSet<u32> {
    let own_pids: BTreeSet<u32> = own.iter().map(|process| process.pid).collect();
    let groups: BTreeSet<u32> = own.iter().map(|process| process.group).filter(|group| *group > 1).collect();
    let is_shared =
        |group: &u32| table.iter().any(|process| process.group == *group && !own_pids.contains(&process.pid));
    groups.into_iter().filter(|group| !is_shared(group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, group: u32) -> Process {
        Process { pid, parent, group, start: u64::from(pid), memory_bytes: 1 }
    }

    #[test]
    fn descendants_are_found_also_in_other_groups() {
        let table = [
            process(1, 0, 1),
            process(10, 1, 10),
            process(11, 10, 11),
            process(12, 11, 12),
            process(13, 10, 10),
            process(20, 1, 20),
        ];
        let mut pids: Vec<u32> = descendants(&table, 10).iter().map(|process| process.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [11, 12, 13]);
        assert!(descendants(&table, 99).is_empty());
    }

    #[test]
    fn circles_come_to_an_end() {
        let table = [process(10, 12, 1), process(11, 10, 1), process(12, 11, 1), process(0, 0, 0)];
        assert_eq!(descendants(&table, 10).len(), 2);
    }

    #[test]
    fn groups_with_strangers_are_left_alone() {
        let table = [
            process(10, 1, 10),
            process(11, 10, 11),
            process(12, 10, 20),
            process(20, 1, 20),
            process(13, 10, 0),
        ];
        let own = descendants(&table, 10);
        assert_eq!(pure_groups(&table, &own), BTreeSet::from([11]));
    }
}
