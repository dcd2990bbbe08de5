//! Times in bodies: RFC 3339 in UTC ⇄ seconds since 1970. Knows no clock.

/// Days since 1970 of a date, by the usual count of eras of 400 years.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Seconds since 1970; `None` if it is no time in UTC. Fractions are cut.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let text = text.split('.').next()?;
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|n| n.parse::<u32>().ok().map(i64::from));
    let mut time = time.splitn(3, ':').map(|n| n.parse::<u32>().ok().map(i64::from));
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let sound = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    sound.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The same backwards; `None` outside of years 1 to 9999.
pub(crate) fn format_rfc3339(unix: i64) -> Option<String> {
    let (day, second) = (unix.div_euclid(86_400) + 719_468, unix.rem_euclid(86_400));
    let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let date_day = day_of_year - (153 * shifted + 2) / 5 + 1;
    if !(1..=9999).contains(&year) {
        return None;
    }
    Some(format!(
        "{year:04}-{month:02}-{date_day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for (text, unix) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
            ("2026-03-01T12:30:05Z", 1_772_368_205),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
        ] {
            assert_eq!((parse_rfc3339(text), format_rfc3339(unix).as_deref()), (Some(unix), Some(text)));
        }
        assert_eq!(parse_rfc3339("2024-02-29T23:59:59.123456Z"), Some(1_709_251_199));
        for bad in ["", "2024", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00+01:00", "aZ"] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(format_rfc3339(i64::MAX / 4), None);
    }
}
