//! The functions that the host offers to libraries: wake, log, clock, and what this host is. They never block and never unwind into a library.
use lip_abi::abi_stable::prefix_type::PrefixTypeTrait;
use lip_abi::abi_stable::std_types::RStr;
use lip_abi::{HostFns, HostFns_Ref};
use serde_json::json;
use std::cell::Cell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::Level;

pub(crate) const MESSAGE_BYTES_MAX: usize = 8 * 1024;
pub(crate) const TARGET_BYTES_MAX: usize = 64;

/// A log line at a level that tracing knows at compile time; nothing is formatted for a level that is off.
macro_rules! log_line {
    ($level:ident, $target:expr, $message:expr) => {
        if tracing::enabled!(target: "plugin", Level::$level) {
            let connector = one_line($target, TARGET_BYTES_MAX);
            tracing::event!(target: "plugin", Level::$level, from = %connector, "{}", one_line($message, MESSAGE_BYTES_MAX));
        }
    };
}
/// The table that every library gets.
pub(crate) fn table() -> HostFns_Ref {
    static TABLE: LazyLock<HostFns_Ref> = LazyLock::new(|| table_of(wake, log, now_unix_ms, host_info));
    *TABLE
}

/// A table of these functions. It is never freed: make it once.
pub(crate) fn table_of(
    wake: extern "C" fn(u64),
    log: extern "C" fn(u32, RStr<'_>, RStr<'_>),
    now_unix_ms: extern "C" fn() -> u64,
    host_info: extern "C" fn() -> RStr<'static>,
) -> HostFns_Ref {
    HostFns { wake, log, now_unix_ms, host_info }.leak_into_prefix()
}

extern "C" fn wake(key: u64) {
    // A waker is code of the runtime's; unwinding from here would end the process.
    let _ = catch_unwind(|| crate::run::wake(key));
}

extern "C" fn log(level: u32, target: RStr<'_>, message: RStr<'_>) {
    let (target, message) = (target.as_rslice().as_slice(), message.as_rslice().as_slice());
    let _ = catch_unwind(AssertUnwindSafe(|| line(level, target, message)));
}

/// Writes a line of a library's.
pub(crate) fn line(level: u32, target: &[u8], message: &[u8]) {
    match level {
        0 | 1 => log_line!(ERROR, target, message),
        2 => log_line!(WARN, target, message),
        3 => log_line!(INFO, target, message),
        4 => log_line!(DEBUG, target, message),
        _ => log_line!(TRACE, target, message),
    }
}

extern "C" fn now_unix_ms() -> u64 {
    now_ms()
}

thread_local! {
    /// The time that stands still for the library that runs on this thread.
    static STOPPED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Milliseconds since 1970, as libraries see them.
pub(crate) fn now_ms() -> u64 {
    if let Some(ms) = STOPPED.get() {
        return ms;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs `code`, for which it is this time, if one is told.
pub(crate) fn at<T>(stopped: Option<u64>, code: impl FnOnce() -> T) -> T {
    struct Goes;
    impl Drop for Goes {
        fn drop(&mut self) {
            STOPPED.set(None);
        }
    }
    if stopped.is_none() {
        return code();
    }
    STOPPED.set(stopped);
    let _goes = Goes;
    code()
}

extern "C" fn host_info() -> RStr<'static> {
    static TEXT: LazyLock<String> = LazyLock::new(|| info("inproc"));
    RStr::from(TEXT.as_str())
}

/// What this host is, for a library that runs in `cage`.
pub(crate) fn info(cage: &str) -> String {
    let [major, minor, patch] = lip_abi::abi_version();
    let host = concat!("lip ", env!("CARGO_PKG_VERSION"));
    let abi = format!("{major}.{minor}.{patch}");
    json!({"abi": abi, "host": host, "operations": crate::run::OPERATIONS, "cage": cage}).to_string()
}

/// At most `bytes_max` bytes as one line: control characters are escaped, so that a library can fake no other line.
fn one_line(bytes: &[u8], bytes_max: usize) -> String {
    let (shown, rest) = bytes.split_at(bytes.len().min(bytes_max));
    let text = String::from_utf8_lossy(shown);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    if !rest.is_empty() {
        let _ = write!(out, "… ({} bytes more)", rest.len());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_bounded_and_has_no_controls() {
        assert_eq!(one_line(b"a\nb\x1b[0m\xff", 100), "a\\nb\\u{1b}[0m\u{fffd}");
        assert_eq!(one_line("äöü".as_bytes(), 4), "äö… (2 bytes more)");
    }

    #[test]
    fn clock_is_after_2020() {
        assert!(now_unix_ms() > 1_577_836_800_000);
        assert_eq!(at(Some(5), now_ms), 5);
        assert!(at(None, now_ms) > 5 && now_unix_ms() > 5);
    }
}
