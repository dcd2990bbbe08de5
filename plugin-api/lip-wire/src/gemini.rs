//! Gemini generateContent ⇄ canonical model.
use crate::{Dialect, codec::WireCodec};

/// The codec of this dialect.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        Dialect::Gemini
    }
}
