//! Watches a pass-through stream for the ends of its events, without copying a byte.

/// Finds where events end in chunks that go elsewhere. An end is the offset after a blank line.
///
/// A blank line that ends with CR at the end of a chunk counts as over; an LF that opens the next chunk then belongs
/// to the end already told, and no second one is told for it.
#[derive(Clone, Copy, Debug)]
pub struct Scanner {
    line_is_empty: bool,
    after_cr: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { line_is_empty: true, after_cr: false }
    }
}

impl Scanner {
    /// A scanner at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The end of the next event in `chunk` at or after `from`. Call it with the last end until it says `None`,
    /// then with the next chunk from 0. Blank lines in a row are one end each.
    pub fn next_end(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = chunk.get(at..).filter(|r| !r.is_empty())?;
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                at += 1;
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty = false;
                return None;
            };
            let blank = self.line_is_empty && end == 0;
            self.line_is_empty = true;
            at += end + 1;
            if rest.get(end) == Some(&b'\r') {
                match rest.get(end + 1) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if blank {
                return Some(at);
            }
        }
    }

    /// Whether the bytes so far end between two events, so that something may be put in there.
    pub fn is_between_lines(&self) -> bool {
        self.line_is_empty
    }
}
