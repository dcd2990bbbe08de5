//! Do this machine and the servers that hosts share agree on the time? Pure.
use super::finding::Finding;

/// What two clocks may differ before minutes and days of client keys, and rows of several hosts, are told apart wrongly.
const SKEW_MAX_US: u64 = 2_000_000;

/// What is wrong with the clocks of this machine and of a server that is `ahead_us` of it.
pub(super) fn skew(server: &str, ahead_us: i64) -> Option<Finding> {
    if ahead_us.unsigned_abs() <= SKEW_MAX_US {
        return None;
    }
    let (seconds, which) =
        (ahead_us.unsigned_abs() / 1_000_000, if ahead_us > 0 { "ahead of" } else { "behind" });
    let sentence = format!(
        "that of the {server} is {seconds} s {which} this machine's; let all machines ask the same servers of NTP"
    );
    Some(Finding::warn("clock", &sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::table;

    #[test]
    fn clocks_that_differ_are_told() {
        assert!(skew("shared state", 2_000_000).is_none() && skew("shared state", -2_000_000).is_none());
        let told = |ahead_us| table(&[skew("shared state", ahead_us).expect("a finding")]);
        assert!(told(7_500_000).contains("7 s ahead of this machine's"), "{}", told(7_500_000));
        assert!(told(-2_000_001).contains("2 s behind this machine's"));
    }
}
