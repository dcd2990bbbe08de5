//! In-chat commands such as `!/backend(anthropic)`: finds them in the newest user message, carries them out as session
//! changes, says what was done. Knows no HTTP, no store and no routing: a [`View`] answers its questions.
//!
//! Where the Python proxy's documents and code disagree, we chose:
//! - `!/model(X)` sets the model (its code of 2026 clears it), `!/model` alone shows it;
//! - every command-only message is answered locally, whatever the command;
//! - commands work in sessions with tool calls as well;
//! - strict mode is real: the command must be the whole message;
//! - an unknown command is text and goes to the model;
//! - quotes around a value are dropped; temperatures go up to 2; `medium` and friends set the reasoning effort.
mod args;
mod command;
mod grammar;
mod keys;
mod scan;
mod values;
mod view;

pub use args::{Arg, Args};
pub use command::{Outcome, reply_text, run};
pub use scan::{Call, Cut, Scan, Syntax, scan};
pub use values::{PrefixError, check_prefix};
pub use view::{BackendLine, Target, View};

/// The prefix unless configuration or session say otherwise.
pub const DEFAULT_PREFIX: &str = "!/";
