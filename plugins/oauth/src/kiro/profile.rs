//! The profile that a turn is billed to. Social accounts get theirs with the token, organisations have to ask for it, and AWS Builder IDs
//! have none: where a host wants one all the same, the config may name Kiro's own.
use super::identity::{Kind, is_profile, key};
use super::place::{Endpoint, Hosts, text};
use lip_plugin::{Create, Ctx, Error, HttpRequest, Lease, Result, Value, json, serde_json};
use serde_json::Map;

const LIST: &str = "AmazonCodeWhispererService.ListAvailableProfiles";

/// What is sent as the profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The account's own, if it has one.
    #[default]
    Own,
    /// Kiro's service profile where the account has none.
    Service,
    /// Nothing.
    Omit,
}

/// Kiro's service profiles, of AWS accounts and of Google's and GitHub's.
const SERVICE_AWS: &str = "arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX";
const SERVICE_SOCIAL: &str = "arn:aws:codewhisperer:us-east-1:699475941385:profile/EHGA3GRVQMUK";

/// Which profile is sent.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    policy: Policy,
    fixed: Option<String>,
}

impl Profiles {
    pub(crate) fn read(with: &Create<'_>) -> Result<Self> {
        let policy = match with.string("profile_arn_policy")?.as_deref() {
            None | Some("own" | "") => Policy::Own,
            Some("service") => Policy::Service,
            Some("omit") => Policy::Omit,
            Some(_) => return Err(Error::bad_config("profile_arn_policy", "write own, service or omit")),
        };
        let fixed = with.string("profile_arn")?.filter(|arn| !arn.is_empty());
        if fixed.as_deref().is_some_and(|arn| !is_profile(arn)) {
            let remedy = "write arn:aws:codewhisperer:REGION:NUMBER:profile/NAME";
            return Err(Error::bad_config("profile_arn", remedy));
        }
        Ok(Self { policy, fixed })
    }

    /// The account's own profile.
    pub(crate) fn own<'a>(&'a self, fields: &'a Map<String, Value>) -> Option<&'a str> {
        let kept = Some(text(fields, key::PROFILE)).filter(|arn| is_profile(arn));
        self.fixed.as_deref().or(kept).filter(|_| self.policy != Policy::Omit)
    }

    /// What goes along to `endpoint`. The service profile is for the runtime alone: the host of before refuses it.
    pub(crate) fn sent<'a>(&'a self, endpoint: Endpoint, fields: &'a Map<String, Value>) -> Option<&'a str> {
        if let Some(own) = self.own(fields) {
            return Some(own);
        }
        match (self.policy, Kind::of(text(fields, key::KIND))) {
            (Policy::Own | Policy::Omit, _) | (_, Kind::ApiKey) => None,
            (Policy::Service, _) if !endpoint.is_runtime() => None,
            (Policy::Service, Kind::Social) => Some(SERVICE_SOCIAL),
            (Policy::Service, Kind::BuilderId | Kind::Idc | Kind::External) => Some(SERVICE_AWS),
        }
    }

    /// May a profile be asked for?
    pub(crate) fn may_ask(&self, fields: &Map<String, Value>) -> bool {
        let is_kept = !text(fields, key::PROFILE).is_empty() || fields.contains_key(key::NO_PROFILE);
        let has_profiles = matches!(Kind::of(text(fields, key::KIND)), Kind::Idc | Kind::External);
        has_profiles && !is_kept && self.fixed.is_none() && self.policy != Policy::Omit
    }
}

/// Asks for the profile of an organisation's account, region by region: a refusal in one says nothing of the next. `None`: there is none.
/// `request` is given the token by its caller.
pub(crate) async fn discover(
    cx: &Ctx,
    hosts: &Hosts,
    region: &str,
    token: impl Fn(HttpRequest) -> HttpRequest,
) -> Result<Option<String>> {
    let mut last = None;
    for region in hosts.profile_regions(region) {
        let request = HttpRequest::post(format!("{}/", hosts.management_in(&region)))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", LIST)
            .body(json!({"maxResults": 10}).to_string());
        let mut response = cx.http(token(request)).await?;
        if response.status() == 403 {
            continue;
        }
        if response.status() >= 300 {
            last = response.success().await.err();
            continue;
        }
        let list: Value = serde_json::from_slice(&response.bytes().await?)?;
        let profiles = list.get("profiles").and_then(Value::as_array);
        let arn = |profile: &Value| profile.get("arn").and_then(Value::as_str).map(str::to_owned);
        if let Some(arn) = profiles.into_iter().flatten().filter_map(arn).find(|arn| is_profile(arn)) {
            return Ok(Some(arn));
        }
    }
    last.map_or(Ok(None), Err)
}

/// The same for an account in a turn; what is found is kept with it, and so is that there is none.
pub(crate) async fn discover_for(cx: &Ctx, hosts: &Hosts, lease: &Lease) -> Result<Option<String>> {
    let region = hosts.region(lease.field(key::REGION));
    let kind = Kind::of(lease.field(key::KIND));
    let found = discover(cx, hosts, &region, |request| typed(request.leased(lease), kind)).await?;
    let mut fields = Map::new();
    match &found {
        Some(arn) => fields.insert(key::PROFILE.to_owned(), arn.clone().into()),
        None => fields.insert(key::NO_PROFILE.to_owned(), true.into()),
    };
    // It is asked for again where it cannot be kept.
    let _ = cx.keep_with(lease, &fields).await;
    Ok(found)
}

/// Says what kind of token it is, where the service has to be told.
pub(crate) fn typed(request: HttpRequest, kind: Kind) -> HttpRequest {
    match kind.token_type() {
        Some(word) => request.header("tokentype", word),
        None => request,
    }
}
