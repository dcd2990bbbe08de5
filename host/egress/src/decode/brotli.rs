//! Brotli, in pieces of a bounded size. Source: RFC 7932.
use super::OUTPUT_BYTES;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::{Buf, Bytes};
use std::io;

/// A stream that is being decoded.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    is_whole: bool,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new(alloc(), alloc(), alloc()), is_whole: false }
    }
}

impl Brotli {
    /// The next bytes, and none when more input is needed.
    pub(super) fn pull(&mut self, input: &mut Bytes) -> io::Result<Vec<u8>> {
        if self.is_whole {
            return if input.is_empty() { Ok(Vec::new()) } else { Err(io::ErrorKind::InvalidData.into()) };
        }
        let mut out = vec![0; OUTPUT_BYTES];
        let (mut n_in, mut at_in) = (input.len(), 0);
        let (mut n_out, mut at_out, mut total) = (out.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut n_in,
            &mut at_in,
            input,
            &mut n_out,
            &mut at_out,
            &mut out,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
            BrotliResult::ResultSuccess => self.is_whole = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        input.advance(at_in);
        out.truncate(at_out);
        out.shrink_to_fit();
        Ok(out)
    }

    /// Has it come to its end?
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}
