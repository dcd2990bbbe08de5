//! Recorded exchanges: what a host asked a connector for, what the connector asked the upstream for, what came back.
//!
//! Replaying one proves that the connector still asks for the very same. A cassette holds no secret: `{api_key}` stands in a
//! header where the host fills in the key, and `*` where a value differs from time to time.
use crate::conformance::{Kit, Recorded};
use crate::stage::SECRET;
use crate::{Outcome, Reply, Seen};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The recorded exchanges of one backend.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// The connector's id.
    pub connector: String,
    /// The instance's config.
    #[serde(default)]
    pub config: Value,
    /// What a good answer of the upstream looks like, for the conformance checks: where no take shows it.
    #[serde(default)]
    pub sample: Recorded,
    /// The exchanges.
    #[serde(default)]
    pub takes: Vec<Take>,
}

/// One task with its one exchange.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// What it shows.
    pub name: String,
    /// `turn`, `models` or another task.
    pub task: String,
    /// The dialect of the turn; empty for other tasks.
    #[serde(default)]
    pub dialect: String,
    /// The model, as the host names it.
    #[serde(default)]
    pub model: String,
    /// Does the client want a stream?
    #[serde(default)]
    pub stream: bool,
    /// The client's body.
    #[serde(default)]
    pub body: Value,
    /// What the upstream saw of the connector.
    pub request: Request,
    /// What it answered.
    pub answer: Answer,
    /// What the client gets.
    pub client: Client,
}

/// A request without what the host adds to all of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Method.
    pub method: String,
    /// URL.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON; null when there is none.
    #[serde(default)]
    pub body: Value,
}

/// An answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its `content-type`.
    pub content_type: String,
    /// The body's text.
    pub body: String,
}

/// What has to come of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The status of the answer or the error.
    pub status: u16,
    /// The ids of the models, of a model list.
    #[serde(default)]
    pub models: Vec<String>,
}

impl Cassette {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence that names the place.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(json).map_err(|e| format!("this is no cassette: {e}"))
    }

    /// Replays every exchange, and says of each what differs.
    pub fn replay(&self, kit: &Kit) -> Vec<(&str, Result<(), String>)> {
        self.takes.iter().map(|take| (take.name.as_str(), self.take(kit, take))).collect()
    }

    /// What of it shows a good answer of the upstream.
    pub(crate) fn good(&self) -> Recorded {
        let mut good = self.takes.iter().filter(|take| take.answer.status == 200 && !take.stream);
        let turn = good.clone().find(|take| take.task == "turn");
        let Recorded { answer, models, model, command, fields, .. } = self.sample.clone();
        Recorded {
            command,
            fields,
            config: Some(self.config.clone()).filter(Value::is_object),
            answer: answer.or_else(|| turn.map(|take| take.answer.body.clone())),
            model: model.or_else(|| turn.map(|take| take.model.clone())),
            models: models
                .or_else(|| good.find(|take| take.task == "models").map(|take| take.answer.body.clone())),
        }
    }

    fn take(&self, kit: &Kit, take: &Take) -> Result<(), String> {
        let stage = kit.stage(&self.connector);
        let stage = stage.ok_or_else(|| format!("the library has no connector \"{}\"", self.connector))?;
        let stage = if self.config.is_null() { stage } else { stage.config(&self.config) };
        let reply = Reply::chunks(take.answer.status, &take.answer.content_type, [take.answer.body.clone()]);
        let body = if take.body.is_null() { String::new() } else { take.body.to_string() };
        let mut stage = stage.reply(reply).turn(body).task(&take.task).model(&take.model);
        if !take.dialect.is_empty() {
            stage = stage.dialect(&take.dialect);
        }
        if take.stream {
            stage = stage.stream();
        }
        for name in take.request.secrets() {
            stage = stage.secret(name, &format!("{SECRET}{name}"));
        }
        take.compare(&stage.run())
    }
}

impl Take {
    fn compare(&self, seen: &Outcome) -> Result<(), String> {
        if !seen.breaches.is_empty() {
            return Err(seen.breaches.join("; "));
        }
        let [request] = seen.requests.as_slice() else {
            return Err(format!(
                "it asks the upstream {} times, not once: {:?}",
                seen.requests.len(),
                seen.error
            ));
        };
        self.request.compare(request)?;
        let failed = seen.error.as_ref();
        let status = failed.map_or(Some(seen.status.into()), |error| error.status);
        same("the client's status", &status, &Some(self.client.status.into()))?;
        if seen.spliced {
            same("the client's body", &seen.text(), &self.answer.body)?;
        }
        let models: Vec<String> = seen.models().into_iter().map(|model| model.id).collect();
        if self.task == "models" { same("the list of models", &models, &self.client.models) } else { Ok(()) }
    }
}

impl Request {
    /// The secrets that stand in its headers.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.headers.values().filter_map(|value| value.split_once('{')?.1.strip_suffix('}'))
    }

    fn compare(&self, seen: &Seen) -> Result<(), String> {
        same("the method", &seen.method, &self.method)?;
        same("the URL", &seen.url, &self.url)?;
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &seen.headers {
            let told = match value.split_once(SECRET) {
                Some((prefix, secret)) => format!("{prefix}{{{secret}}}"),
                None => value.clone(),
            };
            let any = self.headers.get(name).is_some_and(|recorded| recorded == "*");
            headers.insert(name.clone(), if any { "*".to_owned() } else { told });
        }
        same("the headers", &headers, &self.headers)?;
        same("the body", &seen.json(), &self.body)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, recorded: &T) -> Result<(), String> {
    if is == recorded { Ok(()) } else { Err(format!("{what} is {is:?}, recorded was {recorded:?}")) }
}
