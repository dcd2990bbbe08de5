//! Counts, times and spans made from what is told of turns, as Prometheus text and as OTLP. Knows no socket and no clock: whoever asks
//! brings the time.
//!
//! Names and labels are those of OpenTelemetry's semantic conventions for generative AI where it has them
//! (open-telemetry/semantic-conventions, docs/gen-ai/gen-ai-metrics.md and gen-ai-spans.md), and begin with `lip` where it has not.
//! Nothing that a client may choose freely becomes a label without a bound.
mod family;
mod instruments;
mod models;
mod names;
pub mod otlp;
pub mod prometheus;
mod recorder;
pub mod sample;

pub use recorder::Recorder;
