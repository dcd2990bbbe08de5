//! The canonical model: what every dialect is decoded to and encoded from. Knows no wire spelling; it is itself the wire format of dialect `lip`.
//!
//! # Rules
//! - **Lossless within a dialect.** `encode(decode(x))` in one dialect says everything `x` said. What the model has no field for stays in
//!   [`Extensions`] of that dialect (unknown object fields) or in [`Content::Native`] / [`Event::Native`] (unknown parts and events).
//! - **Nothing invented.** Absent stays absent (`None`, empty list). Ids are derived only where a target demands one ([`CallIds`], [`derived_call_id`]).
//! - **Sealed values go home only.** Signatures and encrypted reasoning ([`Sealed`]) carry the dialect that made them; an encoder writes them only to that dialect, or
//!   into a carrier that the target has for that origin, and notes a loss otherwise.
//! - **Long texts keep their spelling.** [`Words`] that came in JSON go out as the bytes that came, unless somebody changes them.
//! - **Raw JSON stays raw.** Schemas, metadata, extensions are [`Json`] (text); tool arguments are the text the model wrote, valid or not.
//! - **Turns stay as the source cut them.** One chat message, one Anthropic message, one Responses item = one [`Turn`]. Encoders regroup (see [`shape`]) only if
//!   [`Request::origin`] is another dialect.
//! - **Token counts are inclusive**: [`Usage::input`] contains cached tokens, [`Usage::output`] contains reasoning tokens.
//!
//! # JSON form (dialect `lip`)
//! Enums are externally tagged (`{"text":{"text":"hi"}}`), absent fields are left out, new fields are optional, unknown top-level fields of a request or reply are
//! kept under `extensions.lip`.
mod collect;
mod event;
mod json;
mod part;
mod reply;
mod request;
mod sequence;
pub mod shape;
mod tool;
mod words;

pub(crate) use collect::split_part;
pub use collect::{Collector, split};
pub use event::{At, Event, ReasoningKind, Start};
pub use json::{Extensions, Fields, Json};
pub use part::{
    Annotation, CacheMark, CallKind, Content, Media, MediaKind, Native, Part, Reasoning, Refusal, Sealed,
    Source, Text, TokenLogprob, ToolCall, ToolResult, TopLogprob,
};
pub use reply::{Choice, Failure, FailureKind, Reply, Stop, StopReason, Usage};
pub use request::{
    OutputFormat, ReasoningConfig, ReasoningMode, Request, Role, Sampling, StreamOptions, Turn,
};
pub use sequence::Sequencer;
pub use shape::{CallIds, derived_call_id};
pub use tool::{AllowedTool, CustomTool, FunctionTool, Grammar, Tool, ToolChoice, ToolKind};
pub use words::Words;
