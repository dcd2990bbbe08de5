//! Where requests go: hosts by region, and the forms that each of them takes. All hosts can be replaced by the config.
use super::identity::{key, region_of};
use lip_plugin::{Create, Error, Result, Value};
use serde_json::Map;

/// The region of whatever is not known to be elsewhere.
const HOME: &str = "us-east-1";
/// Regions that turns can go to.
const API_REGIONS: [&str; 3] = [HOME, "eu-central-1", "us-gov-west-1"];

/// Where a turn goes, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The runtime's own operation: Kiro's IDE since 1.0.138, its CLI since V3.
    Runtime,
    /// The same host by a path.
    RuntimeRest,
    /// The same host by the operation of older CLIs.
    RuntimeCw,
    /// The host of before.
    Q,
    /// CodeWhisperer's host and operation.
    CodeWhisperer,
    /// The host of before, by the operation of Amazon Q.
    AmazonQ,
}

/// What a form consists of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) path: &'static str,
    pub(crate) target: Option<&'static str>,
    pub(crate) content_type: &'static str,
}

const JSON: &str = "application/json";
const AMZ_JSON: &str = "application/x-amz-json-1.0";
const CW_TARGET: &str = "AmazonCodeWhispererStreamingService.GenerateAssistantResponse";

impl Endpoint {
    const ALL: [(&'static str, Self); 6] = [
        ("runtime", Self::Runtime),
        ("runtime-rest", Self::RuntimeRest),
        ("runtime-cw", Self::RuntimeCw),
        ("q", Self::Q),
        ("codewhisperer", Self::CodeWhisperer),
        ("amazonq", Self::AmazonQ),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }

    /// Is it the host that wants a profile?
    pub(crate) const fn is_runtime(self) -> bool {
        matches!(self, Self::Runtime | Self::RuntimeRest | Self::RuntimeCw)
    }

    /// Does it know fields that are newer than Amazon Q?
    pub(crate) const fn takes_model_fields(self) -> bool {
        !matches!(self, Self::CodeWhisperer | Self::AmazonQ)
    }

    pub(crate) const fn form(self) -> Form {
        let (path, target, content_type) = match self {
            Self::Runtime => ("/", Some("KiroRuntimeService.GenerateAssistantResponse"), AMZ_JSON),
            Self::RuntimeCw => ("/", Some(CW_TARGET), AMZ_JSON),
            Self::RuntimeRest | Self::Q => ("/generateAssistantResponse", None, JSON),
            Self::CodeWhisperer => ("/generateAssistantResponse", Some(CW_TARGET), JSON),
            Self::AmazonQ => {
                ("/generateAssistantResponse", Some("AmazonQDeveloperStreamingService.SendMessage"), JSON)
            }
        };
        Form { path, target, content_type }
    }

    /// The config's endpoints, in its order.
    pub(crate) fn read(with: &Create<'_>) -> Result<Vec<Self>> {
        let find = |name: &str| Self::ALL.iter().find(|(own, _)| *own == name).map(|(_, endpoint)| *endpoint);
        let names = with.strings("endpoints")?;
        if !names.is_empty() {
            let wrong = || Error::bad_config("endpoints", format!("write names among {}", known()));
            return names.iter().map(|name| find(name).ok_or_else(wrong)).collect();
        }
        match with.string("preferred_endpoint")?.as_deref() {
            None | Some("") => Ok(vec![Self::Runtime, Self::RuntimeRest, Self::Q]),
            Some("codewhisperer") => Ok(vec![Self::CodeWhisperer, Self::AmazonQ]),
            Some("amazonq") => Ok(vec![Self::AmazonQ, Self::CodeWhisperer]),
            Some(_) => Err(Error::bad_config("preferred_endpoint", "write codewhisperer or amazonq")),
        }
    }
}

fn known() -> String {
    Endpoint::ALL.map(|(name, _)| name).join(", ")
}

/// Hosts that the config replaces.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    chat: Option<String>,
    q: Option<String>,
    codewhisperer: Option<String>,
    management: Option<String>,
    oidc: Option<String>,
    social: Option<String>,
    pub(crate) external_token: Option<String>,
    region: Option<String>,
    api_region: Option<String>,
}

impl Hosts {
    pub(crate) fn read(with: &Create<'_>) -> Result<Self> {
        let chat = with.string("base_url")?.map(|_| with.base_url("")).transpose()?;
        Ok(Self {
            chat,
            q: url(with, "q_base_url")?,
            codewhisperer: url(with, "codewhisperer_base_url")?,
            management: url(with, "management_base_url")?,
            oidc: url(with, "oidc_base_url")?,
            social: url(with, "social_auth_base_url")?,
            external_token: url(with, "external_token_url")?,
            region: region(with, "region")?,
            api_region: region(with, "api_region")?,
        })
    }

    /// The region of an identity.
    pub(crate) fn region(&self, own: &str) -> String {
        let own = if is_region(own) { Some(own) } else { None };
        own.or(self.region.as_deref()).unwrap_or(HOME).to_owned()
    }

    /// The region that turns of an account go to: the config's, its profile's, its own if turns can go there.
    fn api_region<'a>(&'a self, fields: &'a Map<String, Value>, profile: Option<&'a str>) -> &'a str {
        let own = text(fields, key::REGION);
        let served = |region: &&str| API_REGIONS.contains(region);
        let told = self.api_region.as_deref().or_else(|| profile.and_then(region_of));
        told.or(Some(own).filter(served)).or(self.region.as_deref().filter(served)).unwrap_or(HOME)
    }

    /// The URL of a turn.
    pub(crate) fn chat(
        &self,
        endpoint: Endpoint,
        fields: &Map<String, Value>,
        profile: Option<&str>,
    ) -> String {
        let region = self.api_region(fields, profile);
        let (own, name) = match endpoint {
            Endpoint::Runtime | Endpoint::RuntimeRest | Endpoint::RuntimeCw => {
                (None, format!("https://runtime.{region}.kiro.dev"))
            }
            Endpoint::Q | Endpoint::AmazonQ => (self.q.as_ref(), format!("https://q.{region}.amazonaws.com")),
            Endpoint::CodeWhisperer => {
                (self.codewhisperer.as_ref(), format!("https://codewhisperer.{HOME}.amazonaws.com"))
            }
        };
        let base = own.or(self.chat.as_ref()).cloned().unwrap_or(name);
        format!("{base}{}", endpoint.form().path)
    }

    /// The base of models, profiles and limits in the region that turns go to.
    pub(crate) fn management(&self, fields: &Map<String, Value>, profile: Option<&str>) -> String {
        self.management_in(self.api_region(fields, profile))
    }

    /// The same in this region.
    pub(crate) fn management_in(&self, region: &str) -> String {
        self.management.clone().unwrap_or_else(|| format!("https://management.{region}.kiro.dev"))
    }

    /// The base of the older models and limits.
    pub(crate) fn q(&self, fields: &Map<String, Value>, profile: Option<&str>) -> String {
        let region = self.api_region(fields, profile);
        let own = self.q.as_ref().or(self.chat.as_ref());
        own.cloned().unwrap_or_else(|| format!("https://q.{region}.amazonaws.com"))
    }

    /// The base of an identity's tokens. A config may say where the region stands.
    pub(crate) fn oidc(&self, region: &str) -> String {
        let own = self.oidc.as_ref().map(|url| url.replace("{region}", region));
        own.unwrap_or_else(|| format!("https://oidc.{region}.amazonaws.com"))
    }

    /// The base of Kiro's own logins.
    pub(crate) fn social(&self) -> String {
        let region = self.region.as_deref().filter(|region| API_REGIONS.contains(region)).unwrap_or(HOME);
        self.social.clone().unwrap_or_else(|| format!("https://prod.{region}.auth.desktop.kiro.dev"))
    }

    /// The regions where an organisation's profiles may be: the identity's first.
    pub(crate) fn profile_regions(&self, own: &str) -> Vec<String> {
        let own = self.api_region.clone().unwrap_or_else(|| own.to_owned());
        let mut all: Vec<String> =
            API_REGIONS.iter().take(2).filter(|region| **region != own).map(|r| (*r).to_owned()).collect();
        if API_REGIONS.contains(&own.as_str()) {
            all.insert(0, own);
        }
        if self.management.is_some() {
            all.truncate(1);
        }
        all
    }
}

/// A text among the fields of an account; empty when there is none.
pub(crate) fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a str {
    fields.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A URL of the config: over TLS, unless it is on this machine.
fn url(with: &Create<'_>, key: &str) -> Result<Option<String>> {
    let Some(url) = with.string(key)?.filter(|url| !url.is_empty()) else { return Ok(None) };
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = local.iter().any(|start| {
        url.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    if !url.starts_with("https://") && !is_local {
        return Err(Error::bad_config(key, "write a URL that begins with https://"));
    }
    Ok(Some(url.trim_end_matches('/').to_owned()))
}

fn region(with: &Create<'_>, key: &str) -> Result<Option<String>> {
    let Some(region) = with.string(key)?.filter(|region| !region.is_empty()) else { return Ok(None) };
    if !is_region(&region) {
        return Err(Error::bad_config(key, "write the name of an AWS region, such as us-east-1"));
    }
    Ok(Some(region))
}

/// It becomes a part of a host's name.
pub(crate) fn is_region(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= 32 && !text.starts_with('-') && text.bytes().all(fits)
}
