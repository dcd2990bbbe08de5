//! A configured backend: the table of its fields, and its typed form. Does not know which connectors exist.
use std::{fmt, time::Duration};

use serde_json::{Map, Value as Json};

use crate::{
    numbers::{Bool, Seconds},
    problem::{Problem, Source},
    row::settings,
    schema,
    secrets::{ApiKey, Key, Keys},
    texts::{Opt, Text, Texts, Url},
    tree::Entry,
};

settings! {
    /// The known fields of a backend, typed.
    BackendValues, BACKEND_TABLE;

    /// The backend id of the connector that serves this instance.
    connector: Opt<Text> as Option<&str> = None,
        { key: "type", aliases: &["connector"], default_words: "the name up to its first dot", example: "\"echo\"" }

    /// The API key, or `env:NAME`. Unset: the variables that the connector names, such as `OPENAI_API_KEY`.
    api_key: Opt<Key> as Option<&ApiKey> = None,
        { key: "api_key", example: "\"env:OPENAI_API_KEY\"" }

    /// Further API keys to rotate through.
    api_keys: Keys as &[ApiKey] = Vec::new(),
        { key: "api_keys", example: "[\"env:WORK_KEY\", \"env:HOME_KEY\"]" }

    /// The base URL of the provider. The keys of this backend may be sent there.
    api_url: Opt<Url> as Option<&str> = None,
        { key: "api_url", aliases: &["base_url"], example: "\"https://api.openai.com/v1\"",
          default_words: "the connector's own" }

    /// The longest attempt at this backend.
    timeout: Opt<Seconds> as Option<Duration> = None,
        { key: "timeout", unit: "seconds", range: Some((0.001, 86_400.0)), example: "120.0",
          default_words: "`timeouts.total`" }

    /// The models to offer instead of the provider's own list.
    models: Texts as &[String] = Vec::new(),
        { key: "models", example: "[\"gpt-5\"]", default_words: "the provider's list" }

    /// The file name of the library that must serve this backend, where several could.
    plugin: Opt<Text> as Option<&str> = None,
        { key: "plugin", example: "\"liblip_openai.so\"" }

    /// Whether the backend is used at all.
    enabled: Bool as bool = true,
        { key: "enabled" }

    /// The `User-Agent` that this provider sees.
    user_agent: Opt<Text> as Option<&str> = None,
        { key: "identity.user_agent", aliases: &["identity.user_agent.override_value"], example: "\"my-team/1.0\"",
          default_words: "the global `identity.user_agent`" }
}

/// A configured backend. `Debug` prints the names of the extra fields only.
#[derive(Clone)]
pub struct Backend {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) values: BackendValues,
    pub(crate) extra: Extra,
}

/// Fields for the connector: as it gets them, and where they stand.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    pub(crate) json: Map<String, Json>,
    pub(crate) entries: Vec<Entry>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra: Vec<_> = self.extra.json.keys().collect();
        f.debug_struct("Backend")
            .field("name", &self.name)
            .field("values", &self.values)
            .field("extra", &extra)
            .finish_non_exhaustive()
    }
}

impl Backend {
    /// A backend that no file configures, such as the one that `--default-backend openai` asks for: all defaults.
    /// `None` if `name` cannot be the name of a backend.
    pub fn unconfigured(name: &str, source: Source) -> Option<Self> {
        let values = BackendValues::default();
        crate::instances::is_name(name).then(|| Self {
            name: name.to_owned(),
            source,
            values,
            extra: Extra::default(),
        })
    }

    /// The instance name, such as `openai` or `openai.work`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is configured.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The backend id of its connector: `type`, else the name up to its first dot.
    pub fn connector(&self) -> &str {
        self.values.connector().unwrap_or_else(|| self.name.split('.').next().unwrap_or(&self.name))
    }

    /// The keys that are configured and there: `api_key` first, then `api_keys`, each once.
    pub fn api_keys(&self) -> Vec<&ApiKey> {
        let mut keys: Vec<&ApiKey> = Vec::new();
        for key in self.configured_keys().filter(|key| key.secret().is_some()) {
            if keys.iter().all(|seen| seen.secret() != key.secret()) {
                keys.push(key);
            }
        }
        keys
    }

    /// The variables that `env:NAME` keys of this backend ask for and that are not set.
    pub fn missing_env(&self) -> Vec<&str> {
        self.configured_keys().filter(|key| key.secret().is_none()).filter_map(ApiKey::env_name).collect()
    }

    /// The typed fields.
    pub const fn values(&self) -> &BackendValues {
        &self.values
    }

    /// Fields that are not LIP's: handed to the connector as they are. May hold secrets.
    pub const fn extra(&self) -> &Map<String, Json> {
        &self.extra.json
    }

    /// What is wrong with these fields by the connector's own JSON schema, each with its place.
    pub fn check_extra(&self, schema: &Json) -> Vec<Problem> {
        let Source::File { name, .. } = &self.source else { return Vec::new() };
        schema::fields(name, &format!("backends.{}", self.name), &self.extra.entries, schema)
    }

    fn configured_keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.values.api_key().into_iter().chain(self.values.api_keys())
    }
}
