//! Values as every database takes them.
use std::borrow::Cow;
use std::time::Duration;

/// Bytes of a name that clients choose which are kept.
pub(crate) const NAME_BYTES_MAX: usize = 256;

/// The beginning of a text, as far as `bytes_max` and whole characters go.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    let kept = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
    // PostgreSQL keeps no NUL in texts, and none in JSON.
    if kept.contains('\0') { kept.replace('\0', "").into() } else { kept.into() }
}

pub(crate) fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
