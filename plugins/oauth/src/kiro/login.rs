//! Logins: AWS's device flow with a client of its own, the device flow of Kiro's service, a key of the portal.
//! Source: AWS, "IAM Identity Center OIDC API reference" (RegisterClient, StartDeviceAuthorization, CreateToken).
use super::Kiro;
use super::identity::{Kind, key};
use super::place::is_region;
use super::renew::{take, told};
use lip_plugin::login::{self, DEVICE_GRANT, Pace, Show};
use lip_plugin::{Account, Ctx, Error, Login, Result, Value, json};

pub(crate) const DEVICE: &str = "device";
pub(crate) const SOCIAL: &str = "social";
pub(crate) const API_KEY: &str = "api-key";

/// The start page of AWS Builder ID.
pub(crate) const BUILDER_ID: &str = "https://view.awsapps.com/start";
const SCOPES: [&str; 3] =
    ["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"];
/// Kiro's service knows its clients by name.
const SOCIAL_CLIENT: &str = "kiro-cli";
/// What a social token lives where nobody says: 8 hours.
const SOCIAL_LIFE_S: u64 = 8 * 3600;

/// A registered client.
struct Client {
    id: String,
    secret: String,
    ends_s: u64,
}

impl Kiro {
    pub(crate) async fn log_in(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        match login.method.as_str() {
            DEVICE | "" => self.log_in_device(cx, login).await,
            SOCIAL => self.log_in_social(cx, login).await,
            API_KEY => self.log_in_key(cx, login).await,
            other => Err(Error::unsupported(format!(
                "there is no login \"{other}\" here: use {DEVICE}, {SOCIAL} or {API_KEY}"
            ))),
        }
    }

    async fn log_in_device(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        let start_url = login.option("start_url").or(self.start_url.as_deref()).unwrap_or(BUILDER_ID);
        if !start_url.starts_with("https://") {
            return Err(Error::bad_request(
                "start_url is a page of your organisation: write https://…/start",
            ));
        }
        let region = login.option("region").unwrap_or_default();
        if !region.is_empty() && !is_region(region) {
            return Err(Error::bad_request("region is the name of an AWS region, such as us-east-1"));
        }
        let region = self.hosts.region(region);
        let oidc = self.hosts.oidc(&region);
        let client = self.register(cx, &oidc, start_url).await?;
        let asked = json!({"clientId": client.id, "clientSecret": client.secret, "startUrl": start_url});
        let url = format!("{oidc}/device_authorization");
        let device = succeeded(login::answer(cx, self.post(url, &asked)).await?)?;
        self.show(cx, &device, "expiresIn", 1000).await?;
        let asked = json!({
            "clientId": client.id, "clientSecret": client.secret, "grantType": DEVICE_GRANT, "deviceCode": text(&device, "deviceCode")?,
        });
        let pace = self.pace(&device, ("interval", "expiresIn"), 1000);
        let ask = || async { login::answer(cx, self.post(format!("{oidc}/token"), &asked)).await };
        let token = login::poll_device(cx, pace, ask).await?;
        let kind = if start_url == BUILDER_ID { Kind::BuilderId } else { Kind::Idc };
        let mut account = Account { scope: SCOPES.join(" "), ..Account::default() };
        account.label =
            if kind == Kind::BuilderId { "AWS Builder ID".to_owned() } else { start_url.to_owned() };
        account.set(key::KIND, kind.word());
        account.set(key::REGION, region);
        account.set(key::START_URL, start_url);
        account.set(key::CLIENT_ID, client.id);
        account.set(key::CLIENT_SECRET, client.secret);
        account.fields.insert(key::CLIENT_ENDS.to_owned(), client.ends_s.into());
        take(&mut account, &token, None)?;
        self.find_profile(cx, &mut account).await;
        Ok(account)
    }

    async fn register(&self, cx: &Ctx, oidc: &str, start_url: &str) -> Result<Client> {
        let body = json!({
            "clientName": "llm-interactive-proxy", "clientType": "public", "scopes": SCOPES,
            "grantTypes": [DEVICE_GRANT, "refresh_token"], "issuerUrl": start_url,
        });
        let url = format!("{oidc}/client/register");
        let json = succeeded(login::answer(cx, self.post(url, &body)).await?)?;
        Ok(Client {
            id: text(&json, "clientId")?.to_owned(),
            secret: text(&json, "clientSecret")?.to_owned(),
            ends_s: json.get("clientSecretExpiresAt").and_then(Value::as_u64).unwrap_or_default(),
        })
    }

    async fn log_in_social(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        let provider = match login.option("provider").unwrap_or("google").to_ascii_lowercase().as_str() {
            "google" => "Google",
            "github" => "Github",
            _ => return Err(Error::bad_request("provider is google or github")),
        };
        let social = self.hosts.social();
        let asked = json!({"clientId": SOCIAL_CLIENT, "loginProvider": provider});
        let url = format!("{social}/oauth/device/authorization");
        let device = succeeded(login::answer(cx, self.post(url, &asked)).await?)?;
        self.show(cx, &device, "expiresInMilliseconds", 1).await?;
        let asked = json!({"clientId": SOCIAL_CLIENT, "deviceCode": text(&device, "deviceCode")?});
        let pace = self.pace(&device, ("intervalInMilliseconds", "expiresInMilliseconds"), 1);
        let ask = || async {
            let url = format!("{social}/oauth/device/poll");
            login::answer(cx, self.post(url, &asked)).await.map(|(status, json)| (status, as_rfc(json)))
        };
        let token = login::poll_device(cx, pace, ask).await?;
        let label = token.get("identityProvider").and_then(Value::as_str).unwrap_or(provider).to_owned();
        let mut account = Account { label, ..Account::default() };
        account.set(key::KIND, Kind::Social.word());
        take(&mut account, &token, Some(SOCIAL_LIFE_S))?;
        Ok(account)
    }

    async fn log_in_key(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        let key = match login.option("api_key") {
            Some(key) => key.to_owned(),
            None => cx.secret("api_key").await.unwrap_or_default(),
        };
        if key.trim().is_empty() {
            let error = Error::bad_config("api_key", "there is no key to log in with");
            return Err(error.hint("Set the variable KIRO_API_KEY to a key of Kiro's portal for this login"));
        }
        let mut account = Account {
            label: "API key".to_owned(),
            access_token: key.trim().to_owned(),
            token_type: "Bearer".to_owned(),
            ..Account::default()
        };
        account.set(key::KIND, Kind::ApiKey.word());
        Ok(account)
    }

    async fn show(&self, cx: &Ctx, device: &Value, expires: &str, ms: u64) -> Result<()> {
        let url = device.get("verificationUriComplete").and_then(Value::as_str);
        let url = match url.filter(|url| !url.is_empty()) {
            Some(url) => url.to_owned(),
            None => text(device, "verificationUri")?.to_owned(),
        };
        let code = device.get("userCode").and_then(Value::as_str).map(str::to_owned);
        let expires_in_ms = device.get(expires).and_then(Value::as_u64).map(|n| n.saturating_mul(ms));
        cx.show(&Show { url, code, expires_in_ms }).await
    }

    fn pace(&self, device: &Value, (interval, expires): (&str, &str), ms: u64) -> Pace {
        let told = |key: &str| device.get(key).and_then(Value::as_u64).map(|n| n.saturating_mul(ms));
        let usual = Pace::default();
        Pace {
            interval_ms: self.poll_ms.or(told(interval)).unwrap_or(usual.interval_ms),
            slower_ms: self.poll_ms.unwrap_or(usual.slower_ms),
            expires_in_ms: told(expires).unwrap_or(usual.expires_in_ms),
        }
    }
}

/// Kiro's service says `status` where RFC 8628 says `error`.
fn as_rfc(mut json: Value) -> Value {
    let is_done = json.get("accessToken").and_then(Value::as_str).is_some_and(|token| !token.is_empty());
    let status = json.get("status").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let error = match status.as_str() {
        _ if is_done => return json,
        "authorization_pending" | "pending" => "authorization_pending",
        "slow_down" => "slow_down",
        "expired" | "expired_token" => "expired_token",
        "denied" | "access_denied" => "access_denied",
        _ => return json,
    };
    if let Value::Object(object) = &mut json {
        object.insert("error".to_owned(), error.into());
    }
    json
}

fn succeeded((status, json): (u16, Value)) -> Result<Value> {
    if (200..300).contains(&status) && json.get("error").is_none() {
        return Ok(json);
    }
    let status = if status < 400 { 502 } else { status };
    Err(Error::upstream(status, format!("the identity server refuses the login: {}", told(&json))))
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str> {
    let found = json.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.ok_or_else(|| Error::new("bad_json", format!("the identity server's answer holds no {key}")))
}
