//! Cline's accounts: a device flow at WorkOS, whose tokens Cline takes, and renewing at Cline.
//!
//! Source: github.com/cline/cline (core/auth of the SDK).
use super::file::{bare, end_of};
use crate::options;
use lip_plugin::login::{self, DEVICE_GRANT, Pace, Show, poll_device};
use lip_plugin::{Account, Create, Ctx, Error, HttpRequest, Login, Result, Value, json};

const WORKOS: &str = "https://api.workos.com";
const CODE_MS: u64 = 300_000;
const INTERVAL_MS: u64 = 5_000;
const SLOWER_MS: u64 = 1_000;

/// One of Cline's services.
pub(crate) struct Place {
    pub(crate) base: &'static str,
    /// Of its login; public.
    pub(crate) client_id: &'static str,
}

impl Place {
    /// # Errors
    /// `bad_config` for a name that is none.
    pub(crate) fn named(name: Option<&str>) -> Result<Self> {
        let (base, client_id) = match name.unwrap_or("production") {
            "production" | "" => ("https://api.cline.bot", "client_01K3A541FN8TA3EPPHTD2325AR"),
            "staging" => ("https://core-api.staging.int.cline.bot", "client_01K3A5415VF6QBQBG3XYCW91G6"),
            "local" => ("http://localhost:7777", "client_01K6XQAY7JK6T5HXVSZW2S5VYK"),
            _ => return Err(Error::bad_config("environment", "write production, staging or local")),
        };
        Ok(Self { base, client_id })
    }
}

/// Where and as whom tokens are asked for.
pub(crate) struct Identity {
    base: String,
    workos: String,
    client_id: String,
    instance: String,
}

impl Identity {
    pub(crate) fn new(with: &Create<'_>, base: &str, client_id: &str) -> Result<Self> {
        Ok(Self {
            base: base.to_owned(),
            workos: options::url(with, "workos_base_url", WORKOS)?,
            client_id: with.string("workos_client_id")?.unwrap_or_else(|| client_id.to_owned()),
            instance: with.instance.to_owned(),
        })
    }

    /// `account` with a new token.
    pub(crate) async fn refresh(&self, cx: &Ctx, account: Account) -> Result<Account> {
        let again = || format!("Log in again with: lip login {}", self.instance);
        if account.refresh_token.is_empty() {
            return Err(Error::auth("the account has no refresh token").hint(again()));
        }
        let body = json!({"refreshToken": account.refresh_token, "grantType": "refresh_token"});
        let url = format!("{}/api/v1/auth/refresh", self.base);
        let (status, answer) = login::answer(cx, HttpRequest::post(url).json(body.to_string())).await?;
        if (200..300).contains(&status) {
            return accept(account, &answer);
        }
        let (code, words) = (code(&answer), words(&answer));
        let sentence = format!("Cline's identity server answered {status}: {words}");
        let text = answer.to_string().to_ascii_lowercase();
        let is_named = ["invalid_grant", "invalid_token", "unauthorized"].contains(&&*code);
        let is_said =
            ["invalid", "expired", "revoked", "unauthorized"].iter().any(|word| text.contains(word));
        if is_named || (matches!(status, 400 | 401 | 403) && is_said) {
            return Err(Error::auth(sentence).hint(again()));
        }
        Err(Error::upstream(status, sentence))
    }

    /// Leads a person through the device flow.
    pub(crate) async fn login(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        let url = format!("{}/user_management/authorize/device", self.workos);
        let request = HttpRequest::post(url).form(&[("client_id", &*self.client_id)]);
        let (status, begun) = login::answer(cx, request).await?;
        let text = |key: &str| begun.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(device_code) = text("device_code").filter(|_| (200..300).contains(&status)) else {
            return Err(Error::upstream(
                status.max(400),
                format!("the login did not begin: {}", words(&begun)),
            ));
        };
        let seconds = |key: &str| Some(begun.get(key)?.as_u64()?.saturating_mul(1000));
        let expires_in_ms = seconds("expires_in").unwrap_or(CODE_MS);
        let url = text("verification_uri_complete").or_else(|| text("verification_uri")).unwrap_or_default();
        let show = Show {
            url: url.to_owned(),
            code: text("user_code").map(str::to_owned),
            expires_in_ms: Some(expires_in_ms),
        };
        cx.show(&show).await?;
        let interval_ms = seconds("interval").unwrap_or(INTERVAL_MS);
        let pace = Pace { interval_ms, slower_ms: SLOWER_MS, expires_in_ms };
        let ask = || {
            let url = format!("{}/user_management/authenticate", self.workos);
            let request = HttpRequest::post(url).form(&[
                ("grant_type", DEVICE_GRANT),
                ("device_code", device_code),
                ("client_id", &self.client_id),
            ]);
            login::answer(cx, request)
        };
        let tokens = poll_device(cx, pace, ask).await?;
        self.register(cx, login, &tokens).await
    }

    /// Cline takes the tokens of WorkOS and gives its own.
    async fn register(&self, cx: &Ctx, login: &Login, tokens: &Value) -> Result<Account> {
        let text = |key: &str| tokens.get(key).and_then(Value::as_str).unwrap_or_default();
        let (access, refresh) = (text("access_token"), text("refresh_token"));
        let body = json!({"accessToken": access, "refreshToken": refresh}).to_string();
        let url = format!("{}/api/v1/auth/register", self.base);
        let (status, answer) = login::answer(cx, HttpRequest::post(url).json(body)).await?;
        if !(200..300).contains(&status) {
            let sentence = format!("Cline did not take the login ({status}): {}", words(&answer));
            return Err(Error::auth(sentence));
        }
        let account =
            Account { name: login.account.clone(), refresh_token: refresh.to_owned(), ..Account::default() };
        accept(account, &answer)
    }
}

/// What `answer` brought, over what `account` has.
fn accept(mut account: Account, answer: &Value) -> Result<Account> {
    let data = answer.get("data").unwrap_or(answer);
    let text = |path: &str| data.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access = text("/accessToken");
    let access = access.ok_or_else(|| Error::new("bad_json", "the identity server gave no accessToken"))?;
    bare(access).clone_into(&mut account.access_token);
    if let Some(refresh) = text("/refreshToken") {
        refresh.clone_into(&mut account.refresh_token);
    }
    if let Some(email) = text("/userInfo/email") {
        email.clone_into(&mut account.label);
    }
    let end = end_of(data);
    let claimed = || login::claims(&account.access_token)?.get("exp")?.as_u64();
    account.expires_at_ms = end.or_else(|| Some(claimed()?.saturating_mul(1000)));
    Ok(account)
}

fn code(answer: &Value) -> String {
    let text = |path: &str| answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
    ["/error/code", "/error/type", "/error", "/code"].into_iter().find_map(text).unwrap_or_default()
}

fn words(answer: &Value) -> String {
    let text = |path: &str| answer.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let places = ["/error_description", "/message", "/error/message", "/error"];
    places.into_iter().find_map(text).unwrap_or("no reason is given").to_owned()
}
