//! How long an upstream asks to wait, in every spelling met in the field. Pure: the present is an argument.
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// The wait that headers ask for: `retry-after-ms`, `retry-after`, else the reset of an exhausted OpenAI rate limit
/// (`x-ratelimit-reset-*`). `get` looks a header up by its lower-case name.
pub fn from_headers<'a>(get: impl Fn(&str) -> Option<&'a str>, now: SystemTime) -> Option<Duration> {
    if let Some(wait) = get("retry-after-ms").and_then(millis) {
        return Some(wait);
    }
    if let Some(wait) = get("retry-after").and_then(|v| header(v, now)) {
        return Some(wait);
    }
    let reset = |what: &str| {
        let left = get(&format!("x-ratelimit-remaining-{what}"));
        let exhausted = left.is_none_or(|n| n.trim() == "0");
        let reset = get(&format!("x-ratelimit-reset-{what}")).filter(|_| exhausted);
        reset.and_then(duration)
    };
    reset("requests").max(reset("tokens"))
}

/// A `Retry-After` value (RFC 9110 §10.2.3): seconds, with or without a fraction, or an HTTP date. A date that is
/// over means no wait.
pub fn header(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Some(wait) = seconds(value) {
        return Some(wait);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A `retry-after-ms` value: milliseconds.
pub fn millis(value: &str) -> Option<Duration> {
    let ms: f64 = number(value.trim())?;
    Duration::try_from_secs_f64(ms / 1000.0).ok()
}

fn seconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(number(value)?).ok()
}

/// A plain decimal number; not the `inf`, `nan` and `1e9` that `f64` takes, too.
fn number(value: &str) -> Option<f64> {
    let plain = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    value.parse().ok().filter(|_| plain)
}

/// A duration of numbers with units, as OpenAI (`6m0s`, `1.5s`, `120ms`) and Google (`32s`, `4h51m33.9s`) write it.
pub fn duration(text: &str) -> Option<Duration> {
    let (wait, rest) = leading_duration(text.trim())?;
    rest.is_empty().then_some(wait)
}

/// Reads `6m0s`, `1.5 seconds`, `2 minutes` … at the start of a text; returns what follows.
fn leading_duration(text: &str) -> Option<(Duration, &str)> {
    let mut rest = text;
    let mut total: Option<Duration> = None;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let Some((value, after)) = rest.split_at_checked(digits).filter(|_| digits > 0) else {
            break;
        };
        let after = after.strip_prefix(' ').unwrap_or(after);
        let word = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let Some((unit, after)) = after.split_at_checked(word) else {
            break;
        };
        let scale = match unit.to_ascii_lowercase().as_str() {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86400.0,
            _ => break,
        };
        // A full stop at the end of a sentence is not a decimal point.
        let Some(value) = number(value.trim_end_matches('.')) else {
            break;
        };
        let part = Duration::try_from_secs_f64(value * scale).ok()?;
        total = total.unwrap_or_default().checked_add(part);
        total?;
        rest = after;
    }
    total.map(|t| (t, rest))
}

/// The wait that an error object asks for: Google's `RetryInfo.retryDelay`, or a field of seconds.
pub fn in_value(error: &Value) -> Option<Duration> {
    let details = error.get("details").and_then(Value::as_array);
    for detail in details.into_iter().flatten() {
        let delay = detail.get("retryDelay").or_else(|| detail.pointer("/metadata/quotaResetDelay"));
        if let Some(wait) = delay.and_then(Value::as_str).and_then(duration) {
            return Some(wait);
        }
    }
    let ms = error.get("retry_after_ms").and_then(Value::as_f64);
    let s = ["retry_after", "retry_after_seconds", "resets_in_seconds"]
        .iter()
        .find_map(|name| error.get(name)?.as_f64());
    let metadata = error.pointer("/metadata/headers/Retry-After").and_then(Value::as_str).and_then(seconds);
    ms.map(|ms| ms / 1000.0).or(s).and_then(|s| Duration::try_from_secs_f64(s).ok()).or(metadata)
}

/// The wait until `resets_at`, a Unix time in seconds (the ChatGPT backend's usage limit).
pub fn until_reset(error: &Value, now: SystemTime) -> Option<Duration> {
    let at = error.get("resets_at")?.as_u64()?;
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The wait that a message asks for in words: "try again in 20s", "retry in 1.5 seconds", "retry after 2 minutes".
pub fn in_text(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    ["again in ", "retry in ", "retry after ", "again after ", "reset after "].iter().find_map(|mark| {
        let (_, rest) = lower.split_once(mark)?;
        leading_duration(rest.trim_start()).map(|(wait, _)| wait)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const S: fn(f64) -> Option<Duration> = |s| Some(Duration::from_secs_f64(s));

    #[test]
    fn durations_are_read_in_every_spelling() {
        for (text, wait) in [
            ("6m0s", S(360.0)),
            ("1.5s", S(1.5)),
            ("120ms", S(0.12)),
            ("4h51m33.9s", S(17493.9)),
            ("1d2h", S(93600.0)),
            ("32s", S(32.0)),
            ("32", None),
            ("", None),
            ("s", None),
            ("5x", None),
            ("1s later", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(duration(text), wait, "{text}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, wait) in [
            ("7", S(7.0)),
            (" 0.5 ", S(0.5)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", S(30.0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", S(0.0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", S(0.0)),
            ("-1", None),
            ("inf", None),
            ("1e3", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(header(value, now), wait, "{value}");
        }
    }

    #[test]
    fn headers_rank_by_precision() {
        let now = SystemTime::UNIX_EPOCH;
        let wait = |all: &'static [(&str, &str)]| {
            from_headers(|name| all.iter().find(|(n, _)| *n == name).map(|(_, v)| *v), now)
        };
        assert_eq!(wait(&[("retry-after-ms", "1500"), ("retry-after", "2")]), S(1.5));
        assert_eq!(wait(&[("retry-after-ms", "x"), ("retry-after", "2")]), S(2.0));
        assert_eq!(
            wait(&[("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-reset-tokens", "6m0s")]),
            S(360.0)
        );
        assert_eq!(
            wait(&[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-tokens", "90"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ]),
            S(1.0)
        );
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn bodies_and_messages_tell_a_wait() {
        for (error, wait) in [
            (json!({"details": [{"@type": "x"}, {"retryDelay": "17s"}]}), S(17.0)),
            (json!({"details": [{"metadata": {"quotaResetDelay": "1h0m1.5s"}}]}), S(3601.5)),
            (json!({"resets_in_seconds": 90}), S(90.0)),
            (json!({"retry_after_ms": 250}), S(0.25)),
            (json!({"retry_after": -3}), None),
            (json!({"metadata": {"headers": {"Retry-After": "4"}}}), S(4.0)),
            (json!("text"), None),
        ] {
            assert_eq!(in_value(&error), wait, "{error}");
        }
        for (message, wait) in [
            ("Rate limit reached. Please try again in 20s. Visit …", S(20.0)),
            ("Please try again in 6m0s.", S(360.0)),
            ("Please retry in 32.55s.", S(32.55)),
            ("Try again in 2 minutes", S(120.0)),
            ("retry after 5 seconds.", S(5.0)),
            ("your quota will reset after 1h2m", S(3720.0)),
            ("try again in a moment", None),
            ("try again in 20", None),
            ("İ try again in 1s", S(1.0)),
        ] {
            assert_eq!(in_text(message), wait, "{message}");
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(until_reset(&json!({"resets_at": 130}), now), S(30.0));
        assert_eq!(until_reset(&json!({"resets_at": 13}), now), S(0.0));
    }
}
