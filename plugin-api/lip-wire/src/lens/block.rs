//! Looks at a string literal 64 bytes at a time: where it ends, and whether what stands before its end is legal.
//!
//! Which characters are escaped follows from the parity of the backslashes before them, for all 64 at once. The method is
//! described in Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019), §3.1.1.
use wide::u8x16;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// Bytes of a lane: what is looked at in one go.
pub(super) const LANE: usize = 16;

/// Every other bit, beginning with the second.
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// What a block says. Bit n is byte n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Quotes that end a literal.
    pub(super) quotes: u64,
    /// Control characters, and escapes that JSON does not have.
    pub(super) illegal: u64,
    /// The `u` of `\uXXXX`; its digits are not judged here.
    pub(super) unicode: u64,
    /// What stands behind a backslash that escapes it.
    pub(super) escaped: u64,
}

/// Remembers between blocks whether the next byte is escaped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Blocks {
    carry: u64,
}

impl Blocks {
    /// Does the byte after the last block belong to an escape that began in it?
    pub(super) const fn is_within_escape(self) -> bool {
        self.carry != 0
    }

    /// Judges the next block.
    #[inline]
    pub(super) fn next(&mut self, block: &[u8; BLOCK]) -> Marks {
        let lanes = lanes(block);
        let is = |byte: u8| move |bytes: u8x16| bytes.simd_eq(u8x16::splat(byte));
        let (backslashes, all_quotes) = (marks(&lanes, is(b'\\')), marks(&lanes, is(b'"')));
        let escaped = self.escaped(backslashes);
        let quotes = all_quotes & !escaped;
        let control = controls(&lanes);
        if escaped == 0 {
            return Marks { quotes, illegal: control, unicode: 0, escaped };
        }
        let (mut illegal, mut unicode) = (control, 0);
        // Two kinds of escapes have been found already; of the others a block has few.
        let mut others = escaped & !(all_quotes | backslashes);
        while others != 0 {
            let bit = others & others.wrapping_neg();
            match block.get(others.trailing_zeros() as usize) {
                Some(b'n' | b't' | b'r' | b'/' | b'b' | b'f') => {}
                Some(b'u') => unicode |= bit,
                _ => illegal |= bit,
            }
            others ^= bit;
        }
        Marks { quotes, illegal, unicode, escaped }
    }

    /// The bytes behind an odd number of backslashes.
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.carry);
        }
        let starts = backslashes & !self.carry;
        let series = ((starts << 1) | ODD).wrapping_sub(starts) ^ ODD;
        let escaped = series ^ (backslashes | self.carry);
        self.carry = (series & backslashes) >> 63;
        escaped
    }
}

/// Bytes of a lane before the first `"`, `\` or control character.
#[inline]
pub(super) fn plain_in(lane: &[u8; LANE]) -> usize {
    let bytes = u8x16::new(*lane);
    let limit = u8x16::splat(0x1f);
    let special = bytes.simd_eq(u8x16::splat(b'"'))
        | bytes.simd_eq(u8x16::splat(b'\\'))
        | bytes.max(limit).simd_eq(limit);
    // A bit behind the last one stands for "none".
    (special.to_bitmask() | 1 << LANE).trailing_zeros() as usize
}

/// Bytes of a lane before the first backslash.
#[inline]
pub(super) fn unescaped_in(lane: &[u8; LANE]) -> usize {
    let found = u8x16::new(*lane).simd_eq(u8x16::splat(b'\\')).to_bitmask();
    (found | 1 << LANE).trailing_zeros() as usize
}

#[inline]
fn lanes(block: &[u8; BLOCK]) -> [u8x16; 4] {
    match block.as_chunks::<LANE>().0 {
        [a, b, c, d] => [u8x16::new(*a), u8x16::new(*b), u8x16::new(*c), u8x16::new(*d)],
        _ => [u8x16::splat(0); 4],
    }
}

/// Control characters. There are next to none, so that one look at all lanes together mostly does.
#[inline]
fn controls(lanes: &[u8x16; 4]) -> u64 {
    // Unsigned: what is at most 0x1f is 0x1f at its greatest.
    let limit = u8x16::splat(0x1f);
    let least = lanes[0].min(lanes[1]).min(lanes[2].min(lanes[3]));
    if least.max(limit).simd_eq(limit).to_bitmask() == 0 {
        return 0;
    }
    marks(lanes, |bytes| bytes.max(limit).simd_eq(limit))
}

#[inline]
fn marks(lanes: &[u8x16; 4], find: impl Fn(u8x16) -> u8x16) -> u64 {
    lanes
        .iter()
        .enumerate()
        .fold(0, |bits, (n, lane)| bits | (u64::from(find(*lane).to_bitmask()) << (n * LANE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn simple(block: &[u8; BLOCK], is_escaped: &mut bool) -> Marks {
        let mut found = Marks { quotes: 0, illegal: 0, unicode: 0, escaped: 0 };
        for (n, byte) in block.iter().enumerate() {
            let bit = 1 << n;
            let was_escaped = std::mem::take(is_escaped);
            found.escaped |= if was_escaped { bit } else { 0 };
            match byte {
                0..0x20 => found.illegal |= bit,
                b'u' if was_escaped => found.unicode |= bit,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' if was_escaped => {}
                _ if was_escaped => found.illegal |= bit,
                b'"' => found.quotes |= bit,
                b'\\' => *is_escaped = true,
                _ => {}
            }
        }
        found
    }

    proptest! {
        #[test]
        fn blocks_are_judged_as_byte_by_byte(
            text in proptest::collection::vec(prop_oneof![Just(b'\\'), Just(b'"'), Just(b'u'), Just(b'n'), any::<u8>()], 4 * BLOCK)
        ) {
            let (mut blocks, mut is_escaped) = (Blocks::default(), false);
            for block in text.as_chunks::<BLOCK>().0 {
                prop_assert_eq!(blocks.next(block), simple(block, &mut is_escaped));
                prop_assert_eq!(blocks.is_within_escape(), is_escaped);
            }
        }
    }
}
