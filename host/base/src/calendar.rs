//! Days and months in UTC, and the dates that people write.

/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// The days since 1970-01-01 of a date. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let years = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, of_era) = (years / 400, years % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

/// Year and month of a day since 1970-01-01.
fn month_of(day: u64) -> (u64, u64) {
    let (year, month, _) = civil(day);
    (year, month)
}

/// Year, month and day of the month of a day since 1970-01-01. Source: as above, `civil_from_days`.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day.saturating_add(719_468);
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let month = (shifted_month + 2) % 12 + 1;
    let of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    (era * 400 + year + u64::from(month <= 2), month, of_month)
}

/// A Unix second as a moment in UTC, as [`unix_seconds`] reads it.
pub fn shown(second: u64) -> String {
    let (year, month, day) = civil(second / DAY_S);
    let of_day = second % DAY_S;
    let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z")
}

/// The second at which the month began that the Unix second `now_s` lies in.
pub fn month_began(now_s: u64) -> u64 {
    let (.., of_month) = civil(now_s / DAY_S);
    (now_s / DAY_S).saturating_sub(of_month - 1) * DAY_S
}

/// The month that the Unix second `now_s` lies in, as a number that grows by one a month, and the second at which the next begins.
pub fn month(now_s: u64) -> (u64, u64) {
    let (year, month) = month_of(now_s / DAY_S);
    let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
    (year * 12 + month, next.map_or(u64::MAX, |day| day.saturating_mul(DAY_S)))
}

/// The Unix second of `2026-12-31` (its beginning) or `2026-12-31T18:00:00Z`, both in UTC; none for another text or an impossible
/// date.
pub fn unix_seconds(text: &str) -> Option<u64> {
    let (date, time) = match text.trim().split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, time.strip_suffix(['Z', 'z'])?),
        None => (text.trim(), "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hours, minutes, seconds] = numbers(time, ':', [2, 2, 2])?;
    let found = days(year, month, day)
        .filter(|_| (1..=12).contains(&month) && hours < 24 && minutes < 60 && seconds < 60)?;
    // A day that the month does not have falls into the next one.
    (month_of(found) == (year, month)).then_some(found * DAY_S + hours * 3_600 + minutes * 60 + seconds)
}

fn numbers(text: &str, between: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts
            .next()
            .filter(|part| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (text, second) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(951_782_400)),
            ("2026-11-26T22:33:44Z", Some(1_795_732_424)),
            ("2026-11-26 22:33:44z", Some(1_795_732_424)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-00-01", None),
            ("2026-04-31", None),
            ("2026-01-00", None),
            ("1969-12-31", None),
            ("2026-1-1", None),
            ("2026-11-26T22:33:44", None),
            ("2026-11-26T24:00:00Z", None),
            ("tomorrow", None),
        ] {
            assert_eq!(unix_seconds(text), second, "{text}");
        }
    }

    #[test]
    fn moments_are_shown_as_they_are_read() {
        for text in
            ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-26T22:33:44Z", "2026-12-31T00:00:00Z"]
        {
            let second = unix_seconds(text).expect("a date");
            assert_eq!(shown(second), text);
            assert_eq!(shown(month_began(second)), format!("{}-01T00:00:00Z", &text[..7]));
        }
    }

    #[test]
    fn months_follow_each_other() {
        let at = |text| unix_seconds(text).expect("a date");
        for (now, next) in [
            ("2026-01-31", "2026-02-01"),
            ("2024-02-29T23:59:59Z", "2024-03-01"),
            ("2026-12-01", "2027-01-01"),
        ] {
            let (number, end) = month(at(now));
            assert_eq!(end, at(next), "{now}");
            assert_eq!(month(end).0, number + 1, "{now}");
            assert_eq!(month(end - 1).0, number, "{now}");
        }
        let mut before = month(0).0;
        for day in 0..200_000 {
            let (number, end) = month(day * DAY_S);
            assert!(number == before || number == before + 1);
            assert!(end > day * DAY_S && end <= (day + 31) * DAY_S);
            before = number;
        }
    }
}
