//! Time stamps that a delta carries in its text, so that a client can count deltas and take one-way times.
//!
//! A stamp is `~`, 19 digits of the machine's monotonic clock in nanoseconds, `~`, at the start of a JSON string. Dialects that
//! say the whole text again at the end (OpenAI Responses) repeat the first one: a stamp counts if it is later than the last.
use rustix::time::{ClockId, clock_gettime};

/// What stands before the digits in a chunk, and nowhere else in what the mock sends.
const BEFORE: &[u8] = b"\"~";
const DIGITS: usize = 19;

/// Nanoseconds of the machine's monotonic clock: the same for all processes.
pub fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// A stamp of `ns`, to be put at the start of a JSON string.
pub fn of(ns: u64) -> String {
    format!("~{ns:019}~")
}

/// Finds stamps in a stream that may be cut anywhere.
#[derive(Debug, Default)]
pub struct Finder {
    carry: Vec<u8>,
    last: u64,
}

impl Finder {
    /// Takes the next bytes; calls `found` with the time of each stamp that is now complete.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(u64)) {
        self.carry.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&self.carry[from..], BEFORE) {
            let start = from + at + BEFORE.len();
            let Some(stamp) = self.carry.get(start..=start + DIGITS) else {
                from += at;
                self.carry.drain(..from);
                return;
            };
            if let Some(ns) = value(stamp).filter(|ns| *ns > self.last) {
                self.last = ns;
                found(ns);
            }
            from = start;
        }
        let keep = from.max(self.carry.len().saturating_sub(BEFORE.len() - 1));
        self.carry.drain(..keep);
    }
}

fn value(stamp: &[u8]) -> Option<u64> {
    let digits = stamp.strip_suffix(b"~")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_finds_the_same_stamps() {
        let text = format!(
            "data: {{\"content\":\"{}a\"}}\n\ndata: {{\"content\":\"{}\"}} {{\"content\":\"\"}}",
            of(7),
            of(u64::from(u32::MAX))
        );
        for cut in 0..=text.len() {
            let (mut finder, mut seen) = (Finder::default(), Vec::new());
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                finder.push(part, |ns| seen.push(ns));
            }
            assert_eq!(seen, [7, u64::from(u32::MAX)], "cut at {cut}");
        }
    }

    #[test]
    fn the_clock_goes_forward() {
        assert!(now_ns() <= now_ns());
    }
}
