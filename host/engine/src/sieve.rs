//! Finds any of many texts in one pass that looks at few bytes: at every so many bytes, four of them are looked up among those that a text
//! may have there, and only where they are known the texts themselves are compared. The longer the shortest text, the longer the steps;
//! how many texts there are hardly matters. Source of the idea: Wu and Manber, "A Fast Algorithm for Multi-Pattern Searching" (1994).
use memchr::memmem::Finder;
use std::fmt;

/// Bytes that are looked up.
const GRAM_BYTES: usize = 4;
/// As many bytes of a text are enough for long steps …
const WINDOW_BYTES_MIN: usize = 16;
/// … and so many at its beginning are left out where there are more: keys of one vendor begin alike.
const SKIPPED_BYTES_MAX: usize = 16;
/// Words of the table of known grams: 8 KB, which stay in the first cache.
const WORDS: usize = 1024;

/// The texts, ready to be looked for.
#[derive(Debug)]
pub(crate) enum Sieve {
    /// One is found faster by looking at all bytes, many at a time.
    One(Box<Finder<'static>>),
    /// Several.
    Many(Grams),
}

/// Several texts, and where they are recognised.
pub(crate) struct Grams {
    texts: Vec<Vec<u8>>,
    /// Bytes before the window in which a text is recognised; the same for all.
    skipped: usize,
    /// A window has a gram at every position of one step.
    step: usize,
    seen: Box<[u64; WORDS]>,
    /// Grams with the text and the offset within its window, by gram.
    places: Vec<(u32, u32, u32)>,
}

impl fmt::Debug for Grams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grams of {} texts", self.texts.len())
    }
}

impl Sieve {
    /// For these texts; those that are shorter than four bytes are left out. None: there is nothing to look for.
    pub(crate) fn new(texts: impl IntoIterator<Item = Vec<u8>>) -> Option<Self> {
        let texts: Vec<Vec<u8>> = texts.into_iter().filter(|text| text.len() >= GRAM_BYTES).collect();
        match texts.as_slice() {
            [text] => Some(Self::One(Box::new(Finder::new(text).into_owned()))),
            _ => Grams::new(texts).map(Self::Many),
        }
    }

    /// The first of the texts in `bytes` that begins at `from` or later, the longest of those that begin there: where it begins and ends.
    pub(crate) fn next(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        match self {
            Self::One(text) => {
                let start = from.checked_add(text.find(bytes.get(from..)?)?)?;
                Some((start, start + text.needle().len()))
            }
            Self::Many(grams) => grams.next(bytes, from),
        }
    }
}

impl Grams {
    fn new(texts: Vec<Vec<u8>>) -> Option<Self> {
        let shortest = texts.iter().map(Vec::len).min()?;
        let skipped = shortest.saturating_sub(WINDOW_BYTES_MIN).min(SKIPPED_BYTES_MAX);
        let step = shortest - skipped - GRAM_BYTES + 1;
        let mut seen = Box::new([0; WORDS]);
        let mut places = Vec::with_capacity(texts.len() * step);
        for (n, text) in (0..).zip(&texts) {
            for (offset, window) in
                (0..).zip(text.get(skipped..).unwrap_or_default().windows(GRAM_BYTES).take(step))
            {
                let Some(gram) = gram(window, 0) else { continue };
                let (word, bit) = place(gram);
                if let Some(word) = seen.get_mut(word) {
                    *word |= bit;
                }
                places.push((gram, n, offset));
            }
        }
        places.sort_unstable();
        Some(Self { texts, skipped, step, seen, places })
    }

    fn next(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        // Each text has exactly one step in which it is found, and one that begins later has none before.
        let mut at = (from + self.skipped).div_ceil(self.step) * self.step;
        while let Some(gram) = gram(bytes, at) {
            let (word, bit) = place(gram);
            if self.seen.get(word).is_some_and(|word| word & bit != 0)
                && let Some(found) = self.found(bytes, from, (at, gram))
            {
                return Some(found);
            }
            at += self.step;
        }
        None
    }

    fn found(&self, bytes: &[u8], from: usize, (at, gram): (usize, u32)) -> Option<(usize, usize)> {
        let first = self.places.partition_point(|(other, ..)| *other < gram);
        let same = self.places.get(first..)?.iter().take_while(|(other, ..)| *other == gram);
        let spans = same.filter_map(|(_, n, offset)| {
            let text = self.texts.get(*n as usize)?;
            let start = at.checked_sub(self.skipped + *offset as usize).filter(|start| *start >= from)?;
            bytes.get(start..)?.starts_with(text).then(|| (start, start + text.len()))
        });
        spans.min_by_key(|(start, end)| (*start, usize::MAX - end))
    }
}

fn gram(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<GRAM_BYTES>().map(|gram| u32::from_le_bytes(*gram))
}

/// Its word and bit in the table. Source of the factor: Knuth, "The Art of Computer Programming", 6.4 (the golden ratio).
const fn place(gram: u32) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b1) >> 16;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slow way.
    fn expected(texts: &[Vec<u8>], bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        (from..bytes.len()).find_map(|start| {
            let here = texts.iter().filter(|text| bytes[start..].starts_with(text));
            here.map(Vec::len).max().map(|length| (start, start + length))
        })
    }

    #[test]
    fn finds_what_the_slow_way_finds() {
        // Few letters, so that texts overlap, contain each other and nearly stand there.
        let mut seed = 7_u64;
        let mut below = move |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for round in 0..400 {
            let letters = 2 + below(3);
            let mut text =
                |length: u64| -> Vec<u8> { (0..length).map(|_| b'a' + below(letters) as u8).collect() };
            let (shortest, longest) = [(4, 6), (8, 12), (15, 18), (30, 40)][round % 4];
            let texts: Vec<Vec<u8>> =
                (0..1 + round % 7).map(|n| text(shortest + (n as u64 * 5) % (longest - shortest))).collect();
            let mut bytes = text(200);
            for text in &texts {
                let at = (text[0] as usize * 7 + round) % 150;
                bytes.splice(at..at + 3, text.iter().copied());
            }
            let sieve = Sieve::new(texts.clone()).expect("texts");
            for from in [0, 1, 50, 199, 500] {
                assert_eq!(
                    sieve.next(&bytes, from),
                    expected(&texts, &bytes, from.min(bytes.len())),
                    "{round} {from}"
                );
            }
        }
    }

    #[test]
    fn nothing_to_look_for_and_nowhere_to_look_are_no_trouble() {
        assert!(Sieve::new([]).is_none() && Sieve::new([b"abc".to_vec()]).is_none());
        let sieve = Sieve::new([b"a-long-enough-secret".to_vec()]).expect("a text");
        for bytes in [&b""[..], b"a", b"a-long-enough-secre"] {
            assert_eq!(sieve.next(bytes, 0), None);
        }
        assert_eq!(sieve.next(b"a-long-enough-secret", 0), Some((0, 20)));
        assert_eq!(sieve.next(b"a-long-enough-secret", usize::MAX / 2), None);
    }
}
