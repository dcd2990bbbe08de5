//! What a profile may say: the schema of `profiles/*.toml`, of user profiles and of custom backends. README.md explains it.
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Backend id; the file's name.
    pub(crate) id: String,
    /// Name for people.
    pub(crate) title: String,
    /// One line on when to choose it.
    #[serde(default)]
    pub(crate) best_for: String,
    /// The provider's documentation.
    #[serde(default)]
    pub(crate) docs: Option<String>,
    /// Where the routes start that name no other place; no slash at the end.
    pub(crate) base_url: String,
    /// Config or secret → variables that may hold it, the first one first.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, Vec<String>>,
    /// Headers of every request, unless the config or the client sets them. `{session}` is the conversation's hash.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Taken off the front of a model's name.
    #[serde(default)]
    pub(crate) strip_prefixes: Vec<String>,
    /// Model's name → name on the wire.
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) models: Models,
    /// Ways to ask, the best first: into the first one the host translates.
    pub(crate) routes: Vec<Route>,
    /// Other places of the same service: region → dialect → base URL.
    #[serde(default)]
    pub(crate) regions: BTreeMap<String, BTreeMap<String, String>>,
    /// Error answers that need a word.
    #[serde(default)]
    pub(crate) errors: Vec<ErrorRule>,
    /// How an error looks inside an answer with status 200; for the host.
    #[serde(default)]
    pub(crate) error_in_200: Value,
    /// How the host translates for it; for the host.
    #[serde(default)]
    pub(crate) translate: Map<String, Value>,
    /// Does it take the header by which LIP notices that it calls itself? For the host.
    #[serde(default)]
    pub(crate) loop_guard: Option<bool>,
    /// HTTP/2 is not to be used; for the host.
    #[serde(default)]
    pub(crate) http1_only: bool,
    /// What a user should read before using it.
    #[serde(default)]
    pub(crate) disclaimers: Vec<String>,
}

/// Where model names come from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Models {
    /// Path of the live list behind the first route's base; none: there is no such list.
    pub(crate) live: Option<String>,
    /// Known without asking.
    pub(crate) known: Vec<Known>,
}

/// A model that is known without asking, or a pattern with one `*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Known {
    Name(String),
    Hint {
        id: String,
        /// The routes that take it, if not all.
        #[serde(default)]
        dialects: Vec<String>,
        #[serde(default)]
        context_tokens: Option<u64>,
        #[serde(default)]
        output_tokens: Option<u64>,
    },
}

impl Known {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Name(id) | Self::Hint { id, .. } => id,
        }
    }
}

/// One dialect that the provider speaks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) dialect: String,
    /// Instead of the profile's.
    #[serde(default)]
    pub(crate) base_url: Option<String>,
    /// Instead of the dialect's usual path; `gemini` takes none.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// `bearer`, `none`, or the name of the header that holds the bare key.
    #[serde(default = "bearer")]
    pub(crate) auth: String,
    #[serde(default)]
    pub(crate) quirks: Quirks,
}

fn bearer() -> String {
    "bearer".to_owned()
}

/// What differs from the dialect: the closed list, applied in this order. All bytes that no quirk names stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Quirks {
    /// Field → its name here; dropped where that name is taken.
    pub(crate) rename: BTreeMap<String, String>,
    /// The only fields that leave; empty: all.
    pub(crate) allow: Vec<String>,
    /// Fields that do not leave.
    pub(crate) drop: Vec<String>,
    /// `reasoning_effort` by model: the first rule that fits.
    pub(crate) effort: Vec<EffortRule>,
    /// Number → its bounds.
    pub(crate) clamp: BTreeMap<String, Bounds>,
    /// Values of `tool_choice` that are understood: `none` that is not takes the tools away, everything else becomes `auto`.
    pub(crate) tool_choice: Vec<String>,
    /// Types of `response_format` that are understood: `json_schema` that is not becomes `json_object`.
    pub(crate) response_format: Vec<String>,
    pub(crate) messages: MessageQuirks,
    /// Fields that are added where they are absent.
    pub(crate) default: Map<String, Value>,
    /// The same, only for streamed requests with tools.
    pub(crate) default_streamed_tools: Map<String, Value>,
}

/// How the effort of reasoning is asked for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EffortRule {
    /// Names or patterns with one `*`.
    pub(crate) models: Vec<String>,
    /// Effort → effort that is sent; others are sent as they are.
    pub(crate) send: BTreeMap<String, String>,
    /// `reasoning_effort` itself is not sent.
    pub(crate) omit: bool,
    /// Fields beside an effort, where they are absent.
    pub(crate) with: Map<String, Value>,
    /// Fields instead of the effort `none`, where they are absent.
    pub(crate) none: Option<Map<String, Value>>,
}

/// Bounds of a number, both inclusive.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// What differs in `messages`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MessageQuirks {
    /// Role → role.
    pub(crate) roles: BTreeMap<String, String>,
    /// Field of a message → its name here; dropped where that name is taken.
    pub(crate) rename: BTreeMap<String, String>,
    /// Fields of a message that do not leave.
    pub(crate) drop: Vec<String>,
    /// Fields that an assistant's message with tool calls gets where they are absent.
    pub(crate) call_default: Map<String, Value>,
    /// Lists of nothing but texts become one text.
    pub(crate) flatten_text: bool,
}

/// An error answer that says less than we know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorRule {
    pub(crate) status: u16,
    /// A part of the body.
    pub(crate) contains: String,
    /// The status that tells the truth, if it is another one.
    #[serde(default)]
    pub(crate) means: Option<u16>,
    /// The next step for the reader.
    #[serde(default)]
    pub(crate) hint: Option<String>,
}

/// The dialects that a route may speak, and their usual paths.
pub(crate) const PATHS: [(&str, &str); 4] = [
    ("openai-chat", "/chat/completions"),
    ("openai-responses", "/responses"),
    ("anthropic-messages", "/messages"),
    ("gemini", "/v1beta"),
];

impl Profile {
    /// Says what is wrong with it and where, beyond what the types say.
    ///
    /// # Errors
    /// A sentence that begins with the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        let wrong = |key: &str, what: &str| Err(format!("{key}: {what}"));
        let bases = self.routes.iter().filter_map(|route| route.base_url.as_ref());
        let bases = bases.chain(self.regions.values().flat_map(BTreeMap::values));
        for url in bases.chain([&self.base_url]) {
            if !is_url(url) || url.ends_with('/') {
                return wrong("base_url", "write a URL with https:// or http:// and no slash at its end");
            }
        }
        if self.routes.is_empty() {
            return wrong("routes", "name at least one");
        }
        for route in &self.routes {
            if !PATHS.iter().any(|(dialect, _)| *dialect == route.dialect) {
                return wrong(
                    "routes.dialect",
                    "one of openai-chat, openai-responses, anthropic-messages, gemini",
                );
            }
            if route.path.as_ref().is_some_and(|path| !path.starts_with('/') || route.dialect == "gemini") {
                return wrong("routes.path", "begin with a slash; a route in gemini has none");
            }
            if !is_header(&route.auth) {
                return wrong("routes.auth", "bearer, none or the name of a header");
            }
        }
        let dialects = self.regions.values().flat_map(BTreeMap::keys);
        if !{ dialects }.all(|dialect| self.routes.iter().any(|route| route.dialect == *dialect)) {
            return wrong("regions", "name dialects of routes only");
        }
        let good = |(name, value): (&String, &String)| {
            is_header(name) && !value.is_empty() && value.bytes().all(|b| (b' '..0x7f).contains(&b))
        };
        if !self.headers.iter().all(good) {
            return wrong("headers", "lower-case names and values of printable ASCII characters");
        }
        if self.errors.iter().any(|rule| !(400..600).contains(&rule.means.unwrap_or(rule.status))) {
            return wrong("errors", "a status is 400 to 599");
        }
        Ok(())
    }
}

/// Can it stand in a header's place, or is it one of the words for one?
pub(crate) fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Does `pattern`, with at most one `*`, fit `name`?
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
    }
}
