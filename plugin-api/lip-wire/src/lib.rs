//! Pure codecs: framing, lenses over raw JSON, the canonical model and every dialect. Knows no IO, clock or randomness.
mod dialect;

pub use dialect::{Dialect, UnknownDialect};
