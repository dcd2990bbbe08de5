//! Where Code Assist and Google's identity server are, and as whom they are asked.
use lip_plugin::{Create, Error, HttpRequest, Result, Value, json};
use std::fmt;

/// The program for which Google has given out the client id: what it may use, and how it words its envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Gemini CLI and the plugins of editors.
    GeminiCli,
    /// Antigravity, an editor and its CLI.
    Antigravity,
}

/// What the daily host of Antigravity falls back to.
const PRODUCTION: &str = "https://cloudcode-pa.googleapis.com";
const DAILY: &str = "https://daily-cloudcode-pa.googleapis.com";
/// The longest pause between two questions about an onboarding: 10 minutes.
const POLL_MS_MAX: f64 = 600_000.0;

impl Client {
    const fn base(self) -> &'static str {
        match self {
            Self::GeminiCli => PRODUCTION,
            Self::Antigravity => DAILY,
        }
    }

    /// Public, as those of all installed applications.
    const fn id(self) -> &'static str {
        match self {
            Self::GeminiCli => "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
            Self::Antigravity => "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
        }
    }

    /// What a login asks for.
    pub(crate) const fn scopes(self) -> &'static str {
        match self {
            Self::GeminiCli => {
                "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email \
                 https://www.googleapis.com/auth/userinfo.profile"
            }
            Self::Antigravity => {
                "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email \
                 https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/cclog \
                 https://www.googleapis.com/auth/experimentsandconfigs"
            }
        }
    }

    /// How the browser is sent back: the host's name in the address, the path, and the ports to try.
    pub(crate) const fn callback(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::GeminiCli => ("127.0.0.1", "/oauth2callback", 0),
            Self::Antigravity => ("localhost", "/oauth-callback", 0),
        }
    }

    /// `metadata` of a request about projects.
    pub(crate) fn metadata(self, project: Option<&str>) -> Value {
        match (self, project) {
            (Self::Antigravity, _) => json!({"ideType": "ANTIGRAVITY"}),
            (Self::GeminiCli, None) => {
                json!({"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"})
            }
            (Self::GeminiCli, Some(project)) => json!({
                "ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI", "duetProject": project,
            }),
        }
    }
}

/// A text that no debug print shows.
#[derive(Clone, Default)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The service as a backend's config has it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Whose client id is used.
    pub client: Client,
    /// The instance's name, for hints.
    pub instance: String,
    /// Hosts, the best first; at least one. Without a trailing slash.
    pub(crate) bases: Vec<String>,
    version: String,
    pub(crate) auth_url: String,
    pub(crate) token_url: String,
    pub(crate) userinfo_url: String,
    pub(crate) client_id: String,
    /// Empty: the host may know it by a variable.
    pub(crate) client_secret: Hidden,
    pub(crate) callback_port: Option<u16>,
    headers: Vec<(String, String)>,
    /// Milliseconds between two questions about an onboarding.
    pub(crate) poll_ms: u64,
    /// Credits that may be used when the quota is used up, such as `GOOGLE_ONE_AI`.
    pub(crate) credits: Vec<String>,
}

impl Service {
    /// Reads what all connectors of Code Assist have in common: `base_url`, `fallback_base_url`, `api_version`, `auth_url`, `token_url`,
    /// `userinfo_url`, `client_id`, `client_secret`, `callback_port`, `user_agent`, `headers`, `operation_poll_ms`, `enabled_credit_types`.
    ///
    /// # Errors
    /// `bad_config` with the key and the remedy.
    pub fn read(with: &Create<'_>, client: Client) -> Result<Self> {
        let base = with.base_url(client.base())?;
        let fallback = match (url(with, "fallback_base_url")?, client) {
            (Some(url), _) => Some(url),
            (None, Client::Antigravity) if base == DAILY => Some(PRODUCTION.to_owned()),
            (None, _) => None,
        };
        let or = |key: &str, default: &str| -> Result<String> {
            Ok(url(with, key)?.unwrap_or_else(|| default.to_owned()))
        };
        let mut headers = with.headers()?;
        if let Some(agent) = with.header_value("user_agent")? {
            headers.retain(|(name, _)| name != "user-agent");
            headers.push(("user-agent".to_owned(), agent));
        }
        let port = with.number("callback_port", f64::from(u16::MAX))?;
        let version = with.string("api_version")?.unwrap_or_else(|| "v1internal".to_owned());
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if version.is_empty() || !version.bytes().all(is_word) {
            return Err(Error::bad_config("api_version", "write a version such as v1internal"));
        }
        Ok(Self {
            client,
            instance: with.instance.to_owned(),
            bases: std::iter::once(encrypted("base_url", base)?).chain(fallback).collect(),
            version,
            auth_url: or("auth_url", "https://accounts.google.com/o/oauth2/v2/auth")?,
            token_url: or("token_url", "https://oauth2.googleapis.com/token")?,
            userinfo_url: or("userinfo_url", "https://www.googleapis.com/oauth2/v2/userinfo")?,
            client_id: with
                .string("client_id")?
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| client.id().to_owned()),
            client_secret: Hidden(with.string("client_secret")?.unwrap_or_default()),
            callback_port: port.map(|port| port as u16),
            headers,
            poll_ms: with.number("operation_poll_ms", POLL_MS_MAX)?.map_or(5_000, |ms| ms as u64),
            credits: with.strings("enabled_credit_types")?,
        })
    }

    /// Sets the header `name` of every request, unless the config has done so.
    pub fn default_header(&mut self, name: &str, value: &str) {
        if !self.headers.iter().any(|(own, _)| own == name) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// A call of `method` at the host number `at`, the last one where there are fewer.
    pub fn post(&self, at: usize, method: &str) -> HttpRequest {
        let url = format!("{}/{}:{method}", self.base(at), self.version);
        HttpRequest::post(url).headers(self.headers.iter().cloned())
    }

    /// A question about a long operation.
    pub(crate) fn operation(&self, name: &str) -> HttpRequest {
        let url = format!("{}/{}/{name}", self.base(0), self.version);
        HttpRequest::get(url).headers(self.headers.iter().cloned())
    }

    pub(crate) fn userinfo(&self) -> HttpRequest {
        HttpRequest::get(&*self.userinfo_url).headers(self.headers.iter().cloned())
    }

    fn base(&self, at: usize) -> &str {
        self.bases.get(at).or(self.bases.last()).map_or("", String::as_str)
    }
}

/// A URL of the config without a trailing slash.
fn url(with: &Create<'_>, key: &str) -> Result<Option<String>> {
    with.string(key)?
        .filter(|url| !url.is_empty())
        .map(|url| encrypted(key, url.trim_end_matches('/').to_owned()))
        .transpose()
}

/// Tokens travel in the clear within this machine only.
fn encrypted(key: &str, url: String) -> Result<String> {
    let plain = url.strip_prefix("http://");
    let host = plain.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let is_here = |host: &str| {
        let name = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or(host, |(name, _)| name);
        ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    };
    if url.starts_with("https://") || host.is_some_and(is_here) {
        return Ok(url);
    }
    Err(Error::bad_config(key, "write a URL that begins with https://; http:// is for this machine only"))
}
