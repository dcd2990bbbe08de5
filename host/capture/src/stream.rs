//! Pieces of one body on their way into a file: held back for as long as a secret may go on in the next one.
use crate::mask::Mask;
use crate::record::Data;
use bytes::Bytes;
use std::collections::VecDeque;

/// Pieces that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    held: VecDeque<(u64, Bytes)>,
    held_bytes: usize,
}

impl Stream {
    /// Takes a piece of this moment, and gives those that no later one can change.
    pub(crate) fn push(&mut self, us: u64, bytes: Bytes, mask: &Mask) -> Vec<(u64, Data)> {
        self.held_bytes += bytes.len();
        self.held.push_back((us, bytes));
        self.mask(mask);
        let keep = mask.longest().saturating_sub(1);
        let mut free = Vec::new();
        // Those that end before the last bytes in which a secret may begin.
        while let Some((_, first)) = self.held.front() {
            if self.held_bytes - first.len() < keep {
                break;
            }
            self.held_bytes -= first.len();
            free.extend(self.held.pop_front().map(|(us, bytes)| (us, Data(bytes))));
        }
        free
    }

    /// The rest: nothing more comes.
    pub(crate) fn finish(&mut self) -> Vec<(u64, Data)> {
        self.held_bytes = 0;
        self.held.drain(..).map(|(us, bytes)| (us, Data(bytes))).collect()
    }

    fn mask(&mut self, mask: &Mask) {
        let mut all = Vec::with_capacity(self.held_bytes);
        self.held.iter().for_each(|(_, bytes)| all.extend_from_slice(bytes));
        if mask.mask(&mut all) == 0 {
            return;
        }
        let mut all = Bytes::from(all);
        for (_, bytes) in &mut self.held {
            *bytes = all.split_to(bytes.len().min(all.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::NoMasks;
    use base::Secret;
    use std::sync::Arc;

    #[test]
    fn secrets_are_found_however_they_are_split() {
        let secret = "secret-0123456789";
        let text = format!("a {secret}{secret} b {secret}");
        for size in 1..=text.len() {
            let mut mask = Mask::new(Arc::new(NoMasks));
            mask.add(Secret::new(secret.to_owned()));
            let (mut stream, mut out) = (Stream::default(), Vec::new());
            for (n, piece) in text.as_bytes().chunks(size).enumerate() {
                out.extend(stream.push(n as u64, Bytes::copy_from_slice(piece), &mask));
            }
            out.extend(stream.finish());
            let joined: Vec<u8> = out.iter().flat_map(|(_, data)| data.0.to_vec()).collect();
            let stars = "*".repeat(secret.len());
            assert_eq!(String::from_utf8_lossy(&joined), format!("a {stars}{stars} b {stars}"), "{size}");
            let sizes: Vec<usize> = out.iter().map(|(_, data)| data.0.len()).collect();
            let wanted: Vec<usize> = text.as_bytes().chunks(size).map(<[u8]>::len).collect();
            assert_eq!(sizes, wanted, "pieces stay as they were");
        }
    }

    #[test]
    fn nothing_is_held_where_nothing_is_secret() {
        let mask = Mask::new(Arc::new(NoMasks));
        assert_eq!(Stream::default().push(1, Bytes::from_static(b"x"), &mask).len(), 1);
    }
}
