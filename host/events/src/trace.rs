//! Where a turn stands in the traces of those who watch it. Source of the header's form: W3C, "Trace Context", 3.2.
use crate::turn::TurnId;
use std::fmt;

/// The header that names the caller's span.
pub const TRACEPARENT: &str = "traceparent";
/// The only version that there is; later ones begin alike.
const VERSION_BYTES: usize = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".len();
/// The caller may have recorded its span.
const SAMPLED: u8 = 1;

/// A span as its children name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanRef {
    /// The trace; not 0.
    trace: u128,
    /// The span; not 0.
    span: u64,
    /// Is it recorded?
    is_sampled: bool,
}

impl SpanRef {
    /// The span that a `traceparent` names; none where it is malformed.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (fixed, rest) = header.split_at_checked(VERSION_BYTES)?;
        let mut parts = fixed.split(|byte| *byte == b'-');
        let mut next = |digits: usize| parts.next().filter(|part| part.len() == digits).and_then(hex);
        let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let is_whole = rest.is_empty() || version > 0 && rest.first() == Some(&b'-');
        if version == 0xff || trace == 0 || span == 0 || !is_whole {
            return None;
        }
        let (span, flags) = (u64::try_from(span).ok()?, u8::try_from(flags).ok()?);
        Some(Self { trace, span, is_sampled: flags & SAMPLED != 0 })
    }

    /// The span of a turn (`n` is 0) or of its `n`th attempt, counted from 1, below the caller's span, where it named one.
    pub fn of(turn: TurnId, parent: Option<&Self>, n: u64) -> Self {
        let id = turn.number();
        // The second half of a turn's id is what tells it from others of its process.
        #[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
        let span = ((id as u64).rotate_left(16) ^ n).max(1);
        let trace = parent.map_or(id.max(1), |parent| parent.trace);
        Self { trace, span, is_sampled: parent.is_none_or(|parent| parent.is_sampled) }
    }

    /// Is it recorded? What the caller does not record is not recorded here either.
    pub const fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// The trace as 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The span as 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }
}

/// As the header's value.
impl fmt::Display for SpanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

/// Digits in lower case, as the specification has them.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |sum, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn headers_of_the_specification_are_read_and_others_are_none() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = SpanRef::parse(good.as_bytes()).expect("the specification's example");
        assert_eq!((read.to_string().as_str(), read.is_sampled()), (good, true));
        for (text, is_sampled) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", Some(false)),
            // Other flags mean nothing to us.
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", Some(true)),
            // A later version may have more.
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", Some(true)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some(true)),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", None),
            ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(SpanRef::parse(text.as_bytes()).map(|span| span.is_sampled()), is_sampled, "{text}");
        }
    }

    #[test]
    fn spans_of_a_turn_are_its_own_and_stand_in_the_callers_trace() {
        let turn = |n| TurnId::new(UNIX_EPOCH, 7, n);
        let parent = SpanRef::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        let mut all: Vec<String> = (0..100)
            .flat_map(|t| (0..10).map(move |n| SpanRef::of(turn(t), parent.as_ref(), n)))
            .map(|span| span.span_id())
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 1_000);
        let (own, below) = (SpanRef::of(turn(3), None, 1), SpanRef::of(turn(3), parent.as_ref(), 1));
        assert_eq!((own.trace_id(), own.is_sampled()), (turn(3).to_string(), true));
        assert_eq!(
            (below.trace_id().as_str(), below.is_sampled()),
            ("4bf92f3577b34da6a3ce929d0e0e4736", false)
        );
        assert_ne!(SpanRef::of(TurnId::new(UNIX_EPOCH, 0, 0), None, 0).span_id(), "0000000000000000");
    }
}
