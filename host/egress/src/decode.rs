//! Undoes a compression that an upstream used although it was asked for none. Source: RFC 9110, 8.4, "Content-Encoding".
use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use std::io::{self, Write};

/// Bytes of input that are decoded at once: bounds what a hostile body can blow up to between two frames (about a
/// thousandfold).
const PIECE_BYTES: usize = 4 << 10;

/// A body that is being decoded.
pub(crate) struct Decoding {
    decoder: Decoder,
    /// Input that is not decoded yet.
    rest: Bytes,
    has_input: bool,
    is_over: bool,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
}

impl Decoding {
    /// What undoes `encoding`, in any case. `Ok(None)` if nothing needs to be undone.
    ///
    /// # Errors
    /// An encoding that is not known here.
    pub(crate) fn of(encoding: &str) -> Result<Option<Self>, ()> {
        let decoder = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            "deflate" => Decoder::Deflate(ZlibDecoder::new(Vec::new())),
            _ => return Err(()),
        };
        Ok(Some(Self { decoder, rest: Bytes::new(), has_input: false, is_over: false }))
    }

    /// Takes more input. The former must have been decoded.
    pub(crate) fn feed(&mut self, input: Bytes) {
        self.has_input |= !input.is_empty();
        self.rest = input;
    }

    /// The next bytes, as far as the input goes.
    ///
    /// # Errors
    /// Input that is not what its encoding says.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.rest.is_empty() {
            let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
            let decoded = self.decoder.push(&piece)?;
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
        }
        Ok(None)
    }

    /// No more input comes: what is still inside.
    ///
    /// # Errors
    /// Input that stops before its own end.
    pub(crate) fn finish(&mut self) -> io::Result<Option<Bytes>> {
        if std::mem::replace(&mut self.is_over, true) || !self.has_input {
            return Ok(None);
        }
        let decoded = self.decoder.end()?;
        Ok((!decoded.is_empty()).then(|| decoded.into()))
    }
}

impl Decoder {
    fn push(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(own) => {
                own.write_all(piece)?;
                own.flush()?;
                Ok(std::mem::take(own.get_mut()))
            }
            Self::Deflate(own) => {
                own.write_all(piece)?;
                own.flush()?;
                Ok(std::mem::take(own.get_mut()))
            }
        }
    }

    fn end(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(own) => own.try_finish().map(|()| std::mem::take(own.get_mut())),
            Self::Deflate(own) => own.try_finish().map(|()| std::mem::take(own.get_mut())),
        }
    }
}

impl std::fmt::Debug for Decoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoding").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    fn decode(encoding: &str, pieces: &[&[u8]]) -> io::Result<Vec<u8>> {
        let mut decoding = Decoding::of(encoding).expect("known").expect("an encoding");
        let mut out = Vec::new();
        for piece in pieces {
            decoding.feed(Bytes::copy_from_slice(piece));
            while let Some(bytes) = decoding.next()? {
                out.extend_from_slice(&bytes);
            }
        }
        while let Some(bytes) = decoding.finish()? {
            out.extend_from_slice(&bytes);
        }
        Ok(out)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn every_cut_decodes_the_same() {
        let text = b"data: {\"a\":1}\n\n".repeat(50);
        let whole = gzip(&text);
        for at in 0..=whole.len() {
            let (a, b) = whole.split_at(at);
            assert_eq!(decode("gzip", &[a, b]).expect("good"), text, "{at}");
        }
        let two = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(decode("X-GZIP", &[&two]).expect("members"), b"ab");
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).expect("memory");
        assert_eq!(decode("deflate", &[&zlib.finish().expect("memory")]).expect("good"), text);
        assert_eq!(decode("gzip", &[]).expect("a body without bytes"), b"");
    }

    #[test]
    fn what_was_flushed_comes_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"data: 1\n\n").expect("memory");
        encoder.flush().expect("memory");
        let first = std::mem::take(encoder.get_mut());
        let mut decoding = Decoding::of("gzip").expect("known").expect("an encoding");
        decoding.feed(first.into());
        assert_eq!(decoding.next().expect("good").as_deref(), Some(&b"data: 1\n\n"[..]));
    }

    #[test]
    fn cut_or_wrong_input_is_an_error() {
        let whole = gzip(&b"hello ".repeat(100));
        for at in 1..whole.len() {
            assert!(decode("gzip", &[&whole[..at]]).is_err(), "{at}");
        }
        assert!(decode("gzip", &[b"data: plain text"]).is_err());
        assert!(decode("deflate", &[b"\0\0\0\0"]).is_err());
        assert!(Decoding::of("zstd").is_err());
        assert!(matches!(Decoding::of(" identity "), Ok(None)));
    }

    #[test]
    fn bomb_comes_in_bounded_pieces() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let mut decoding = Decoding::of("gzip").expect("known").expect("an encoding");
        decoding.feed(bomb.into());
        while let Some(bytes) = decoding.next().expect("good") {
            assert!(bytes.len() <= 1100 * PIECE_BYTES, "{}", bytes.len());
        }
    }
}
