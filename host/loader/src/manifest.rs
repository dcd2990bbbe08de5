//! What a library says of itself and its connectors. Every byte is hostile; unknown keys are kept, not judged.
use crate::error_in_200::ErrorIn200;
use crate::refusal::{Refusal, tidy};
use lip_wire::Dialect;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

const BYTES_MAX: usize = 4 * 1024 * 1024;
const CONNECTORS_MAX: usize = 1024;
const ID_BYTES_MAX: usize = 64;

/// What a library offers.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Name of the library's package.
    pub plugin: String,
    /// Version of the library.
    pub version: String,
    /// Version of the ABI it was built with.
    pub abi: String,
    /// At least one.
    pub connectors: Vec<Arc<ConnectorManifest>>,
}

impl Manifest {
    /// The connector with this id.
    pub fn connector(&self, id: &str) -> Option<&Arc<ConnectorManifest>> {
        self.connectors.iter().find(|connector| connector.id == id)
    }
}

/// How a connector proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// A key from the config or a variable.
    ApiKey,
    /// A person's own account, for single-user hosts only.
    OauthPersonal,
    /// A program of this machine that is logged in by itself.
    LocalAgent,
    /// Nothing.
    None,
    /// No upstream of its own: it sends turns to other backends.
    Virtual,
}

/// What one connector is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectorManifest {
    /// Backend id: `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
    pub id: String,
    /// It makes backends from profiles, which the host hands to `create`; the id is the family's name.
    pub family: bool,
    /// Name for people.
    pub title: String,
    /// One line on when to choose it. May be empty.
    pub best_for: String,
    /// Dialects it takes, best first; at least one.
    #[serde(serialize_with = "ids")]
    pub dialects: Vec<Dialect>,
    /// What is known of its models without asking. May be empty.
    pub models: Vec<ModelHint>,
    /// How it proves who it is.
    pub auth: Auth,
    /// Setting or secret → variables that may hold it, first one first; such as `api_key` → `OPENAI_API_KEY`.
    pub env: BTreeMap<String, Vec<String>>,
    /// Where it sends requests if the config says nothing.
    pub base_url: Option<String>,
    /// Hosts it may send requests to, as `name`, `name:port` or `*.name`, besides that of the configured base URL.
    pub egress: Vec<String>,
    /// It needs to read secrets itself.
    pub reads_secret: bool,
    /// How its errors look inside an answer with status 200, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_in_200: Option<ErrorIn200>,
    /// Taken off the front of model names, the first that fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub strip_prefixes: Vec<String>,
    /// HTTP/2 is not to be used.
    #[serde(skip_serializing_if = "is_false")]
    pub http1_only: bool,
    /// It takes the header by which hosts notice that they call themselves.
    #[serde(skip_serializing_if = "is_true")]
    pub loop_guard: bool,
    /// The provider's documentation.
    pub docs: Option<String>,
    /// What a user should read before using it.
    pub disclaimers: Vec<String>,
    /// Keys that this host does not know.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl ConnectorManifest {
    /// Reads a manifest that stands outside of a library, such as one made from a profile.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(value: Value) -> Result<Self, String> {
        connector(value)
    }

    /// The dialects for `model`, best first: those of the most exact hint for it, else the connector's.
    pub fn dialects_for(&self, model: &str) -> &[Dialect] {
        let fitting = self.models.iter().filter(|hint| !hint.dialects.is_empty() && hint.fits(model));
        fitting.max_by_key(|hint| hint.id.len()).map_or(&self.dialects, |hint| &hint.dialects)
    }
}

/// What is known of a model, or of all whose names fit a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelHint {
    /// A name, or a pattern with one `*`.
    pub id: String,
    /// Dialects it takes, best first; empty: the connector's.
    #[serde(serialize_with = "ids", skip_serializing_if = "Vec::is_empty")]
    pub dialects: Vec<Dialect>,
    /// Everything else the manifest says, such as `context_tokens`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl ModelHint {
    /// Is it a pattern?
    pub fn is_pattern(&self) -> bool {
        self.id.contains('*')
    }

    /// Does it speak of `model`?
    pub fn fits(&self, model: &str) -> bool {
        lip_wire::pattern::fits(&self.id, model)
    }
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn ids<S: serde::Serializer>(dialects: &[Dialect], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(dialects.iter().map(|dialect| dialect.id()))
}

#[derive(Deserialize)]
struct RawManifest {
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    abi: String,
    connectors: Vec<Value>,
}

#[derive(Deserialize)]
struct RawConnector {
    id: Option<String>,
    family: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    best_for: String,
    dialects: Vec<String>,
    #[serde(default)]
    models: Vec<RawModel>,
    auth: Auth,
    #[serde(default)]
    env: BTreeMap<String, OneOrMany>,
    base_url: Option<String>,
    #[serde(default)]
    egress: Vec<String>,
    #[serde(default)]
    reads_secret: bool,
    error_in_200: Option<ErrorIn200>,
    #[serde(default)]
    strip_prefixes: Vec<String>,
    #[serde(default)]
    http1_only: bool,
    #[serde(default = "yes")]
    loop_guard: bool,
    docs: Option<String>,
    #[serde(default)]
    disclaimers: Vec<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawModel {
    Name(String),
    Hint {
        id: String,
        #[serde(default)]
        dialects: Vec<String>,
        #[serde(flatten)]
        more: Map<String, Value>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Reads a library's manifest.
pub(crate) fn parse(json: &[u8]) -> Result<Manifest, Refusal> {
    read(json).map_err(|why| Refusal::BadManifest { why: tidy(&why, 300) })
}

fn read(json: &[u8]) -> Result<Manifest, String> {
    if json.len() > BYTES_MAX {
        return Err(format!("it has {} bytes, more than {BYTES_MAX}", json.len()));
    }
    let raw: RawManifest = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if raw.connectors.is_empty() {
        return Err("it lists no connector".to_owned());
    }
    if raw.connectors.len() > CONNECTORS_MAX {
        return Err(format!("it lists {} connectors, more than {CONNECTORS_MAX}", raw.connectors.len()));
    }
    let mut connectors: Vec<Arc<ConnectorManifest>> = Vec::with_capacity(raw.connectors.len());
    for (n, value) in raw.connectors.into_iter().enumerate() {
        let label = match value.get("id").or_else(|| value.get("family")).and_then(Value::as_str) {
            Some(id) => format!("connector \"{id}\""),
            None => format!("connector {}", n + 1),
        };
        let connector = connector(value).map_err(|why| format!("{label}: {why}"))?;
        if connectors.iter().any(|other| other.id == connector.id) {
            return Err(format!("{label} is listed twice"));
        }
        connectors.push(Arc::new(connector));
    }
    Ok(Manifest { plugin: raw.plugin, version: raw.version, abi: raw.abi, connectors })
}

fn connector(value: Value) -> Result<ConnectorManifest, String> {
    // What lip-plugin puts in place of a manifest that is no JSON: a sentence.
    if let Value::String(sentence) = value {
        return Err(sentence);
    }
    let raw: RawConnector = serde_json::from_value(value).map_err(|e| e.to_string())?;
    let family = raw.id.is_none() && raw.family.is_some();
    let id = raw.id.or(raw.family).ok_or("it has neither \"id\" nor \"family\"")?;
    check_id(&id)?;
    let env = raw.env.into_iter().map(|(key, names)| {
        let names = match names {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        };
        match names.iter().find(|name| !is_variable(name)) {
            Some(bad) => Err(format!("env.{key}: \"{bad}\" is no name of a variable")),
            None => Ok((key, names)),
        }
    });
    let env = env.collect::<Result<_, _>>()?;
    if let Some(url) = raw.base_url.as_ref().filter(|url| !is_http(url)) {
        return Err(format!("base_url \"{url}\" does not begin with http:// or https://"));
    }
    if let Some(host) = raw.egress.iter().find(|host| !is_host(host)) {
        return Err(format!("egress: \"{host}\" is no host name"));
    }
    raw.error_in_200.as_ref().map_or(Ok(()), ErrorIn200::check)?;
    let models = raw.models.into_iter().map(|model| match model {
        RawModel::Name(id) => Ok(ModelHint { id, ..ModelHint::default() }),
        RawModel::Hint { id, dialects: list, more } => {
            let dialects = if list.is_empty() { Vec::new() } else { dialects(&list)? };
            Ok::<_, String>(ModelHint { id, dialects, more })
        }
    });
    Ok(ConnectorManifest {
        title: if raw.title.is_empty() { id.clone() } else { raw.title },
        id,
        family,
        best_for: raw.best_for,
        dialects: dialects(&raw.dialects)?,
        models: models.collect::<Result<_, _>>()?,
        auth: raw.auth,
        env,
        base_url: raw.base_url,
        egress: raw.egress,
        reads_secret: raw.reads_secret,
        error_in_200: raw.error_in_200,
        strip_prefixes: raw.strip_prefixes,
        http1_only: raw.http1_only,
        loop_guard: raw.loop_guard,
        docs: raw.docs,
        disclaimers: raw.disclaimers,
        more: raw.more,
    })
}

/// The known ones, in their order; a newer library may list newer dialects too.
fn dialects(ids: &[String]) -> Result<Vec<Dialect>, String> {
    let known: Vec<Dialect> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    if known.is_empty() {
        let all: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.id()).collect();
        return Err(format!(
            "none of its dialects [{}] is known (known: {})",
            ids.join(", "),
            all.join(", ")
        ));
    }
    Ok(known)
}

fn check_id(id: &str) -> Result<(), String> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let starts_well = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if id.len() > ID_BYTES_MAX || !starts_well || !id.bytes().all(inner) {
        return Err(format!("the id must be [a-z0-9][a-z0-9._-]*, at most {ID_BYTES_MAX} characters"));
    }
    Ok(())
}

fn is_variable(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().next().is_some_and(|b| !b.is_ascii_digit()) && name.bytes().all(inner)
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.bytes().any(|b| b <= b' ' || b == 0x7f))
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, Some(port)),
        _ => (text, None),
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    let v6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good_name = match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name.split('.').all(|label| {
                    !label.is_empty()
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                })
        }
    };
    good_name && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests;
