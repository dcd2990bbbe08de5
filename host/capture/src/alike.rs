//! What a body has in common with one that is written already: an agent says all that was said before again in every turn, and what goes to
//! an upstream is what its client sent, but for a field or two.
use bytes::Bytes;
use std::collections::VecDeque;

/// Smaller bodies are written as they are.
const BODY_BYTES_MIN: usize = 1 << 10;
/// Requests that are remembered, and their bytes.
const KEPT_MAX: usize = 8;
const KEPT_BYTES_MAX: usize = 8 << 20;
/// Bytes that are compared at once.
const STEP: usize = 256;
/// No further one is looked at when all but so many parts of a body are found.
const ENOUGH: usize = 8;

/// How much of a body stands in another: as many bytes at its beginning, and as many at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alike {
    /// The turn whose request it is like.
    pub(crate) turn: u64,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

impl Alike {
    pub(crate) const fn bytes(&self) -> usize {
        self.first + self.last
    }
}

/// Bodies of requests that stand in one file, without a secret in them; the newest last.
#[derive(Debug, Default)]
pub(crate) struct Written {
    file: u64,
    bodies: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

impl Written {
    /// The body of the request of `turn`, which is written into this file.
    pub(crate) fn add(&mut self, file: u64, turn: u64, body: Bytes) {
        if self.file != file {
            *self = Self { file, ..Self::default() };
        }
        if body.len() < BODY_BYTES_MIN || body.len() > KEPT_BYTES_MAX {
            return;
        }
        self.bytes += body.len();
        self.bodies.push_back((turn, body));
        while self.bodies.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            self.bytes -= self.bodies.pop_front().map_or(0, |(_, body)| body.len());
        }
    }

    /// The one in this file that `body` is like, if that saves half of it. What goes on from one is mostly the newest.
    pub(crate) fn find(&self, file: u64, body: &Bytes) -> Option<Alike> {
        if self.file != file || body.len() < BODY_BYTES_MIN {
            return None;
        }
        let mut best = Alike::default();
        for (turn, other) in self.bodies.iter().rev() {
            let alike = compare(*turn, other, body);
            if alike.bytes() > best.bytes() {
                best = alike;
            }
            if best.bytes() >= body.len() / ENOUGH * (ENOUGH - 1) {
                break;
            }
        }
        Some(best).filter(|best| best.bytes() >= body.len() / 2)
    }
}

/// How much of `body` stands in `other`, the request of `turn`.
pub(crate) fn compare(turn: u64, other: &[u8], body: &[u8]) -> Alike {
    let steps = other.chunks(STEP).zip(body.chunks(STEP));
    let whole = STEP * steps.take_while(|(a, b)| a == b && a.len() == STEP).count();
    let more = rest(other, whole).iter().zip(rest(body, whole));
    let first = whole + more.take_while(|(a, b)| a == b).count();
    let (other, body) = (rest(other, first), rest(body, first));
    let steps = other.rchunks(STEP).zip(body.rchunks(STEP));
    let whole = STEP * steps.take_while(|(a, b)| a == b && a.len() == STEP).count();
    let more = other.iter().rev().skip(whole).zip(body.iter().rev().skip(whole));
    Alike { turn, first, last: whole + more.take_while(|(a, b)| a == b).count() }
}

fn rest(bytes: &[u8], from: usize) -> &[u8] {
    bytes.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_and_ends_are_found_and_never_overlap() {
        let (long, other) = ("x".repeat(1000), "y".repeat(700));
        for (a, b, first, last) in [
            ("", "", 0, 0),
            ("abc", "abc", 3, 0),
            ("abc", "", 0, 0),
            ("abc", "axc", 1, 1),
            ("aa", "aaa", 2, 0),
            (&format!("{long}a{other}"), &format!("{long}bc{other}"), 1000, 700),
            (&long, &format!("{long}{long}"), 1000, 0),
            (&format!("a{long}"), &format!("b{long}"), 0, 1000),
        ] {
            let found = compare(7, a.as_bytes(), b.as_bytes());
            assert_eq!(found, Alike { turn: 7, first, last }, "{a} {b}");
            assert!(first + last <= a.len().min(b.len()));
        }
    }

    #[test]
    fn a_conversation_is_like_its_last_turn_and_another_file_like_nothing() {
        let mut written = Written::default();
        let body = |n: usize| Bytes::from(format!("{}\"]}}", "\"say\",".repeat(n)));
        written.add(1, 4, body(200));
        written.add(1, 5, body(400));
        written.add(1, 6, Bytes::from("z".repeat(5000)));
        assert_eq!(written.find(1, &body(420)).map(|alike| alike.turn), Some(5));
        assert_eq!(written.find(1, &Bytes::from("w".repeat(5000))), None);
        assert_eq!(written.find(2, &body(420)), None);
        written.add(2, 7, body(1));
        assert_eq!(written.find(1, &body(420)), None);
    }

    #[test]
    fn few_and_small_bodies_are_remembered() {
        let mut written = Written::default();
        for turn in 0..100 {
            written.add(1, turn, Bytes::from(vec![turn as u8; 2 << 20]));
        }
        assert!(written.bytes <= KEPT_BYTES_MAX && written.bodies.len() <= KEPT_MAX);
        assert_eq!(written.bytes, written.bodies.iter().map(|(_, body)| body.len()).sum::<usize>());
    }
}
