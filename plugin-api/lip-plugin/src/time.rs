//! Dates and spans as providers write them. All of it is pure: the clock is [`crate::Ctx::now_unix_ms`].
use std::time::UNIX_EPOCH;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const MS: i128 = 1_000_000;

/// Milliseconds since 1970 of `2026-01-02T03:04:05.678Z`, with any offset.
pub fn from_rfc3339(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos() / MS).ok()
}

/// `2026-01-02T03:04:05.678Z`. Empty for a moment that has no name.
pub fn to_rfc3339(unix_ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * MS).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Milliseconds that an HTTP `Retry-After` names: seconds, or a date.
pub(crate) fn retry_after(value: &str, now_ms: u64) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return ms_of(seconds * 1000.0);
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(u64::try_from(at.as_millis()).ok()?.saturating_sub(now_ms))
}

/// Milliseconds since 1970 at the first moment of the month after the one of `now_ms`, UTC.
pub fn next_month(now_ms: u64) -> u64 {
    let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * MS).ok();
    let first = now.and_then(|now| {
        let month = now.month().next();
        let year = now.year() + i32::from(month == time::Month::January);
        time::Date::from_calendar_date(year, month, 1).ok()
    });
    let first = first.map(|date| date.midnight().assume_utc().unix_timestamp_nanos() / MS);
    first.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(now_ms)
}

/// Milliseconds since 1970 at the next midnight, UTC.
pub const fn next_day(now_ms: u64) -> u64 {
    const DAY: u64 = 86_400_000;
    (now_ms / DAY + 1) * DAY
}

/// Milliseconds of a span such as `34.07s`, `900ms`, `1m30s`, `4h51m33.9s`: all of `text`.
pub fn span_ms(text: &str) -> Option<u64> {
    let (ms, rest) = span_at_start(text.trim())?;
    rest.trim().is_empty().then_some(ms)
}

/// The first span that a sentence names behind a word such as "after" or "in".
pub(crate) fn span_in(sentence: &str) -> Option<u64> {
    let lower = sentence.to_ascii_lowercase();
    let marks =
        ["retry in ", "try again in ", "reset after ", "retry after ", "after ", "wait ", "within ", "in "];
    let behind = |mark: &str| {
        lower.match_indices(mark).find_map(|(at, _)| {
            let starts_word = at == 0 || !lower.as_bytes().get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
            let rest = lower.get(at + mark.len()..)?;
            starts_word.then(|| span_at_start(rest.trim_start()).map(|(ms, _)| ms)).flatten()
        })
    };
    marks.iter().find_map(|mark| behind(mark))
}

/// Numbers with units, one behind the other, and what follows them.
fn span_at_start(text: &str) -> Option<(u64, &str)> {
    let (mut rest, mut total, mut found) = (text, 0.0_f64, false);
    loop {
        let trimmed = if found { rest.trim_start_matches([' ', ',']) } else { rest };
        let digits = trimmed.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let Some((number, behind)) = trimmed.split_at_checked(digits) else { break };
        let Ok(number) = number.trim_end_matches('.').parse::<f64>() else { break };
        let behind = behind.trim_start();
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (Some(unit), Some(after)) = (behind.get(..letters), behind.get(letters..)) else { break };
        let ms = match unit {
            "ms" | "msec" | "millisecond" | "milliseconds" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            _ => break,
        };
        (total, rest, found) = (number.mul_add(ms, total), after, true);
    }
    if found { Some((ms_of(total)?, rest)) } else { None }
}

/// Whole milliseconds, rounded up; none for what is no span of time.
fn ms_of(ms: f64) -> Option<u64> {
    const MAX: f64 = 1e15;
    (ms.is_finite() && (0.0..MAX).contains(&ms)).then(|| ms.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(from_rfc3339("2026-08-22T10:00:00Z"), Some(1_787_392_800_000));
        assert_eq!(from_rfc3339("2026-08-22T12:00:00.123456789+02:00"), Some(1_787_392_800_123));
        assert_eq!(from_rfc3339("yesterday"), None);
        assert_eq!(to_rfc3339(1_787_392_800_000), "2026-08-22T10:00:00Z");
        assert_eq!(from_rfc3339(&to_rfc3339(1_787_392_800_678)), Some(1_787_392_800_678));
        assert_eq!(to_rfc3339(u64::MAX), "");
    }

    #[test]
    fn the_next_month_and_day_begin_at_midnight() {
        let at = |text: &str| from_rfc3339(text).expect("a date");
        assert_eq!(next_month(at("2026-08-22T10:00:00Z")), at("2026-09-01T00:00:00Z"));
        assert_eq!(next_month(at("2026-12-31T23:59:59Z")), at("2027-01-01T00:00:00Z"));
        assert_eq!(next_day(at("2026-12-31T23:59:59Z")), at("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn spans_are_read() {
        for (text, ms) in [
            ("34.07s", Some(34_070)),
            ("900ms", Some(900)),
            ("4h51m33.9s", Some(17_493_900)),
            ("1m30s", Some(90_000)),
            ("2 days, 3 hours", Some(183_600_000)),
            ("17493.9s", Some(17_493_900)),
            ("", None),
            ("soon", None),
            ("5", None),
            ("5s later", None),
            ("1e400s", None),
        ] {
            assert_eq!(span_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn sentences_name_spans() {
        for (text, ms) in [
            ("You have exhausted your capacity. Your quota will reset after 4h51m33s.", Some(17_493_000)),
            ("Please retry in 1.5s", Some(1_500)),
            ("Please try again in 20 minutes.", Some(1_200_000)),
            ("wait 5 seconds", Some(5_000)),
            ("Too many requests within 1 minute", Some(60_000)),
            ("begin 5s", None),
            ("quota exceeded", None),
        ] {
            assert_eq!(span_in(text), ms, "{text}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("7", 0), Some(7_000));
        assert_eq!(retry_after("Sat, 22 Aug 2026 10:00:10 GMT", 1_787_392_800_000), Some(10_000));
        assert_eq!(retry_after("Sat, 22 Aug 2026 10:00:10 GMT", u64::MAX), Some(0));
        assert_eq!(retry_after("-1", 0), None);
        assert_eq!(retry_after("later", 0), None);
    }
}
