//! Zstandard, in pieces of a bounded size. Source: RFC 8878; the window's limit is that of RFC 9659.
use super::OUTPUT_BYTES;
use bytes::{Buf, Bytes};
use std::io;
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

/// 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// A stream that is being decoded.
pub(super) struct Zstd {
    context: DCtx<'static>,
    is_whole: bool,
}

impl Zstd {
    /// Nothing where there is no memory.
    pub(super) fn new() -> Option<Self> {
        let mut context = DCtx::try_create()?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).ok()?;
        Some(Self { context, is_whole: false })
    }

    /// The next bytes, and none when more input is needed.
    pub(super) fn pull(&mut self, input: &mut Bytes) -> io::Result<Vec<u8>> {
        if self.is_whole && input.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = vec![0; OUTPUT_BYTES];
        let mut from = InBuffer::around(input);
        let mut into = OutBuffer::around(&mut out[..]);
        let wanted = self.context.decompress_stream(&mut into, &mut from);
        let wanted =
            wanted.map_err(|code| io::Error::new(io::ErrorKind::InvalidData, get_error_name(code)))?;
        self.is_whole = wanted == 0;
        let (n_in, n_out) = (from.pos(), into.pos());
        input.advance(n_in);
        out.truncate(n_out);
        out.shrink_to_fit();
        Ok(out)
    }

    /// Has the last frame come to its end?
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}
