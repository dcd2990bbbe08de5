//! Undoes a compression that an upstream used although it was asked for none. Source: RFC 9110, 8.4, "Content-Encoding".
mod brotli;
mod zstd;

use brotli::Brotli;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::{self, Write};
use zstd::Zstd;

/// Bytes of gzip or deflate that are decoded at once: they blow up about a thousandfold at the most.
const PIECE_BYTES: usize = 4 << 10;
/// Bytes that brotli or zstd, which know no such bound, are asked for at once.
const OUTPUT_BYTES: usize = 64 << 10;

/// A body that is being decoded. What a hostile one blows up to between two frames is bounded.
pub(crate) struct Decoding {
    decoder: Decoder,
    /// Input that is not decoded yet.
    rest: Bytes,
    has_input: bool,
    is_over: bool,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// What "deflate" is called is told apart by its first byte.
    Deflate,
    Zlib(ZlibDecoder<Vec<u8>>),
    Raw(DeflateDecoder<Vec<u8>>),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
}

impl Decoding {
    /// What undoes `encoding`, in any case. `Ok(None)` if nothing needs to be undone.
    ///
    /// # Errors
    /// An encoding that is not known here, or several.
    pub(crate) fn of(encoding: &str) -> Result<Option<Self>, ()> {
        let decoder = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            "deflate" => Decoder::Deflate,
            "br" => Decoder::Brotli(Box::default()),
            "zstd" => Decoder::Zstd(Zstd::new().ok_or(())?),
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
        loop {
            let before = self.rest.len();
            let decoded = self.decoder.pull(&mut self.rest)?;
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
            if self.rest.len() == before {
                return Ok(None);
            }
        }
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
    /// Decodes some of `input`, of which it takes what it has used.
    fn pull(&mut self, input: &mut Bytes) -> io::Result<Vec<u8>> {
        if let (Self::Deflate, Some(first)) = (&self, input.first()) {
            // RFC 9110 means the zlib format; some servers send what is inside. Source: RFC 1950, 2.2, "CM".
            *self = match first & 0x0f {
                8 => Self::Zlib(ZlibDecoder::new(Vec::new())),
                _ => Self::Raw(DeflateDecoder::new(Vec::new())),
            };
        }
        match self {
            Self::Brotli(own) => own.pull(input),
            Self::Zstd(own) => own.pull(input),
            Self::Deflate => Ok(Vec::new()),
            Self::Gzip(own) => write(own, input, MultiGzDecoder::get_mut),
            Self::Zlib(own) => write(own, input, ZlibDecoder::get_mut),
            Self::Raw(own) => write(own, input, DeflateDecoder::get_mut),
        }
    }

    fn end(&mut self) -> io::Result<Vec<u8>> {
        let is_whole = match self {
            Self::Gzip(own) => return own.try_finish().map(|()| std::mem::take(own.get_mut())),
            Self::Zlib(own) => return own.try_finish().map(|()| std::mem::take(own.get_mut())),
            Self::Raw(own) => return own.try_finish().map(|()| std::mem::take(own.get_mut())),
            Self::Deflate => true,
            Self::Brotli(own) => own.is_whole(),
            Self::Zstd(own) => own.is_whole(),
        };
        if is_whole { Ok(Vec::new()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// The next piece of `input` through `decoder`, whose output lies at `out`.
fn write<D: Write>(
    decoder: &mut D,
    input: &mut Bytes,
    out: impl Fn(&mut D) -> &mut Vec<u8>,
) -> io::Result<Vec<u8>> {
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let piece = input.split_to(input.len().min(PIECE_BYTES));
    decoder.write_all(&piece)?;
    decoder.flush()?;
    Ok(std::mem::take(out(decoder)))
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
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

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

    /// Bytes from hex digits.
    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
        zstd_safe::compress(&mut out, text, 3).expect("memory");
        out
    }

    /// `data: {"a":1}` and an empty line, fifty times, as Node's zlib writes it.
    const BROTLI: &str = "1bed02f81d077633d742271606ff88dc5a41248c4c83c4ecf5291dba68300428d30d991c00";
    /// `data: 1` and an empty line, flushed and not ended.
    const BROTLI_FLUSHED: &str = "0b0480646174613a20310a0a";
    /// 8 MiB of zeros.
    const BROTLI_BOMB: &str = "9bffff7ff82700e2b14020f7fe0f";

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
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).expect("memory");
        let raw = raw.finish().expect("memory");
        for (encoding, whole) in [("deflate", raw), ("br", bytes(BROTLI)), ("zstd", zstd(&text))] {
            for at in 0..=whole.len() {
                let (a, b) = whole.split_at(at);
                assert_eq!(decode(encoding, &[a, b]).expect("good"), text, "{encoding} {at}");
            }
        }
        assert_eq!(decode("zstd", &[&zstd(b"a"), &zstd(b"b")]).expect("frames"), b"ab");
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            assert_eq!(decode(encoding, &[]).expect("a body without bytes"), b"", "{encoding}");
        }
    }

    #[test]
    fn what_was_flushed_comes_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"data: 1\n\n").expect("memory");
        encoder.flush().expect("memory");
        let first = std::mem::take(encoder.get_mut());
        let mut of_zstd = zstd_safe::CCtx::create();
        let mut out = vec![0; 256];
        let mut into = zstd_safe::OutBuffer::around(&mut out[..]);
        let mut from = zstd_safe::InBuffer::around(b"data: 1\n\n");
        of_zstd.compress_stream(&mut into, &mut from).expect("memory");
        of_zstd.flush_stream(&mut into).expect("memory");
        let n = into.pos();
        out.truncate(n);
        for (encoding, first) in [("gzip", first), ("br", bytes(BROTLI_FLUSHED)), ("zstd", out)] {
            let mut decoding = Decoding::of(encoding).expect("known").expect("an encoding");
            decoding.feed(first.into());
            assert_eq!(decoding.next().expect("good").as_deref(), Some(&b"data: 1\n\n"[..]), "{encoding}");
            assert_eq!(decoding.next().expect("good"), None, "{encoding}");
            assert!(decoding.finish().is_err(), "{encoding} has not ended");
        }
    }

    #[test]
    fn cut_or_wrong_input_is_an_error() {
        let whole = gzip(&b"hello ".repeat(100));
        for at in 1..whole.len() {
            assert!(decode("gzip", &[&whole[..at]]).is_err(), "{at}");
        }
        let (of_zstd, of_brotli) = (zstd(&b"hello ".repeat(100)), bytes(BROTLI));
        for (encoding, whole) in [("zstd", of_zstd), ("br", of_brotli)] {
            for at in 1..whole.len() {
                assert!(decode(encoding, &[&whole[..at]]).is_err(), "{encoding} {at}");
            }
            assert!(decode(encoding, &[&whole, b"more"]).is_err(), "{encoding}");
        }
        for encoding in ["gzip", "deflate", "br", "zstd"] {
            assert!(decode(encoding, &[b"data: plain text"]).is_err(), "{encoding}");
        }
        assert!(decode("deflate", &[b"\0\0\0\0"]).is_err());
        assert!(Decoding::of("compress").is_err() && Decoding::of("gzip, br").is_err());
        assert!(matches!(Decoding::of(" identity "), Ok(None)));
    }

    #[test]
    fn bomb_comes_in_bounded_pieces() {
        let zeros = vec![0; 8 << 20];
        for (encoding, bomb, most) in [
            ("gzip", gzip(&zeros), 1100 * PIECE_BYTES),
            ("br", bytes(BROTLI_BOMB), OUTPUT_BYTES),
            ("zstd", zstd(&zeros), OUTPUT_BYTES),
        ] {
            let mut decoding = Decoding::of(encoding).expect("known").expect("an encoding");
            decoding.feed(bomb.into());
            let mut all = 0;
            while let Some(bytes) = decoding.next().expect("good") {
                assert!(bytes.len() <= most, "{encoding} {}", bytes.len());
                all += bytes.len();
            }
            assert_eq!((all, decoding.finish().expect("whole")), (zeros.len(), None), "{encoding}");
        }
    }
}
