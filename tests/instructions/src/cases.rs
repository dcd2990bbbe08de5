//! The hot paths.
mod commands;
mod framing;
mod lens;
mod routing;
mod sessions;
mod translated;
mod turn;

use crate::case::Case;

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [
        lens::cases(),
        framing::cases(),
        translated::cases(),
        commands::cases(),
        routing::cases(),
        sessions::cases(),
        turn::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Text of about so many bytes that JSON has to escape: quotes, newlines and backslashes, as source code has them.
fn code(bytes: usize) -> String {
    crate::translation::CODE.repeat(bytes.div_ceil(crate::translation::CODE.len()))
}
