//! Wire capture: what went over both legs of turns, in files that stay within bounds, hold no secret that is known, and can be read
//! again up to their last whole line. Knows neither dialects nor connectors; what a kept turn is carried out with again is not known here.
//!
//! A file is lines of JSON (RFC 8259, one object a line): see [`record::Record`]. What has bytes says how many: so many bytes of headers
//! (`head`), each in a line of its own, and so many others (`bytes`) follow the line as they are, and then a line feed. What stands in the
//! file already is named: a body is `like` the request of a turn, but for what is between so many bytes at its beginning and so many at its
//! end; a piece that the client got has the same bytes `as` a numbered `piece` that came. One file holds many turns, whose lines may lie
//! between each other's. A line is written with its bytes or not at all, so what a crash leaves is whole but for its end.
mod alike;
mod draft;
pub mod files;
mod heads;
mod json;
mod mask;
pub mod read;
pub mod record;
pub mod rules;
mod scribe;
mod stream;
pub mod tape;
pub mod turn;
pub mod write;
