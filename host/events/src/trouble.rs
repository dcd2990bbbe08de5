//! What went wrong, as a value that can be kept and counted.
use base::{Fault, Kind, Side};
use std::borrow::Cow;

/// A fault without its causes. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whose fault.
    pub side: Side,
    /// What kind.
    pub kind: Kind,
    /// The machine-readable code, where there is one.
    pub code: Option<Cow<'static, str>>,
    /// The HTTP status that it stands for.
    pub status: u16,
    /// The sentence that the client read. An upstream's own words may repeat some of the request: not for labels.
    pub message: String,
}

/// Bytes of a message that are kept.
const MESSAGE_BYTES_MAX: usize = 512;

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        let mut message = fault.message.clone();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self { side: fault.side, kind: fault.kind, code: fault.code.clone(), status: fault.status(), message }
    }
}
