//! Rests of backends' keys that hosts tell each other, so that what one found to be at its limit is left alone by all. A host that misses
//! one finds out for itself.
use crate::link::{Link, Lost};
use redis::{Script, Value};
use routing::health::Rest;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rests that are kept for hosts that come later.
const RESTS_MAX: usize = 1024;
/// The longest rest that is kept.
const REST_MAX: Duration = Duration::from_secs(6 * 3600);
/// The largest word that is read, in bytes.
const WORD_BYTES_MAX: usize = 4096;
const RESTS: &str = "rest ";
const AGAIN: &str = "again ";

/// A moment on both clocks: that of this process, and Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// This process's.
    pub now: Instant,
    /// Since 1970.
    pub unix_ms: u64,
}

/// What a host told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A key rests.
    Rests(Rest),
    /// An operator gives this backend another chance.
    Again(String),
}

#[derive(Serialize, Deserialize)]
struct Word {
    backend: String,
    key: usize,
    n_keys: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    until_ms: u64,
}

impl Word {
    fn of(rest: &Rest, at: Moment) -> Self {
        let left = u64::try_from(left(rest, at).as_millis()).unwrap_or(u64::MAX);
        Self {
            backend: rest.backend.clone(),
            key: rest.key,
            n_keys: rest.n_keys,
            model: rest.model.clone(),
            until_ms: at.unix_ms.saturating_add(left),
        }
    }

    fn rest(self, at: Moment) -> Rest {
        let left = Duration::from_millis(self.until_ms.saturating_sub(at.unix_ms)).min(REST_MAX);
        let Self { backend, key, n_keys, model, until_ms: _ } = self;
        Rest { backend, key, n_keys, model, until: at.now + left }
    }
}

fn left(rest: &Rest, at: Moment) -> Duration {
    rest.until.saturating_duration_since(at.now).min(REST_MAX)
}

/// The rests that hosts share.
#[derive(Debug)]
pub struct Rests {
    link: Arc<Link>,
    put: Script,
}

impl Rests {
    /// Those behind `link`.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link, put: Script::new(include_str!("rest/put.lua")) }
    }

    fn key(&self) -> String {
        self.link.keys().of("rest", "all")
    }

    /// Tells all hosts of a rest.
    ///
    /// # Errors
    /// Nobody was told.
    pub async fn tell(&self, rest: &Rest, at: Moment) -> Result<(), Lost> {
        let Ok(word) = serde_json::to_string(&Word::of(rest, at)) else { return Ok(()) };
        if word.len() > WORD_BYTES_MAX {
            return Ok(());
        }
        let which = format!("{} {} {}", rest.backend, rest.key, rest.model.as_deref().unwrap_or_default());
        let ttl = left(rest, at).as_millis().max(1).to_string();
        let (max, channel) = (RESTS_MAX.to_string(), self.link.keys().channel());
        let args = [which.as_str(), &word, &ttl, &max, &channel, RESTS];
        self.link.script(&self.put, &[self.key()], &args).await.map(drop)
    }

    /// Tells all hosts that a backend has another chance.
    ///
    /// # Errors
    /// Nobody was told.
    pub async fn tell_again(&self, backend: &str) -> Result<(), Lost> {
        // Hints on other backends go with it: each host finds out for itself.
        self.link.run(redis::cmd("DEL").arg(self.key())).await?;
        self.link.tell(&format!("{AGAIN}{backend}")).await
    }

    /// Rests that were told before this host came.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn all(&self, at: Moment) -> Result<Vec<Rest>, Lost> {
        let values = match self.link.run(redis::cmd("HVALS").arg(self.key())).await? {
            Value::Array(values) => values,
            _ => Vec::new(),
        };
        let rest = |value: Value| match value {
            Value::BulkString(word) => read(std::str::from_utf8(&word).ok()?, at),
            _ => None,
        };
        Ok(values.into_iter().take(RESTS_MAX).filter_map(rest).collect())
    }
}

fn read(word: &str, at: Moment) -> Option<Rest> {
    let word: Word = serde_json::from_str(Some(word).filter(|word| word.len() <= WORD_BYTES_MAX)?).ok()?;
    Some(word.rest(at))
}

/// Reads news; none if they are of something else.
pub fn told(news: &str, at: Moment) -> Option<Told> {
    if let Some(backend) = news.strip_prefix(AGAIN) {
        return Some(Told::Again(backend.to_owned()));
    }
    read(news.strip_prefix(RESTS)?, at).map(Told::Rests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_are_read_as_they_were_told() {
        let at = Moment { now: Instant::now(), unix_ms: 1_700_000_000_000 };
        let until = at.now + Duration::from_secs(9);
        let rest = Rest { backend: "openai.work".into(), key: 1, n_keys: 2, model: Some("m".into()), until };
        let word = serde_json::to_string(&Word::of(&rest, at)).expect("JSON");
        assert_eq!(told(&format!("rest {word}"), at), Some(Told::Rests(rest.clone())));
        let later = Moment { now: at.now, unix_ms: at.unix_ms + 4000 };
        let expected = Rest { until: at.now + Duration::from_secs(5), ..rest };
        assert_eq!(told(&format!("rest {word}"), later), Some(Told::Rests(expected)));
        assert_eq!(told("again openai", at), Some(Told::Again("openai".into())));
        for bad in ["", "rest ", "rest {}", "rest []", "other {}", &format!("rest {}", "[".repeat(9999))] {
            assert_eq!(told(bad, at), None, "{bad}");
        }
        let ever = r#"rest {"backend":"b","key":0,"n_keys":1,"until_ms":18446744073709551615}"#;
        let Some(Told::Rests(ever)) = told(ever, at) else { panic!("a rest") };
        assert_eq!(ever.until, at.now + REST_MAX);
    }
}
