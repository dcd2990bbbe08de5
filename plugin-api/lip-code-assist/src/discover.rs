//! Which Google Cloud project pays for an account, and its onboarding where it has none yet.
//!
//! Source: google-gemini/gemini-cli, `packages/core/src/code_assist/setup.ts`; the wire was seen of Gemini CLI 0.61.
use crate::service::{Client, Service};
use lip_plugin::{Ctx, Error, HttpRequest, HttpResponse, Lease, Refusal, Result, Value, json};
use serde::Deserialize;

/// Questions about one onboarding: at the usual pace, five minutes.
const POLLS_MAX: usize = 60;

const FREE: &str = "free-tier";
const LEGACY: &str = "legacy-tier";
const STANDARD: &str = "standard-tier";
const ENTERPRISE: &str = "enterprise-tier";

/// Which tiers an account may be brought into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiers {
    /// The one that Google proposes.
    Proposed,
    /// One that a project pays for.
    Paid,
}

/// Why there is no project.
#[derive(Debug)]
pub enum Stop {
    /// Code Assist refuses.
    Refused(Refusal),
    /// A person has to do something first.
    Person {
        /// What, in Google's words or ours.
        why: String,
        /// Where.
        url: Option<String>,
    },
    /// All else.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A tier as Code Assist describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Tier {
    id: String,
    is_default: Option<bool>,
    user_defined_cloudaicompanion_project: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Ineligible {
    tier_id: Option<String>,
    reason_code: Option<String>,
    reason_message: Option<String>,
    validation_url: Option<String>,
}

/// The answer of `loadCodeAssist`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Loaded {
    current_tier: Option<Tier>,
    allowed_tiers: Option<Vec<Tier>>,
    ineligible_tiers: Option<Vec<Ineligible>>,
    cloudaicompanion_project: Option<Value>,
}

/// What follows from it.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The account is ready, with this project.
    Ready(String),
    /// It has to be brought into this tier.
    Onboard(String),
    /// A person has to do something first.
    Person { why: String, url: Option<String> },
}

/// A project by its name, or by an object that has one.
fn project_id(value: Option<&Value>) -> Option<String> {
    let value = value?;
    let id = value.as_str().or_else(|| value.get("id")?.as_str())?;
    Some(id.to_owned()).filter(|id| !id.is_empty())
}

impl Loaded {
    fn next(&self, wish: Option<&str>, tiers: Tiers) -> Next {
        let ineligible = self.ineligible_tiers.as_deref().unwrap_or_default();
        if self.current_tier.is_some() {
            let own = project_id(self.cloudaicompanion_project.as_ref());
            return match own.or_else(|| wish.map(str::to_owned)) {
                Some(project) => Next::Ready(project),
                None => no_project(ineligible),
            };
        }
        let validation = ineligible.iter().find_map(|tier| {
            let is_asked = tier.reason_code.as_deref() == Some("VALIDATION_REQUIRED");
            is_asked.then_some(tier)?.validation_url.as_ref().map(|url| (tier, url))
        });
        if let Some((tier, url)) = validation {
            let why =
                tier.reason_message.clone().unwrap_or_else(|| "Google wants the account verified".to_owned());
            return Next::Person { why, url: Some(url.clone()) };
        }
        let allowed = self.allowed_tiers.as_deref().unwrap_or_default();
        match tiers {
            Tiers::Paid => match paid(allowed) {
                Some(tier) => Next::Onboard(tier.id.clone()),
                None => Next::Person { why: no_paid_tier(ineligible), url: None },
            },
            Tiers::Proposed => match allowed.iter().find(|tier| tier.is_default == Some(true)) {
                Some(tier) => Next::Onboard(tier.id.clone()),
                None if !ineligible.is_empty() => no_project(ineligible),
                None => Next::Onboard(LEGACY.to_owned()),
            },
        }
    }
}

/// A tier that is paid for by a project of the user's.
fn paid(allowed: &[Tier]) -> Option<&Tier> {
    let takes_project =
        |tier: &&Tier| tier.user_defined_cloudaicompanion_project == Some(true) && tier.id != FREE;
    let named = |name: &str| allowed.iter().filter(takes_project).find(|tier| tier.id == name);
    named(STANDARD).or_else(|| named(ENTERPRISE)).or_else(|| allowed.iter().find(takes_project))
}

fn said(ineligible: &[Ineligible]) -> String {
    let told = |tier: &Ineligible| tier.reason_message.clone().or_else(|| tier.reason_code.clone());
    ineligible.iter().filter_map(told).collect::<Vec<_>>().join("; ")
}

fn no_project(ineligible: &[Ineligible]) -> Next {
    let is_gone = ineligible.iter().any(|tier| {
        tier.tier_id.as_deref().unwrap_or(FREE) == FREE
            && tier.reason_code.as_deref() == Some("UNSUPPORTED_CLIENT")
    });
    let why = match (is_gone, said(ineligible)) {
        // Later turns repeat this sentence alone: it has to name the remedy.
        (true, said) => format!(
            "Google serves personal accounts no longer with this client, use the backend antigravity-oauth or an API key with the \
             backend gemini: {said}"
        ),
        (false, said) if said.is_empty() => {
            "the account has no Google Cloud project; name one in the config, or log in with one".to_owned()
        }
        (false, said) => said,
    };
    let url = ineligible.iter().find_map(|tier| tier.validation_url.clone());
    Next::Person { why, url }
}

fn no_paid_tier(ineligible: &[Ineligible]) -> String {
    let why = "the project has no paid tier of Code Assist: it needs a licence of Gemini Code Assist, and the API cloudaicompanion.googleapis.com";
    match said(ineligible) {
        said if said.is_empty() => why.to_owned(),
        said => format!("{why} ({said})"),
    }
}

/// Asks for the project of a lease.
pub(crate) struct Asker<'a> {
    pub(crate) cx: &'a Ctx,
    pub(crate) service: &'a Service,
    pub(crate) lease: &'a Lease,
    pub(crate) wish: Option<&'a str>,
    pub(crate) tiers: Tiers,
}

impl Asker<'_> {
    pub(crate) async fn project(&self) -> Result<String, Stop> {
        let loaded = self.load().await?;
        match loaded.next(self.wish, self.tiers) {
            Next::Ready(project) => Ok(project),
            Next::Person { why, url } => Err(Stop::Person { why, url }),
            Next::Onboard(tier) => self.onboard(&tier).await,
        }
    }

    async fn load(&self) -> Result<Loaded, Stop> {
        let mut body = json!({"metadata": self.service.client.metadata(self.wish)});
        if let Some(project) = self.wish {
            body["cloudaicompanionProject"] = project.into();
        }
        // The daily host of Antigravity knows no projects.
        let last = self.service.bases.len().saturating_sub(1);
        match self.ask(self.service.post(last, "loadCodeAssist").json(body.to_string())).await {
            Ok(json) => Ok(serde_json::from_value(json).map_err(|error| Stop::Failed(error.into()))?),
            // A project behind VPC service controls may not be asked about, and may well be used.
            Err(Stop::Refused(refusal)) if refusal.reason() == "SECURITY_POLICY_VIOLATED" => {
                let tier = Tier { id: STANDARD.to_owned(), ..Tier::default() };
                Ok(Loaded { current_tier: Some(tier), ..Loaded::default() })
            }
            Err(stop) => Err(stop),
        }
    }

    async fn onboard(&self, tier: &str) -> Result<String, Stop> {
        // The free tier has a project of Google's own, and refuses another one.
        let project = self.wish.filter(|_| tier != FREE);
        let body = match self.service.client {
            Client::Antigravity => {
                json!({"tier_id": tier, "metadata": {"ide_type": "ANTIGRAVITY", "ide_name": "antigravity"}})
            }
            Client::GeminiCli => {
                let mut body = json!({"tierId": tier, "metadata": self.service.client.metadata(project)});
                if let Some(project) = project {
                    body["cloudaicompanionProject"] = project.into();
                }
                body
            }
        };
        let again = || self.service.post(0, "onboardUser").json(body.to_string());
        let mut operation = self.ask(again()).await?;
        for _ in 0..POLLS_MAX {
            if operation.get("done") == Some(&json!(true)) {
                return self.done(&operation, project);
            }
            self.cx.sleep_ms(self.service.poll_ms).await?;
            let name = operation.get("name").and_then(Value::as_str).filter(|name| is_name(name));
            operation = match name.map(|name| self.service.operation(name)) {
                Some(request) => self.ask(request).await?,
                None => self.ask(again()).await?,
            };
        }
        Err(Error::new("timeout", "Code Assist has not brought the account in within the time; try again")
            .into())
    }

    fn done(&self, operation: &Value, project: Option<&str>) -> Result<String, Stop> {
        if operation.get("error").is_some_and(|error| !error.is_null()) {
            let text = json!({"error": operation["error"]}).to_string();
            return Err(Stop::Refused(Refusal::new(403, Vec::new(), text.as_bytes())));
        }
        let given = project_id(operation.pointer("/response/cloudaicompanionProject"));
        match given.or_else(|| project.map(str::to_owned)) {
            Some(project) => Ok(project),
            None => match no_project(&[]) {
                Next::Person { why, url } => Err(Stop::Person { why, url }),
                Next::Ready(_) | Next::Onboard(_) => Err(Error::upstream(502, "there is no project").into()),
            },
        }
    }

    async fn ask(&self, request: HttpRequest) -> Result<Value, Stop> {
        let mut response: HttpResponse = self.cx.http(request.leased(self.lease)).await?;
        if !(200..300).contains(&response.status()) {
            return Err(Stop::Refused(Refusal::read(response).await?));
        }
        let bytes = response.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Stop::Failed(error.into()))
    }
}

/// May it stand in a URL as it is?
fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    !name.is_empty() && !name.contains("..") && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(loaded: Value, wish: Option<&str>, tiers: Tiers) -> Next {
        serde_json::from_value::<Loaded>(loaded).expect("an answer").next(wish, tiers)
    }

    #[test]
    fn tiers_decide() {
        let ready = |id: &str| Next::Ready(id.to_owned());
        let onboard = |id: &str| Next::Onboard(id.to_owned());
        let both = json!({"allowedTiers": [{"id": "free-tier", "isDefault": true},
            {"id": "standard-tier", "userDefinedCloudaicompanionProject": true}]});
        for (loaded, wish, tiers, want) in [
            (
                json!({"currentTier": {"id": "x"}, "cloudaicompanionProject": "p"}),
                None,
                Tiers::Proposed,
                ready("p"),
            ),
            (
                json!({"currentTier": {"id": "x"}, "cloudaicompanionProject": {"id": "p"}}),
                Some("w"),
                Tiers::Paid,
                ready("p"),
            ),
            (json!({"currentTier": {"id": "x"}}), Some("w"), Tiers::Proposed, ready("w")),
            (both.clone(), None, Tiers::Proposed, onboard("free-tier")),
            (both, Some("w"), Tiers::Paid, onboard("standard-tier")),
            (json!({}), None, Tiers::Proposed, onboard("legacy-tier")),
            (
                json!({"allowedTiers": null, "ineligibleTiers": null}),
                None,
                Tiers::Proposed,
                onboard("legacy-tier"),
            ),
            (
                json!({"allowedTiers": [{"id": "enterprise-tier", "userDefinedCloudaicompanionProject": true}]}),
                Some("w"),
                Tiers::Paid,
                onboard("enterprise-tier"),
            ),
        ] {
            assert_eq!(next(loaded.clone(), wish, tiers), want, "{loaded}");
        }
    }

    #[test]
    fn persons_are_told_what_is_wrong() {
        let check = |loaded: Value, tiers, words: &str, url: Option<&str>| {
            let Next::Person { why, url: told } = next(loaded.clone(), None, tiers) else {
                panic!("{loaded}")
            };
            assert!(why.contains(words), "{why}");
            assert_eq!(told.as_deref(), url);
        };
        let tier = |code: &str| json!({"tierId": "free-tier", "reasonCode": code, "reasonMessage": "because", "validationUrl": "https://v.test"});
        let ineligible = |code: &str| json!({"ineligibleTiers": [tier(code)]});
        check(ineligible("VALIDATION_REQUIRED"), Tiers::Proposed, "because", Some("https://v.test"));
        check(ineligible("UNSUPPORTED_CLIENT"), Tiers::Proposed, "no longer", Some("https://v.test"));
        check(json!({"currentTier": {"id": "x"}}), Tiers::Proposed, "no Google Cloud project", None);
        check(
            json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]}),
            Tiers::Paid,
            "no paid tier",
            None,
        );
    }

    #[test]
    fn only_names_stand_in_urls() {
        assert!(is_name("operations/abc-1_2.x"));
        for name in ["", "operations/../x", "a?b", "a b", "a#b", "a%2e"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
