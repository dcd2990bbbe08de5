//! Which session goes with which account. Pure; what was not used for longest is forgotten first.
use hashlink::LinkedHashMap;

/// The bindings.
#[derive(Debug)]
pub(crate) struct Affinity {
    ttl_ms: u64,
    entries_max: usize,
    /// By last use, oldest first.
    bound: LinkedHashMap<String, (String, u64)>,
}

impl Affinity {
    pub(crate) fn new(ttl_ms: u64, entries_max: usize) -> Self {
        Self { ttl_ms, entries_max, bound: LinkedHashMap::new() }
    }

    /// The account of `session`, if it was used within the time.
    pub(crate) fn account(&mut self, session: &str, now_ms: u64) -> Option<&str> {
        let (_, used_ms) = self.bound.get(session)?;
        if now_ms.saturating_sub(*used_ms) > self.ttl_ms {
            self.bound.remove(session);
            return None;
        }
        self.bound.get(session).map(|(account, _)| account.as_str())
    }

    /// `session` uses `account` now.
    pub(crate) fn bind(&mut self, session: &str, account: &str, now_ms: u64) {
        self.bound.remove(session);
        self.bound.insert(session.to_owned(), (account.to_owned(), now_ms));
        while self.bound.len() > self.entries_max {
            self.bound.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_end_by_time_and_by_number() {
        let mut affinity = Affinity::new(100, 2);
        affinity.bind("s1", "a", 0);
        affinity.bind("s2", "b", 1);
        affinity.bind("s1", "a", 50);
        assert_eq!(affinity.account("s1", 150), Some("a"));
        affinity.bind("s3", "c", 60);
        assert_eq!(affinity.account("s2", 60), None, "the one that was not used for longest");
        assert_eq!(affinity.account("s1", 151), None, "its time is over");
        assert_eq!(affinity.account("s3", 151), Some("c"));
    }
}
