//! Pieces of one body on their way into a file: held back for as long as a secret may go on in the next one.
use crate::mask::Mask;
use bytes::Bytes;
use std::collections::VecDeque;

/// Pieces that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    held: VecDeque<(u64, Bytes)>,
    held_bytes: usize,
    /// Where two pieces meet.
    seam: Vec<u8>,
}

impl Stream {
    /// Takes a piece of this moment.
    pub(crate) fn push(&mut self, us: u64, bytes: Bytes, mask: &Mask) {
        let keep = mask.longest().saturating_sub(1);
        let has_secret = self.has_secret(&bytes, keep, mask);
        self.held_bytes += bytes.len();
        self.held.push_back((us, bytes));
        if has_secret {
            self.mask(mask);
        }
    }

    /// The next piece that no later one can change: one that ends before the last bytes in which a secret may begin.
    pub(crate) fn next(&mut self, mask: &Mask) -> Option<(u64, Bytes)> {
        let keep = mask.longest().saturating_sub(1);
        let (_, first) = self.held.front()?;
        if self.held_bytes - first.len() < keep {
            return None;
        }
        self.rest()
    }

    /// The next piece, where nothing more comes.
    pub(crate) fn rest(&mut self) -> Option<(u64, Bytes)> {
        let piece = self.held.pop_front()?;
        self.held_bytes -= piece.1.len();
        Some(piece)
    }

    /// Is there a secret in the new piece, or one that ends in it? Those before it were looked at.
    fn has_secret(&mut self, bytes: &[u8], keep: usize, mask: &Mask) -> bool {
        if self.held_bytes == 0 || keep == 0 {
            return mask.finds(bytes);
        }
        self.seam.clear();
        let mut left = keep.min(self.held_bytes);
        // The last pieces that have so many bytes together, from the first of them on.
        let mut from = self.held.len();
        let mut skipped = 0;
        for (_, piece) in self.held.iter().rev() {
            from -= 1;
            skipped = piece.len().saturating_sub(left);
            left -= piece.len() - skipped;
            if left == 0 {
                break;
            }
        }
        for (_, piece) in self.held.iter().skip(from) {
            self.seam.extend_from_slice(piece.get(skipped..).unwrap_or_default());
            skipped = 0;
        }
        self.seam.extend_from_slice(bytes.get(..keep.min(bytes.len())).unwrap_or_default());
        mask.finds(&self.seam) || (bytes.len() > keep && mask.finds(bytes))
    }

    fn mask(&mut self, mask: &Mask) {
        let mut all = Vec::with_capacity(self.held_bytes);
        self.held.iter().for_each(|(_, bytes)| all.extend_from_slice(bytes));
        mask.mask(&mut all);
        let mut all = Bytes::from(all);
        for (_, bytes) in &mut self.held {
            *bytes = all.split_to(bytes.len().min(all.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Masks as _, NoMasks};
    use base::Secret;

    #[test]
    fn secrets_are_found_however_they_are_split() {
        let secret = "secret-0123456789";
        let text = format!("a {secret}{secret} b, which is followed by more than a secret {secret}");
        for size in 1..=text.len() {
            let mut mask = Mask::new(NoMasks.now());
            mask.add(Secret::new(secret.to_owned()));
            let (mut stream, mut out) = (Stream::default(), Vec::new());
            for (n, piece) in text.as_bytes().chunks(size).enumerate() {
                stream.push(n as u64, Bytes::copy_from_slice(piece), &mask);
                out.extend(std::iter::from_fn(|| stream.next(&mask)));
            }
            out.extend(std::iter::from_fn(|| stream.rest()));
            let joined: Vec<u8> = out.iter().flat_map(|(_, data)| data.to_vec()).collect();
            let wanted = text.replace(secret, &"*".repeat(secret.len()));
            assert_eq!(String::from_utf8_lossy(&joined), wanted, "{size}");
            let sizes: Vec<usize> = out.iter().map(|(_, data)| data.len()).collect();
            let wanted: Vec<usize> = text.as_bytes().chunks(size).map(<[u8]>::len).collect();
            assert_eq!(sizes, wanted, "pieces stay as they were");
        }
    }

    #[test]
    fn nothing_is_held_where_nothing_is_secret() {
        let mask = Mask::new(NoMasks.now());
        let mut stream = Stream::default();
        stream.push(1, Bytes::from_static(b"x"), &mask);
        assert_eq!(stream.next(&mask), Some((1, Bytes::from_static(b"x"))));
        assert_eq!(stream.next(&mask), None);
    }
}
