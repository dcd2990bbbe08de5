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

impl Process {
    /// What names this process and no later one with its pid.
    pub(crate) const fn id(&self) -> Id {
        (self.pid, self.start)
    }
}

/// A pid and the beginning of the process that bears it.
pub(crate) type Id = (u32, u64);

/// A program and all that it has started, as far as anybody has seen it: who has been of it once stays of it, also when its parent has gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    members: BTreeSet<Id>,
    /// A process whose children are of the family, though it is not: the warden.
    keeper: Option<Id>,
}

impl Family {
    /// What descends from `keeper`.
    pub(crate) fn below(keeper: Option<Id>) -> Self {
        Self { members: BTreeSet::new(), keeper }
    }

    /// This one is of it, whoever its parent is.
    pub(crate) fn add(&mut self, member: Id) {
        self.members.insert(member);
    }

    /// Those of it that are in `table`. Others are forgotten.
    pub(crate) fn living(&mut self, table: &[Process]) -> Vec<Process> {
        let is_root = |process: &&Process| {
            self.members.contains(&process.id()) || self.keeper.is_some_and(|keeper| keeper == process.id())
        };
        let mut living = BTreeMap::new();
        for root in table.iter().filter(is_root) {
            living.extend(descendants(table, root.pid).into_iter().map(|process| (process.id(), process)));
            living.insert(root.id(), *root);
        }
        if let Some(keeper) = self.keeper {
            living.remove(&keeper);
        }
        self.members = living.keys().copied().collect();
        living.into_values().collect()
    }
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
    fn family_is_remembered_when_parents_have_gone() {
        let mut family = Family::below(Some((10, 10)));
        let pids = |family: &mut Family, table: &[Process]| -> Vec<u32> {
            family.living(table).iter().map(|process| process.pid).collect()
        };
        let mut table = vec![
            process(1, 0, 1),
            process(10, 1, 1),
            process(11, 10, 1),
            process(12, 11, 1),
            process(20, 1, 1),
        ];
        assert_eq!(pids(&mut family, &table), [11, 12]);
        // The keeper and a parent are gone; one has been started since.
        table.retain(|process| ![10, 11].contains(&process.pid));
        table[1].parent = 1;
        table.push(process(13, 12, 1));
        assert_eq!(pids(&mut family, &table), [12, 13]);
        // Others bear the pids now, one of them the keeper's.
        table.iter_mut().filter(|process| process.pid == 12).for_each(|process| process.start += 1);
        table.push(Process { start: 99, ..process(10, 1, 1) });
        table.push(process(14, 10, 1));
        assert_eq!(pids(&mut family, &table), [13]);
        family.add((14, 14));
        assert_eq!(pids(&mut family, &table), [13, 14]);
        assert_eq!(pids(&mut family, &[]), Vec::<u32>::new());
        assert_eq!(pids(&mut family, &table), Vec::<u32>::new(), "forgotten");
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
