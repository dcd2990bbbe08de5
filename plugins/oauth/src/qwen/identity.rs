//! Qwen's identity server: the device flow (RFC 8628) with PKCE, and renewing.
//!
//! Source: github.com/QwenLM/qwen-code, packages/core/src/qwen/qwenOAuth2.ts.
use crate::options;
use lip_plugin::login::{self, DEVICE_GRANT, Pace, Show, poll_device};
use lip_plugin::{Account, Create, Ctx, Error, HttpRequest, Login, Result, Value};

/// Public: it stands in every Qwen Code, and has no secret.
const CLIENT_ID: &str = "f0304373b74a44d2b584a3fb70ca9e56";
const SCOPE: &str = "openid profile email model.completion";
const INTERVAL_MS: f64 = 2_000.0;
const INTERVAL_MS_MAX: f64 = 60_000.0;
const CODE_MS: u64 = 900_000;

/// Where and as whom tokens are asked for.
pub(crate) struct Identity {
    device_url: String,
    token_url: String,
    client_id: String,
    interval_ms: u64,
    instance: String,
}

impl Identity {
    pub(crate) fn new(with: &Create<'_>) -> Result<Self> {
        Ok(Self {
            device_url: options::url(
                with,
                "device_code_url",
                "https://chat.qwen.ai/api/v1/oauth2/device/code",
            )?,
            token_url: options::url(with, "token_url", "https://chat.qwen.ai/api/v1/oauth2/token")?,
            client_id: with.string("client_id")?.unwrap_or_else(|| CLIENT_ID.to_owned()),
            interval_ms: with.number("poll_interval_ms", INTERVAL_MS_MAX)?.unwrap_or(INTERVAL_MS) as u64,
            instance: with.instance.to_owned(),
        })
    }

    /// `account` with a new token.
    pub(crate) async fn refresh(&self, cx: &Ctx, account: Account) -> Result<Account> {
        let again = || format!("Log in again with qwen, or lip login {}", self.instance);
        if account.refresh_token.is_empty() {
            return Err(Error::auth("the account has no refresh token").hint(again()));
        }
        let request = HttpRequest::post(&*self.token_url).form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &account.refresh_token),
            ("client_id", &self.client_id),
        ]);
        let (status, answer) = login::answer(cx, request).await?;
        if (200..300).contains(&status) {
            return accept(cx, account, &answer);
        }
        let sentence = format!("Qwen's identity server answered {status}: {}", words(&answer));
        match status {
            // As Qwen Code does: these throw the login away.
            400 | 401 => Err(Error::auth(sentence).hint(again())),
            _ => Err(Error::upstream(status, sentence)),
        }
    }

    /// Leads a person through the device flow.
    pub(crate) async fn login(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        let pkce = login.pkce();
        let request = HttpRequest::post(&*self.device_url).header("x-request-id", request_id(login)).form(&[
            ("client_id", &*self.client_id),
            ("scope", SCOPE),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
        ]);
        let (status, begun) = login::answer(cx, request).await?;
        let text = |key: &str| begun.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(code) = text("device_code").filter(|_| (200..300).contains(&status)) else {
            return Err(Error::upstream(
                status.max(400),
                format!("the login did not begin: {}", words(&begun)),
            ));
        };
        let url = text("verification_uri_complete").or_else(|| text("verification_uri")).unwrap_or_default();
        let life =
            begun.get("expires_in").and_then(Value::as_u64).map(|seconds| seconds.saturating_mul(1000));
        let expires_in_ms = life.unwrap_or(CODE_MS);
        let show = Show {
            url: url.to_owned(),
            code: text("user_code").map(str::to_owned),
            expires_in_ms: Some(expires_in_ms),
        };
        cx.show(&show).await?;
        let pace = Pace { interval_ms: self.interval_ms, slower_ms: self.interval_ms / 2, expires_in_ms };
        let ask = || {
            let request = HttpRequest::post(&*self.token_url).form(&[
                ("grant_type", DEVICE_GRANT),
                ("client_id", &self.client_id),
                ("device_code", code),
                ("code_verifier", &pkce.verifier),
            ]);
            login::answer(cx, request)
        };
        let answer = poll_device(cx, pace, ask).await?;
        accept(cx, Account { name: login.account.clone(), ..Account::default() }, &answer)
    }
}

/// What `answer` brought, over what `account` has.
fn accept(cx: &Ctx, mut account: Account, answer: &Value) -> Result<Account> {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access = text("access_token");
    let access = access.ok_or_else(|| Error::new("bad_json", "the identity server gave no access_token"))?;
    access.clone_into(&mut account.access_token);
    for (key, to) in [
        ("refresh_token", &mut account.refresh_token),
        ("token_type", &mut account.token_type),
        ("scope", &mut account.scope),
    ] {
        if let Some(new) = text(key) {
            new.clone_into(to);
        }
    }
    account.set("resource_url", text("resource_url").unwrap_or_default());
    let life = answer.get("expires_in").and_then(Value::as_u64).map(|seconds| seconds.saturating_mul(1000));
    account.expires_in_ms = life;
    account.expires_at_ms = life.map(|ms| cx.now_unix_ms().saturating_add(ms));
    Ok(account)
}

fn words(answer: &Value) -> &str {
    let text = |path: &str| answer.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let places = ["/error_description", "/error/message", "/error", "/message"];
    places.into_iter().find_map(text).unwrap_or("no reason is given")
}

/// Of the login's random bits, in the form of a UUID.
fn request_id(login: &Login) -> String {
    let hex = login.state();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
