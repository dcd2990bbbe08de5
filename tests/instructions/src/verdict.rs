//! What a count says next to the one that is committed. Knows no valgrind and no file.
use std::collections::BTreeMap;

/// The most that a count may differ, in percent of what it was.
pub(crate) const TOLERANCE: u64 = 2;

/// What becomes of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// As it was.
    Same,
    /// Slower than it may get.
    Slower,
    /// So much faster that the number no longer guards what was gained.
    Faster,
    /// Nobody has committed a number.
    New,
}

/// One case, and by how many percent it differs.
#[derive(Debug, PartialEq)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) was: Option<u64>,
    pub(crate) is: u64,
    pub(crate) percent: f64,
    pub(crate) verdict: Verdict,
}

/// Compares one case.
pub(crate) fn judge<'a>(name: &'a str, is: u64, committed: &BTreeMap<String, u64>) -> Line<'a> {
    let was = committed.get(name).copied();
    let percent = was.map_or(0.0, |was| (is as f64 / was as f64 - 1.0) * 100.0);
    let verdict = match was {
        None => Verdict::New,
        Some(was) if is * 100 > was * (100 + TOLERANCE) => Verdict::Slower,
        Some(was) if is * 100 < was * (100 - TOLERANCE) => Verdict::Faster,
        Some(_) => Verdict::Same,
    };
    Line { name, was, is, percent, verdict }
}

/// Committed numbers whose case is gone.
pub(crate) fn orphans<'a>(names: &[String], committed: &'a BTreeMap<String, u64>) -> Vec<&'a str> {
    committed.keys().filter(|name| !names.contains(name)).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_percent_are_borne_and_no_more() {
        let committed = BTreeMap::from([("a".to_owned(), 10_000)]);
        for (is, verdict) in [
            (10_000, Verdict::Same),
            (10_200, Verdict::Same),
            (10_201, Verdict::Slower),
            (9_800, Verdict::Same),
            (9_799, Verdict::Faster),
            (30_000, Verdict::Slower),
        ] {
            assert_eq!(judge("a", is, &committed).verdict, verdict, "{is}");
        }
        assert_eq!(judge("b", 1, &committed).verdict, Verdict::New);
    }

    #[test]
    fn numbers_without_a_case_are_found() {
        let committed = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]);
        assert_eq!(orphans(&["b".to_owned()], &committed), ["a"]);
    }
}
