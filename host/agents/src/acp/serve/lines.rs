//! Cuts what a client writes into lines of bounded length. One that is too long is reported and skipped; the next one is heard.
use bytes::Bytes;
use lip_wire::frame::EventTooLarge;
use lip_wire::frame::ndjson::Decoder;

/// The lines of one client.
#[derive(Debug)]
pub struct Lines {
    bytes_max: usize,
    decoder: Decoder,
    chunk: Bytes,
    /// The rest of a line that is too long is still coming.
    skips: bool,
}

impl Lines {
    /// Lines of at most `bytes_max` bytes, cut from chunks that are smaller than that.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, decoder: Decoder::new(bytes_max), chunk: Bytes::new(), skips: false }
    }

    /// Takes the next chunk; all lines of the one before must have been taken.
    pub fn push(&mut self, chunk: Bytes) {
        self.chunk = chunk.clone();
        if !self.skips {
            self.decoder.push(chunk);
            return;
        }
        if let Some(end) = self.chunk.iter().position(|byte| *byte == b'\n') {
            self.skips = false;
            self.decoder.push(self.chunk.slice(end + 1..));
        }
    }

    /// The next complete line; `None` until more bytes come.
    ///
    /// # Errors
    /// [`EventTooLarge`] in place of a line, once for each that is too long.
    pub fn next_line(&mut self) -> Option<Result<Bytes, EventTooLarge>> {
        let line = self.decoder.next_event()?;
        if line.is_err() {
            // It began in an earlier chunk, which was smaller than the limit: in this one nothing stands before its end.
            self.decoder = Decoder::new(self.bytes_max);
            self.skips = true;
            self.push(self.chunk.clone());
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is heard of `text` that comes in chunks of so many bytes; a line that is too long is `!`.
    fn heard(text: &str, chunk_bytes: usize) -> Vec<String> {
        let mut lines = Lines::new(8);
        let mut heard = Vec::new();
        for chunk in text.as_bytes().chunks(chunk_bytes) {
            lines.push(Bytes::copy_from_slice(chunk));
            while let Some(line) = lines.next_line() {
                heard.push(line.map_or("!".to_owned(), |line| String::from_utf8(line.to_vec()).unwrap()));
            }
        }
        heard
    }

    #[test]
    fn line_that_is_too_long_costs_itself_alone() {
        for chunk_bytes in 1..8 {
            for (text, want) in [
                ("a\nbc\r\n\n d \n", vec!["a", "bc", "d"]),
                ("12345678\n", vec!["12345678"]),
                ("a\n123456789\nb\n", vec!["a", "!", "b"]),
                ("12345678901234567890123456789\nb\nc\n", vec!["!", "b", "c"]),
                ("123456789\n123456789\nc\nunfinished", vec!["!", "!", "c", "!"]),
            ] {
                assert_eq!(heard(text, chunk_bytes), want, "{text:?} by {chunk_bytes}");
            }
        }
    }
}
