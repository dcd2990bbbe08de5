//! Shuts out who guesses keys: so many wrong ones from one place within a time, and the place waits; twice as long each further time.
//! Memory is bounded; where it is full, the place that was heard of least recently is forgotten.
use core::net::IpAddr;
use hashlink::LinkedHashMap;
use std::time::Duration;

/// Where guesses come from: an IPv4 address, or the 64 bits of an IPv6 address that belong to one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    V4(u32),
    V6(u64),
}

impl Place {
    /// None for this machine itself: who sits here reads the configuration.
    fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(Self::V4(ip.to_bits())),
            IpAddr::V6(ip) => Some(Self::V6((ip.to_bits() >> 64) as u64)),
        }
    }
}

/// When a place is shut out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRules {
    /// Wrong keys after which a place is shut out; 0: never.
    pub failures: u32,
    /// The time within which they count together.
    pub within: Duration,
    /// How long the first time.
    pub block: Duration,
    /// How long at most.
    pub block_max: Duration,
    /// Places that are remembered.
    pub places_max: usize,
}

impl Default for ThrottleRules {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self { failures: 5, within: s(900), block: s(30), block_max: s(3_600), places_max: 10_000 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Guesses {
    n: u32,
    /// When the first of them came.
    since: Duration,
    /// When the newest came.
    newest: Duration,
    /// Until when the place is shut out.
    until: Option<Duration>,
    /// How long it was shut out the last time.
    last_block: Duration,
}

/// The places. Times are since any moment that stays the same.
#[derive(Debug)]
pub struct Throttle {
    rules: ThrottleRules,
    places: LinkedHashMap<Place, Guesses>,
}

impl Throttle {
    /// Nobody has guessed yet.
    pub fn new(rules: ThrottleRules) -> Self {
        Self { rules, places: LinkedHashMap::new() }
    }

    /// How long `ip` is still shut out at `now`, whatever it shows.
    pub fn blocked(&self, ip: IpAddr, now: Duration) -> Option<Duration> {
        if self.places.is_empty() {
            return None;
        }
        let until = self.places.get(&Place::of(ip)?)?.until?;
        until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// `ip` has shown a wrong key; says for how long it is shut out from now on, if it is.
    pub fn failed(&mut self, ip: IpAddr, now: Duration) -> Option<Duration> {
        let place = Place::of(ip).filter(|_| self.rules.failures > 0)?;
        let rules = self.rules;
        let fresh = |last_block| Guesses { n: 0, since: now, newest: now, until: None, last_block };
        let mut guesses = match self.places.remove(&place) {
            None => fresh(Duration::ZERO),
            // Long quiet: all is forgotten.
            Some(old) if now.saturating_sub(old.newest.max(old.until.unwrap_or_default())) > rules.within => {
                fresh(Duration::ZERO)
            }
            Some(old) if now.saturating_sub(old.since) > rules.within => fresh(old.last_block),
            Some(old) => old,
        };
        guesses.n += 1;
        guesses.newest = now;
        let mut shut_out = None;
        if guesses.n >= rules.failures {
            let block = (guesses.last_block * 2).clamp(rules.block, rules.block_max.max(rules.block));
            guesses = Guesses { n: 0, until: Some(now + block), last_block: block, since: now, newest: now };
            shut_out = Some(block);
        }
        while self.places.len() >= rules.places_max.max(1) {
            self.places.pop_front();
        }
        self.places.insert(place, guesses);
        shut_out
    }

    /// `ip` has shown a right key.
    pub fn succeeded(&mut self, ip: IpAddr) {
        if !self.places.is_empty()
            && let Some(place) = Place::of(ip)
        {
            self.places.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Fails so often at these seconds; what the last failure led to.
    fn fail(throttle: &mut Throttle, from: &str, at: &[u64]) -> Option<u64> {
        let ends: Vec<_> = at.iter().map(|at| throttle.failed(ip(from), s(*at))).collect();
        ends.last().copied().flatten().map(|block| block.as_secs())
    }

    #[test]
    fn fifth_wrong_key_shuts_a_place_out_and_each_time_doubles() {
        let mut throttle = Throttle::new(ThrottleRules::default());
        assert_eq!(fail(&mut throttle, "9.9.9.9", &[0, 1, 2, 3]), None);
        assert_eq!(throttle.blocked(ip("9.9.9.9"), s(3)), None);
        assert_eq!(fail(&mut throttle, "9.9.9.9", &[4]), Some(30));
        assert_eq!(throttle.blocked(ip("9.9.9.9"), s(5)), Some(s(29)));
        assert_eq!(throttle.blocked(ip("9.9.9.8"), s(5)), None);
        assert_eq!(throttle.blocked(ip("9.9.9.9"), s(34)), None);
        let mut now = 34;
        for block in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            assert_eq!(fail(&mut throttle, "9.9.9.9", &[now; 5]), Some(block), "at {now}");
            now += block;
        }
        // Quiet for a window after the end of the block: as if nothing had been.
        assert_eq!(fail(&mut throttle, "9.9.9.9", &[now + 901; 5]), Some(30));
    }

    #[test]
    fn slow_guesses_and_honest_slips_are_let_be() {
        let mut throttle = Throttle::new(ThrottleRules::default());
        for at in 0..100 {
            assert_eq!(fail(&mut throttle, "9.9.9.9", &[at * 300]), None, "{at}");
        }
        let mut throttle = Throttle::new(ThrottleRules::default());
        for at in 0..100 {
            assert_eq!(fail(&mut throttle, "9.9.9.9", &[at, at, at, at]), None, "{at}");
            throttle.succeeded(ip("9.9.9.9"));
        }
    }

    #[test]
    fn loopback_is_exempt_and_ipv6_counts_by_customer() {
        let mut throttle = Throttle::new(ThrottleRules::default());
        for own in ["127.0.0.1", "127.4.5.6", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(fail(&mut throttle, own, &[0; 50]), None, "{own}");
        }
        for n in 0..4 {
            assert_eq!(fail(&mut throttle, &format!("2001:db8:1:2:{n}::{n}"), &[0]), None);
        }
        assert_eq!(fail(&mut throttle, "2001:db8:1:2:ffff::", &[0]), Some(30));
        assert!(throttle.blocked(ip("2001:db8:1:2::77"), s(1)).is_some());
        assert!(throttle.blocked(ip("2001:db8:1:3::77"), s(1)).is_none());
        // The same address in both spellings.
        assert_eq!(fail(&mut throttle, "::ffff:9.9.9.9", &[0; 5]), Some(30));
        assert!(throttle.blocked(ip("9.9.9.9"), s(1)).is_some());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let rules = ThrottleRules { places_max: 3, ..ThrottleRules::default() };
        let mut throttle = Throttle::new(rules);
        assert_eq!(fail(&mut throttle, "9.0.0.1", &[0; 5]), Some(30));
        for n in 2..=3 {
            fail(&mut throttle, &format!("9.0.0.{n}"), &[1]);
        }
        assert!(throttle.blocked(ip("9.0.0.1"), s(1)).is_some());
        for n in 0..1_000_u32 {
            fail(&mut throttle, &format!("10.0.{}.{}", n / 250, n % 250), &[2]);
        }
        assert!(throttle.places.len() <= 3);
        assert!(throttle.blocked(ip("9.0.0.1"), s(2)).is_none());
    }

    #[test]
    fn zero_failures_means_never() {
        let mut throttle = Throttle::new(ThrottleRules { failures: 0, ..ThrottleRules::default() });
        assert_eq!(fail(&mut throttle, "9.9.9.9", &[0; 50]), None);
        assert!(throttle.places.is_empty());
    }
}
