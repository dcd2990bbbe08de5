//! What an instance is made from.
use crate::{Error, Result};
use serde_json::Value;

/// Which instance is to be made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Create<'a> {
    /// The connector's id from the manifest.
    pub connector: &'a str,
    /// The instance's name from the config, such as `openai` or `openai.work`.
    pub instance: &'a str,
    /// The instance's config: a JSON object. `base_url` is always a string when present.
    pub config: Value,
    /// The `base_url` of the manifest.
    pub(crate) home: Option<String>,
}

impl Create<'_> {
    /// The base URL without a trailing slash: the config's, else the manifest's.
    ///
    /// # Errors
    /// `bad_config` when it is no `http` or `https` URL, or there is none.
    pub fn home(&self) -> Result<String> {
        self.base_url(self.home.as_deref().unwrap_or_default())
    }

    /// The base URL without a trailing slash: the config's, else `default`.
    ///
    /// # Errors
    /// `bad_config` when it is no `http` or `https` URL.
    pub fn base_url(&self, default: &str) -> Result<String> {
        let url = self.string("base_url")?.unwrap_or_else(|| default.to_owned());
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Error::bad_config("base_url", "write a URL that begins with https:// or http://"));
        }
        Ok(url.trim_end_matches('/').to_owned())
    }

    /// A text of the config; `None` when the key is absent or null.
    ///
    /// # Errors
    /// `bad_config` when it is something else.
    pub fn string(&self, key: &str) -> Result<Option<String>> {
        match self.config.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Error::bad_config(key, "write a text in quotes")),
        }
    }

    /// A switch of the config, also as text, since variables hold texts; `default` when the key is absent or null.
    ///
    /// # Errors
    /// `bad_config` when it is something else.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let flag = match self.config.get(key) {
            None | Some(Value::Null) => Some(default),
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" | "" => Some(false),
                _ => None,
            },
            Some(_) => None,
        };
        flag.ok_or_else(|| Error::bad_config(key, "write true or false"))
    }

    /// A number of the config from 0 to `max`, also as text; `None` when the key is absent or null.
    ///
    /// # Errors
    /// `bad_config` when it is something else.
    pub fn number(&self, key: &str, max: f64) -> Result<Option<f64>> {
        let number = match self.config.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let fits = number.filter(|number| (0.0..=max).contains(number));
        fits.map(Some).ok_or_else(|| Error::bad_config(key, format!("write a number from 0 to {max}")))
    }

    /// A list of texts of the config; one text is a list of one. Empty when the key is absent or null.
    ///
    /// # Errors
    /// `bad_config` when it is something else.
    pub fn strings(&self, key: &str) -> Result<Vec<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = match self.config.get(key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(text).collect(),
            Some(value) => text(value).map(|text| vec![text]),
        };
        list.ok_or_else(|| Error::bad_config(key, "write a list of texts in quotes"))
    }

    /// Seconds of the config from 0 to `max`, as whole milliseconds; `None` when the key is absent or null.
    ///
    /// # Errors
    /// `bad_config` when it is something else.
    pub fn seconds_ms(&self, key: &str, max: f64) -> Result<Option<u64>> {
        Ok(self.number(key, max)?.map(|seconds| (seconds * 1000.0) as u64))
    }

    /// The config's `accounts`: names in a list, or in one text with commas between them. Empty for all of them.
    ///
    /// # Errors
    /// `bad_config` when it is something else.
    pub fn account_names(&self) -> Result<Vec<String>> {
        let named = self.strings("accounts")?;
        let names = named.iter().flat_map(|names| names.split(',')).map(str::trim);
        Ok(names.filter(|name| !name.is_empty() && *name != "all").map(str::to_owned).collect())
    }

    /// A text of the config that becomes a header's value.
    ///
    /// # Errors
    /// `bad_config` when it is something else or cannot stand in a header.
    pub fn header_value(&self, key: &str) -> Result<Option<String>> {
        self.string(key)?.map(|text| header_value(key, text)).transpose()
    }

    /// The config's `headers`: additional headers for each request, names in lower case.
    ///
    /// # Errors
    /// `bad_config` when it is no table of texts, or names a header that the host or the connector owns.
    pub fn headers(&self) -> Result<Vec<(String, String)>> {
        let table = match self.config.get("headers") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(table)) => table,
            Some(_) => {
                return Err(Error::bad_config("headers", "write a table of header names and texts"));
            }
        };
        let header = |(name, value): (&String, &Value)| {
            let (key, name) = (format!("headers.{name}"), name.to_ascii_lowercase());
            let is_legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if name.is_empty() || !is_legal || OWNED_HEADERS.contains(&&*name) {
                return Err(Error::bad_config(&key, "name a header other than those that LIP sets itself"));
            }
            let value = value.as_str().ok_or_else(|| Error::bad_config(&key, "write a text in quotes"))?;
            Ok((name, header_value(&key, value.to_owned())?))
        };
        table.iter().map(header).collect()
    }
}

fn header_value(key: &str, text: String) -> Result<String> {
    if text.is_empty() || !text.bytes().all(|b| (b' '..0x7f).contains(&b)) {
        return Err(Error::bad_config(key, "write a text of printable ASCII characters"));
    }
    Ok(text)
}

/// Headers that no config may set: framing, credentials, and what the host stamps.
const OWNED_HEADERS: [&str; 10] = [
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "host",
    "accept-encoding",
    "x-llmproxy-loop-guard",
];
