//! Wire capture: what went over both legs of turns, in files that stay within bounds, hold no secret that is known, and can be read
//! again up to their last whole line. Knows neither dialects nor connectors; what a kept turn is carried out with again is not known here.
//!
//! A file is lines of JSON (RFC 8259, one object a line): see [`record::Record`]. One file holds many turns, whose lines may lie between
//! each other's. A line is written at once or not at all, so what a crash leaves is whole but for its last line.
pub mod files;
mod mask;
pub mod read;
pub mod record;
pub mod rules;
mod scribe;
mod stream;
pub mod tape;
pub mod turn;
