//! What logins are made of: PKCE (RFC 7636), forms, the device flow (RFC 8628), the callback of a browser.
use crate::{Ctx, Error, HttpRequest, HttpResponse, Login, Result};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use lip_abi::{Buf, op, status};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A verifier that only this login knows, and its challenge for the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Pkce {
    /// 43 characters.
    pub verifier: String,
    /// The verifier's SHA-256, method `S256`.
    pub challenge: String,
}

impl std::fmt::Debug for Pkce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pkce")
    }
}

impl Pkce {
    /// Of this verifier.
    pub fn of(verifier: impl Into<String>) -> Self {
        let verifier = verifier.into();
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
        Self { verifier, challenge }
    }
}

impl Login {
    /// A verifier for this login.
    pub fn pkce(&self) -> Pkce {
        Pkce::of(BASE64_URL_SAFE_NO_PAD.encode(self.derived("verifier")))
    }

    /// The `state` of this login: what its callback must bring back.
    pub fn state(&self) -> String {
        hex(&self.derived("state"))
    }

    /// 32 bytes that follow from the login's random ones.
    fn derived(&self, purpose: &str) -> [u8; 32] {
        sha256(format!("{purpose}:{}", self.random).as_bytes())
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The UUID of a name (RFC 9562, version 5, namespace OID): the same for the same name.
pub fn uuid_of(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// `a=1&b=2`, percent-encoded: a form's body or a URL's query.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let one = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The payload of a JSON web token, unverified: for what the token's owner may know of it. None for anything else.
pub fn claims(jwt: &str) -> Option<Value> {
    let payload = jwt.split('.').nth(1)?.trim_end_matches('=');
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

impl HttpRequest {
    /// A form as the body.
    #[must_use]
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        self.header("content-type", "application/x-www-form-urlencoded").body(form(pairs))
    }
}

/// The answer of an identity server: its JSON, whatever the status says.
///
/// # Errors
/// An effect's; `upstream` for 5xx and 429, with the time to wait if it is said; `bad_json` for a success without JSON.
pub async fn answer(cx: &Ctx, request: HttpRequest) -> Result<(u16, Value)> {
    let mut response: HttpResponse = cx.http(request.header("accept", "application/json")).await?;
    let status = response.status();
    if status >= 500 || status == 429 {
        let refusal = crate::Refusal::read(response).await?;
        let is_flow = refusal.at("/error") == "slow_down";
        if is_flow {
            return Ok((status, refusal.json));
        }
        let error =
            Error::upstream(status, format!("the identity server answered {status}: {}", refusal.message()));
        return Err(match refusal.retry_after_ms(cx.now_unix_ms()) {
            Some(ms) => error.retry_after_ms(ms),
            None => error,
        });
    }
    let bytes = response.bytes().await?;
    match serde_json::from_slice(&bytes) {
        Ok(json) => Ok((status, json)),
        Err(error) if (200..300).contains(&status) => Err(error.into()),
        Err(_) => Ok((status, Value::Null)),
    }
}

/// What a person is to do.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// Where to go.
    pub url: String,
    /// What to type there.
    pub code: Option<String>,
    /// Milliseconds until it is too late.
    pub expires_in_ms: Option<u64>,
}

/// Where a browser is awaited.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    /// Ports to try, in this order; 0 is any. Empty: any.
    pub ports: Vec<u16>,
    /// The only path, such as `/oauth2callback`.
    pub path: String,
    /// What the query's `state` must be.
    pub state: String,
}

/// A browser is awaited.
#[derive(Debug)]
pub struct Awaited {
    /// The port that it is awaited on.
    pub port: u16,
    query: HttpResponse,
}

impl Awaited {
    /// The query that it brought: `code`, and what else the provider sends.
    ///
    /// # Errors
    /// `auth` with the provider's own words when the person or the provider said no.
    pub async fn query(mut self) -> Result<Map<String, Value>> {
        let query: Map<String, Value> = serde_json::from_slice(&self.query.bytes().await?)?;
        let said = |key: &str| query.get(key).and_then(Value::as_str);
        match said("error") {
            None => Ok(query),
            Some(error) => {
                let words = said("error_description").unwrap_or(error);
                Err(Error::auth(format!("the provider did not log you in: {words}")))
            }
        }
    }
}

impl Ctx {
    /// Tells a person what to do.
    ///
    /// # Errors
    /// `denied` outside of a login.
    pub async fn show(&self, show: &Show) -> Result<()> {
        let meta =
            json!({"url": show.url, "code": show.code, "expires_in_ms": show.expires_in_ms}).to_string();
        let done = self.op(op::SHOW, 0, 0, meta.into(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(()),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Waits for a browser on this machine. A query with another `state` is turned away, and the wait goes on.
    ///
    /// # Errors
    /// `denied` outside of a login; `io` when no port is free.
    pub async fn await_browser(&self, callback: &Callback) -> Result<Awaited> {
        let meta =
            json!({"ports": callback.ports, "path": callback.path, "state": callback.state}).to_string();
        let done = self.op(op::LISTEN_ONCE, 0, 0, meta.into(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(Awaited {
                port: u16::try_from(done.arg).unwrap_or_default(),
                query: HttpResponse::new(200, done.handle, self.clone()),
            }),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }
}

/// The grant of a device flow (RFC 8628, section 3.4).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// How often a device flow asks (RFC 8628, section 3.5).
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Milliseconds between two questions.
    pub interval_ms: u64,
    /// What `slow_down` adds.
    pub slower_ms: u64,
    /// Milliseconds after which the code is void.
    pub expires_in_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval_ms: 5_000, slower_ms: 5_000, expires_in_ms: 600_000 }
    }
}

/// The answer to one question of a device flow.
#[derive(Debug, Clone)]
pub enum Poll {
    /// The person has not done it yet.
    Pending,
    /// Ask less often.
    SlowDown,
    /// It is done.
    Done(Value),
    /// It has failed, in the provider's words.
    Failed(String),
}

impl Poll {
    /// As RFC 8628 has it: a body with `error`, whatever the status, else a success.
    pub fn of(status: u16, body: Value) -> Self {
        let said = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        match said("error").as_deref() {
            Some("authorization_pending") => Self::Pending,
            Some("slow_down") => Self::SlowDown,
            Some("expired_token") => Self::Failed("the code has expired".to_owned()),
            Some("access_denied") => Self::Failed("you, or your organisation, said no".to_owned()),
            Some(error) => Self::Failed(
                said("error_description").filter(|d| !d.is_empty()).unwrap_or_else(|| error.to_owned()),
            ),
            None if (200..300).contains(&status) => Self::Done(body),
            None => Self::Failed(format!("the identity server answered {status}")),
        }
    }
}

/// Asks until the person has done it.
///
/// # Errors
/// `auth` when it has failed or taken too long; what `ask` fails with, unless that may pass.
pub async fn poll_device<F>(cx: &Ctx, pace: Pace, mut ask: impl FnMut() -> F) -> Result<Value>
where
    F: Future<Output = Result<(u16, Value)>>,
{
    let end = cx.now_unix_ms().saturating_add(pace.expires_in_ms);
    let mut interval = pace.interval_ms.max(1);
    loop {
        cx.sleep_ms(interval).await?;
        if cx.now_unix_ms() > end {
            return Err(Error::auth("the login has taken too long: the code is void"));
        }
        let poll = match ask().await {
            Ok((status, body)) => Poll::of(status, body),
            // A network that fails for a moment does not end a login.
            Err(error) if matches!(error.code(), "io" | "timeout" | "upstream") => Poll::SlowDown,
            Err(error) => return Err(error),
        };
        match poll {
            Poll::Pending => {}
            Poll::SlowDown => interval = interval.saturating_add(pace.slower_ms),
            Poll::Done(body) => return Ok(body),
            Poll::Failed(why) => return Err(Error::auth(format!("the login has failed: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pkce_is_that_of_rfc_7636() {
        let pkce = Pkce::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let login = Login { random: "ab".repeat(32), ..Login::default() };
        assert_eq!(login.pkce().verifier.len(), 43);
        assert_ne!(login.pkce().verifier, login.state());
        assert_ne!(login.state(), Login { random: "cd".repeat(32), ..Login::default() }.state());
    }

    #[test]
    fn names_have_uuids_that_stay() {
        assert_eq!(uuid_of("session-1"), "d4f2839f-5879-59fd-8c15-84c3e6db0525");
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form(&[("a b", "c&d=é"), ("x", "")]), "a%20b=c%26d%3D%C3%A9&x=");
    }

    #[test]
    fn claims_are_read_and_garbage_is_not() {
        let token = format!(
            "h.{}.s",
            BASE64_URL_SAFE_NO_PAD
                .encode(r#"{"exp":7,"https://api.openai.com/auth":{"chatgpt_account_id":"acc"}}"#)
        );
        let claims_of = claims(&token).expect("claims");
        assert_eq!(claims_of["exp"], 7);
        for garbage in ["", "a", "a.b", "a.!!.c", "a.e30", "..."] {
            assert!(claims(garbage).is_none_or(|value| value == json!({})), "{garbage}");
        }
    }

    #[test]
    fn polls_are_judged_by_the_body() {
        let poll = |status, body: &str| Poll::of(status, serde_json::from_str(body).unwrap_or_default());
        assert!(matches!(poll(400, r#"{"error":"authorization_pending"}"#), Poll::Pending));
        assert!(matches!(poll(200, r#"{"error":"authorization_pending"}"#), Poll::Pending));
        assert!(matches!(poll(429, r#"{"error":"slow_down"}"#), Poll::SlowDown));
        assert!(matches!(poll(200, r#"{"access_token":"a"}"#), Poll::Done(_)));
        assert!(matches!(poll(401, "<html>"), Poll::Failed(_)));
        let Poll::Failed(why) = poll(400, r#"{"error":"invalid_grant","error_description":"gone"}"#) else {
            panic!("not failed")
        };
        assert_eq!(why, "gone");
    }
}
