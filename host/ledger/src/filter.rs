//! Which turns are asked for, as a client writes it.
use crate::reader::Query;
use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, OffsetDateTime, Time, UtcOffset};

/// Which turns. An empty one means all that answer or should have: those that only count tokens are left out unless `what` asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this name: one turn.
    pub id: Option<String>,
    /// Begun at this moment or later, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// Begun before this moment.
    pub until_us: Option<i64>,
    /// Of this backend.
    pub backend: Option<String>,
    /// Of this model, as the plan named it.
    pub model: Option<String>,
    /// Of this frontend, by its dialect.
    pub frontend: Option<String>,
    /// Of this client.
    pub caller: Option<String>,
    /// Of this session.
    pub session: Option<String>,
    /// With this HTTP status.
    pub status: Option<i64>,
    /// That ended so.
    pub outcome: Option<String>,
    /// That asked for this: `generate`, `count_tokens` or `all`.
    pub what: Option<String>,
}

/// The names of a filter's parameters.
pub const NAMES: [&str; 11] =
    ["from", "to", "backend", "model", "frontend", "caller", "session", "status", "outcome", "what", "id"];

impl Filter {
    /// Takes one parameter. False if there is none of this name. Names of LIP's Python predecessor count too.
    ///
    /// # Errors
    /// What was expected.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "from" | "start_date" => self.from_us = Some(moment(name, value, Edge::Begin)?),
            "to" | "end_date" => self.until_us = Some(moment(name, value, Edge::End)?),
            "backend" | "backend_type" => self.backend = text(),
            "model" => self.model = text(),
            "frontend" | "frontend_type" => self.frontend = text(),
            "caller" => self.caller = text(),
            "session" | "session_id" => self.session = text(),
            "id" => self.id = text(),
            "status" | "http_status_code" => {
                let status = value.parse().ok().filter(|status| (100..600).contains(status));
                let expected = || format!("{name}: expected an HTTP status such as 200, found \"{value}\"");
                self.status = Some(status.ok_or_else(expected)?);
            }
            "outcome" => self.outcome = one_of(name, value, &OUTCOMES)?,
            "what" => self.what = one_of(name, value, &["generate", "count_tokens", "all"])?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Writes the condition behind `WHERE`.
    pub(crate) fn add_to(&self, query: &mut Query) {
        query.push("1 = 1");
        let ints =
            [("began_us >= ", self.from_us), ("began_us < ", self.until_us), ("status = ", self.status)];
        for (condition, value) in ints {
            if let Some(value) = value {
                query.push(" AND ").push(condition).bind_int(value);
            }
        }
        let what = match self.what.as_deref() {
            Some("all") => None,
            asked => Some(asked.unwrap_or("generate").to_owned()),
        };
        let texts = [
            ("backend = ", &self.backend),
            ("model = ", &self.model),
            ("dialect = ", &self.frontend),
            ("caller = ", &self.caller),
            ("session = ", &self.session),
            ("id = ", &self.id),
            ("outcome = ", &self.outcome),
            ("what = ", &what),
        ];
        for (condition, value) in texts {
            if let Some(value) = value {
                query.push(" AND ").push(condition).bind_text(value.clone());
            }
        }
    }
}

const OUTCOMES: [&str; 5] = ["answered", "answered_here", "failed", "broke_off", "client_gone"];

fn one_of(name: &str, value: &str, words: &[&str]) -> Result<Option<String>, String> {
    match words.contains(&value) {
        true => Ok(Some(value.to_owned())),
        false => Err(format!("{name}: expected one of {}, found \"{value}\"", words.join(", "))),
    }
}

/// Which end of a period a date stands at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

/// A day, whole, or a moment, in microseconds since 1970. Days are those of UTC.
fn moment(name: &str, value: &str, edge: Edge) -> Result<i64, String> {
    let expected =
        || format!("{name}: expected a date such as 2026-01-31 or 2026-01-31T12:00:00Z, found \"{value}\"");
    let at = match day(value) {
        Some(day) => {
            let begins = day.with_time(Time::MIDNIGHT).assume_utc();
            let days = if edge == Edge::End { Duration::DAY } else { Duration::ZERO };
            begins.checked_add(days).ok_or_else(expected)?
        }
        // A blank is what a plus sign becomes in a URL.
        None => OffsetDateTime::parse(&value.replace(' ', "+"), &Rfc3339).map_err(|_| expected())?,
    };
    i64::try_from(at.unix_timestamp_nanos() / 1_000).map_err(|_| expected())
}

fn day(value: &str) -> Option<Date> {
    let mut parts = value.splitn(3, '-');
    let mut part = |digits: usize| {
        parts.next().filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// A moment as people read it.
pub fn shown(us: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1_000).ok();
    let at = at.and_then(|at| at.to_offset(UtcOffset::UTC).format(&Rfc3339).ok());
    at.unwrap_or_default()
}

/// The day that is so many days after the first of 1970, as people read it.
pub fn shown_day(days: i64) -> String {
    shown(days.saturating_mul(DAY_US)).split('T').next().unwrap_or_default().to_owned()
}

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_moments_exact() {
        let set = |name: &str, value: &str| {
            let mut filter = Filter::default();
            filter.set(name, value).map(|known| {
                assert!(known);
                filter.from_us.or(filter.until_us).expect("a moment")
            })
        };
        assert_eq!(set("from", "1970-01-02"), Ok(DAY_US));
        assert_eq!(set("to", "1970-01-02"), Ok(2 * DAY_US));
        assert_eq!(set("start_date", "1970-01-01T00:00:01.5Z"), Ok(1_500_000));
        assert_eq!(set("end_date", "1970-01-01T01:00:01+01:00"), Ok(1_000_000));
        assert_eq!(set("end_date", "1970-01-01T01:00:01 01:00"), Ok(1_000_000));
        for bad in [
            "",
            "today",
            "2026-13-01",
            "2026-02-30",
            "2026-1-1",
            "26-01-01",
            "2026-01-01T25:00:00Z",
            "9999-12-31",
        ] {
            let said = set("to", bad).expect_err(bad);
            assert!(said.contains("2026-01-31") && said.starts_with("to: "), "{said}");
        }
        assert_eq!(shown(1_500_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(shown_day(20_000), "2024-10-04");
    }

    #[test]
    fn other_parameters_are_checked_too() {
        let mut filter = Filter::default();
        assert_eq!(filter.set("backend", "openai"), Ok(true));
        assert_eq!(filter.set("limit", "5"), Ok(false));
        assert!(filter.set("status", "99").is_err() && filter.set("status", "ok").is_err());
        assert!(filter.set("outcome", "won").is_err() && filter.set("what", "nothing").is_err());
        assert_eq!(filter, Filter { backend: Some("openai".to_owned()), ..Filter::default() });
        for name in NAMES {
            let value = match name {
                "from" | "to" => "2026-01-31",
                "status" => "200",
                "outcome" => "failed",
                _ => "all",
            };
            assert_eq!(Filter::default().set(name, value), Ok(true), "{name}");
        }
    }
}
