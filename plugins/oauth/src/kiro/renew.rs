//! New tokens for old ones: by AWS's identities, by Kiro's own service, by an organisation's identity provider.
use super::Kiro;
use super::identity::{Kind, key};
use super::profile;
use lip_plugin::{Account, Ctx, Error, HttpRequest, Result, Value, json, login};

/// What servers call a token, or its client, that is over for good. Source: AWS, "IAM Identity Center OIDC API reference", CreateToken errors.
const DEAD: [&str; 9] = [
    "invalid_grant",
    "invalid_client",
    "unauthorized_client",
    "InvalidGrantException",
    "InvalidClientException",
    "InvalidTokenException",
    "ExpiredTokenException",
    "ExpiredClientException",
    "UnauthorizedClientException",
];
/// And in words.
const DEAD_WORDS: [&str; 4] =
    ["invalid refresh token", "invalid grant", "client is expired", "bad credentials"];

/// A social token whose life is not told lives so long: an hour.
const LIFE_S: u64 = 3600;

impl Kiro {
    pub(crate) async fn renew(&self, cx: &Ctx, account: Account) -> Result<Account> {
        match Kind::of_account(&account) {
            Kind::ApiKey => Err(Error::auth("Kiro does not take the API key")
                .hint("Make a new key in Kiro's portal and log in with it: lip login kiro-oauth-auto")),
            _ if account.refresh_token.is_empty() => {
                Err(Error::auth("the account has no token to renew it with"))
            }
            Kind::Social => self.renew_social(cx, account).await,
            Kind::External => self.renew_external(cx, account).await,
            Kind::BuilderId | Kind::Idc => self.renew_oidc(cx, account).await,
        }
    }

    async fn renew_oidc(&self, cx: &Ctx, mut account: Account) -> Result<Account> {
        let ends = account.fields.get(key::CLIENT_ENDS).and_then(Value::as_u64).filter(|ends| *ends > 0);
        if ends.is_some_and(|ends| ends.saturating_mul(1000) <= cx.now_unix_ms()) {
            return Err(Error::auth("the registration that the account was logged in with is over"));
        }
        let (id, secret) = self.client(cx, &account).await?;
        let body = json!({
            "clientId": id, "clientSecret": secret, "grantType": "refresh_token", "refreshToken": account.refresh_token,
        });
        let region = self.hosts.region(account.field(key::REGION));
        let url = format!("{}/token", self.hosts.oidc(&region));
        let json = granted(login::answer(cx, self.post(url, &body)).await?)?;
        take(&mut account, &json, None)?;
        self.find_profile(cx, &mut account).await;
        Ok(account)
    }

    /// The client that the account's token belongs to.
    async fn client(&self, cx: &Ctx, account: &Account) -> Result<(String, String)> {
        let (id, secret) = (account.field(key::CLIENT_ID), account.field(key::CLIENT_SECRET));
        if !id.is_empty() && !secret.is_empty() {
            return Ok((id.to_owned(), secret.to_owned()));
        }
        let id = if id.is_empty() { self.client_id.as_deref().unwrap_or_default() } else { id };
        let secret = match &self.client_secret {
            Some(secret) => secret.clone(),
            None => cx.secret("client_secret").await.unwrap_or_default(),
        };
        if id.is_empty() || secret.is_empty() {
            let remedy = "the file of Kiro's IDE does not say which client its token belongs to: let the IDE renew it, log in with \
                lip login kiro-oauth-auto, or set client_id and client_secret to those of ~/.aws/sso/cache/<clientIdHash>.json";
            return Err(Error::bad_config("client_id", remedy));
        }
        Ok((id.to_owned(), secret))
    }

    async fn renew_social(&self, cx: &Ctx, mut account: Account) -> Result<Account> {
        let url = format!("{}/refreshToken", self.hosts.social());
        let body = json!({"refreshToken": account.refresh_token});
        let (status, json) = login::answer(cx, self.post(url, &body)).await?;
        if matches!(status, 401 | 403) {
            return Err(over(&json));
        }
        take(&mut account, &granted((status, json))?, Some(LIFE_S))?;
        Ok(account)
    }

    async fn renew_external(&self, cx: &Ctx, mut account: Account) -> Result<Account> {
        let url = match &self.hosts.external_token {
            Some(url) => url.clone(),
            None => token_url(account.field(key::TOKEN_URL), account.field(key::ISSUER))?,
        };
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", account.field(key::CLIENT_ID)),
            ("refresh_token", &account.refresh_token),
            ("scope", &account.scope),
        ];
        let form: Vec<_> = form.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let request = self.named(HttpRequest::post(url)).form(&form);
        let json = granted(login::answer(cx, request).await?)?;
        take(&mut account, &json, None)?;
        self.find_profile(cx, &mut account).await;
        Ok(account)
    }

    /// Looks for an organisation's profile once; turns look for it as well, so that a failure costs nothing.
    pub(crate) async fn find_profile(&self, cx: &Ctx, account: &mut Account) {
        if !self.profiles.may_ask(&account.fields) {
            return;
        }
        let (token, kind) = (account.access_token.clone(), Kind::of_account(account));
        let signed = |request: HttpRequest| {
            profile::typed(request.header("authorization", format!("Bearer {token}")), kind)
        };
        let region = self.hosts.region(account.field(key::REGION));
        match profile::discover(cx, &self.hosts, &region, signed).await {
            Ok(Some(arn)) => account.set(key::PROFILE, arn),
            Ok(None) => {
                account.fields.insert(key::NO_PROFILE.to_owned(), true.into());
            }
            Err(_) => {}
        }
    }

    /// A request with a JSON body.
    pub(crate) fn post(&self, url: String, body: &Value) -> HttpRequest {
        self.named(HttpRequest::post(url)).json(body.to_string())
    }
}

/// The body of a success.
fn granted((status, json): (u16, Value)) -> Result<Value> {
    if (200..300).contains(&status) && json.get("error").is_none() {
        return Ok(json);
    }
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default();
    let named = [text("error"), text("__type").rsplit('#').next().unwrap_or_default(), text("reason")];
    let words = format!("{} {}", text("message"), text("error_description")).to_ascii_lowercase();
    if named.iter().any(|word| DEAD.contains(word)) || DEAD_WORDS.iter().any(|dead| words.contains(dead)) {
        return Err(over(&json));
    }
    let status = if status < 400 { 502 } else { status };
    Err(Error::upstream(status, format!("the identity server does not renew the token: {}", told(&json))))
}

fn over(json: &Value) -> Error {
    Error::auth(format!("the identity server does not renew the token any more: {}", told(json)))
}

/// A server's words. Bodies of errors hold no token.
pub(crate) fn told(json: &Value) -> String {
    let places = ["error_description", "message", "error", "__type"];
    let said = places.iter().filter_map(|key| json.get(key)?.as_str()).find(|text| !text.is_empty());
    said.unwrap_or("it gives no reason").chars().take(200).collect()
}

/// Takes over what came, in either spelling. What did not come stays: the old refresh token, the profile.
pub(crate) fn take(account: &mut Account, json: &Value, life_s: Option<u64>) -> Result<()> {
    let text = |names: [&str; 2]| {
        names.iter().find_map(|name| json.get(name)?.as_str()).filter(|text| !text.is_empty())
    };
    let Some(token) = text(["accessToken", "access_token"]) else {
        return Err(Error::new("bad_json", "the identity server's answer holds no access token"));
    };
    account.access_token = token.to_owned();
    account.token_type = "Bearer".to_owned();
    if let Some(token) = text(["refreshToken", "refresh_token"]) {
        account.refresh_token = token.to_owned();
    }
    account.set(key::PROFILE, text(["profileArn", "profile_arn"]).unwrap_or_default());
    let seconds = json.get("expiresIn").or_else(|| json.get("expires_in")).and_then(Value::as_u64);
    account.expires_in_ms = seconds.or(life_s).map(|seconds| seconds.saturating_mul(1000));
    if account.expires_in_ms.is_some() {
        account.expires_at_ms = None;
    }
    Ok(())
}

/// The file's token endpoint, if it is the issuer's: the refresh token goes nowhere else.
fn token_url(url: &str, issuer: &str) -> Result<String> {
    let host = |url: &str| {
        let rest = url.strip_prefix("https://")?;
        rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty()).map(str::to_ascii_lowercase)
    };
    match (host(url), host(issuer)) {
        (Some(own), Some(issuer)) if own == issuer => Ok(url.to_owned()),
        _ => Err(Error::bad_config(
            "external_token_url",
            "the account does not name a token endpoint of its issuer: set the one of your organisation",
        )),
    }
}
