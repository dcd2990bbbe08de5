//! A rest that can be made longer but never shorter.
use std::time::Instant;

/// Until when something rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cooldown {
    until: Option<Instant>,
}

impl Cooldown {
    /// Rests at least until `until`.
    pub fn extend(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |old| old.max(until)));
    }

    /// The end of the rest, if it is not over.
    pub fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Ends the rest: an operator says so.
    pub fn clear(&mut self) {
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn cooldown_never_shortens() {
        let now = Instant::now();
        let later = |s| now + Duration::from_secs(s);
        let mut rest = Cooldown::default();
        assert_eq!(rest.rests_until(now), None);
        rest.extend(later(60));
        rest.extend(later(5));
        assert_eq!(rest.rests_until(later(59)), Some(later(60)));
        assert_eq!(rest.rests_until(later(60)), None);
        rest.clear();
        assert_eq!(rest.rests_until(now), None);
    }
}
