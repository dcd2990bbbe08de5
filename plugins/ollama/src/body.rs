//! Fits bodies to Ollama's two APIs: top-level members only, their values byte for byte. Does no IO.
use lip_plugin::serde::de::{Deserializer as _, MapAccess, Visitor};
use lip_plugin::serde_json::{self, Map, Value, value::RawValue};
use lip_plugin::{Buf, Create, Error, Result};
use std::fmt;

/// What the config adds to native requests.
#[derive(Debug)]
pub(crate) struct Native {
    keep_alive: Option<Value>,
    /// `num_ctx` and further options, for those that a request does not set itself.
    options: Map<String, Value>,
}

impl Native {
    /// Reads `num_ctx`, `keep_alive` and `options` of the config.
    ///
    /// # Errors
    /// `bad_config` with the key to blame.
    pub(crate) fn new(with: &Create<'_>) -> Result<Self> {
        let set = |key: &str| with.config.get(key).filter(|value| !value.is_null());
        let mut options = match set("options") {
            None => Map::new(),
            Some(Value::Object(options)) => options.clone(),
            Some(_) => return Err(Error::bad_config("options", "write a table")),
        };
        if let Some(tokens) = set("num_ctx") {
            tokens
                .as_u64()
                .filter(|tokens| *tokens > 0)
                .ok_or_else(|| Error::bad_config("num_ctx", "write a number of tokens greater than 0"))?;
            options.insert("num_ctx".to_owned(), tokens.clone());
        }
        let keep_alive = set("keep_alive").cloned();
        if keep_alive.as_ref().is_some_and(|time| !time.is_string() && !time.is_i64()) {
            return Err(Error::bad_config(
                "keep_alive",
                "write a time such as \"5m\", or a number of seconds",
            ));
        }
        match set("native") {
            None | Some(Value::Bool(_)) => Ok(Self { keep_alive, options }),
            Some(_) => Err(Error::bad_config("native", "write true or false")),
        }
    }

    /// Does the config add nothing?
    pub(crate) fn is_idle(&self) -> bool {
        self.keep_alive.is_none() && self.options.is_empty()
    }

    /// The native request `body` with what the config adds; what the request says itself wins.
    pub(crate) fn fitted(&self, body: &Buf) -> Buf {
        if self.is_idle() {
            return body.clone();
        }
        // What is no JSON object is Ollama's to refuse.
        let Some(members) = members(body) else { return body.clone() };
        let value = |name: &str| members.iter().rfind(|(key, _)| *key == name).map(|(_, value)| *value);
        let mut added = Vec::new();
        if let (Some(time), None) = (&self.keep_alive, value("\"keep_alive\"")) {
            added.push(("\"keep_alive\"", time.to_string()));
        }
        if !self.options.is_empty() {
            let own: Option<Map<String, Value>> =
                value("\"options\"").and_then(|options| serde_json::from_str(options).ok());
            let mut options = self.options.clone();
            options.extend(own.unwrap_or_default());
            added.push(("\"options\"", Value::Object(options).to_string()));
        }
        if added.is_empty() {
            return body.clone();
        }
        let kept = members.iter().filter(|(key, _)| added.iter().all(|(name, _)| name != key)).copied();
        written(kept.chain(added.iter().map(|(key, value)| (*key, value.as_str()))))
    }
}

/// An OpenAI Chat request as `/v1` reads it: of the two names for the output's limit it knows the older one.
pub(crate) fn openai(body: &Buf) -> Buf {
    const NEW: &str = "\"max_completion_tokens\"";
    const OLD: &str = "\"max_tokens\"";
    let Some(members) = members(body) else { return body.clone() };
    if !members.iter().any(|(key, _)| *key == NEW) {
        return body.clone();
    }
    let kept = members.iter().filter(|(key, _)| *key != OLD);
    written(kept.map(|(key, value)| (if *key == NEW { OLD } else { *key }, *value)))
}

fn written<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> Buf {
    let mut out = String::from("{");
    for (key, value) in members {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(key);
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out.into()
}

/// Keys, in their quotes, and values of a JSON object; `None` when it is none.
fn members(body: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let members = reader.deserialize_map(Members).ok()?;
    reader.end().ok()?;
    Some(members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(&'de str, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            members.push((key.get(), value.get()));
        }
        Ok(members)
    }
}
