//! One call: `prefix name [ "(" args ")" ]`.
use crate::args::{Args, Nesting};

/// Longest argument text; what is longer is no command.
const ARGS_BYTES_MAX: usize = 16 * 1024;

/// A call as it stands in the text, known or not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spelled<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: Args,
    /// Byte offset behind the call.
    pub(crate) end: usize,
}

/// Why there is no call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// No prefix or no name.
    NotACall,
    /// The parentheses do not close: found out at a price.
    NotClosed,
}

/// Reads the call at `at`.
pub(crate) fn read<'a>(text: &'a str, at: usize, prefix: &str) -> Result<Spelled<'a>, Miss> {
    let rest = text.get(at..).and_then(|rest| rest.strip_prefix(prefix)).ok_or(Miss::NotACall)?;
    let from = at + prefix.len();
    let len = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    let name = &rest[..len];
    if name.is_empty() {
        return Err(Miss::NotACall);
    }
    let after = &rest[len..];
    let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
    let Some(inner) = after[blanks..].strip_prefix('(') else {
        return Ok(Spelled { name, args: Args::default(), end: from + len });
    };
    let close = closing(inner).ok_or(Miss::NotClosed)?;
    let args = Args::parse(&inner[..close]);
    Ok(Spelled { name, args, end: from + len + blanks + 1 + close + 1 })
}

/// Offset of the parenthesis that closes what was opened before `inner`.
fn closing(inner: &str) -> Option<usize> {
    let mut walk = Nesting::default();
    for (at, c) in inner.char_indices() {
        if at > ARGS_BYTES_MAX {
            return None;
        }
        if walk.is_outside() && c == ')' {
            return Some(at);
        }
        walk.step(c);
    }
    None
}
