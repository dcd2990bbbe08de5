//! OpenAI's identity server: renewing a token, and the login by a browser.
//!
//! Source: github.com/openai/codex, codex-rs/login/src (server.rs, auth/manager.rs).
use crate::file::{UNKNOWN_LIFE_MS, describe};
use lip_plugin::login::{self, Callback, Show};
use lip_plugin::{Account, Create, Ctx, Error, HttpRequest, Login, Result, Value, json, time};

/// Public: it stands in every Codex CLI, and has no secret.
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
const SCOPES: &str = "openid profile email offline_access api.connectors.read api.connectors.invoke";
/// The ports that OpenAI redirects to.
const PORTS: [u16; 2] = [1455, 1457];
const CALLBACK_PATH: &str = "/auth/callback";
const LOGIN_MS: u64 = 15 * 60_000;
/// Refusals of a refresh token that no second try changes.
const FOR_GOOD: [&str; 4] =
    ["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated", "invalid_grant"];

/// Where and as whom tokens are asked for.
pub(crate) struct Identity {
    token_url: String,
    auth_url: String,
    client_id: String,
    ports: Vec<u16>,
    originator: String,
    instance: String,
}

impl Identity {
    pub(crate) fn new(with: &Create<'_>, originator: &str) -> Result<Self> {
        let url = |key: &str, default: &str| {
            let url = with.string(key)?.unwrap_or_else(|| default.to_owned());
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            is_url
                .then_some(url)
                .ok_or_else(|| Error::bad_config(key, "write a URL that begins with https://"))
        };
        Ok(Self {
            token_url: url("token_url", "https://auth.openai.com/oauth/token")?,
            auth_url: url("auth_url", "https://auth.openai.com/oauth/authorize")?,
            client_id: with.string("client_id")?.unwrap_or_else(|| CLIENT_ID.to_owned()),
            ports: ports(with)?,
            originator: originator.to_owned(),
            instance: with.instance.to_owned(),
        })
    }

    /// `account` with a new token. The refresh token works once: the answer's counts from now on.
    pub(crate) async fn refresh(&self, cx: &Ctx, account: Account) -> Result<Account> {
        if account.refresh_token.is_empty() {
            let error = Error::auth(format!("the account \"{}\" has no refresh token", account.name));
            return Err(error.hint(self.again()));
        }
        let body = json!({
            "client_id": self.client_id, "grant_type": "refresh_token", "refresh_token": account.refresh_token
        });
        let request = HttpRequest::post(&*self.token_url).json(body.to_string());
        let answer = self.tokens(cx, request).await?;
        accept(cx, account, &answer)
    }

    /// Leads a person through the login by a browser on this machine.
    pub(crate) async fn login(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        let (pkce, state) = (login.pkce(), login.state());
        let callback =
            Callback { ports: self.ports.clone(), path: CALLBACK_PATH.to_owned(), state: state.clone() };
        let awaited = cx.await_browser(&callback).await?;
        let redirect = format!("http://localhost:{}{CALLBACK_PATH}", awaited.port);
        let query = login::form(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &redirect),
            ("scope", SCOPES),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
            ("id_token_add_organizations", "true"),
            ("codex_cli_simplified_flow", "true"),
            ("state", &state),
            ("originator", &self.originator),
        ]);
        let url = format!("{}?{query}", self.auth_url);
        cx.show(&Show { url, code: None, expires_in_ms: Some(LOGIN_MS) }).await?;
        let query = awaited.query().await?;
        let code = query.get("code").and_then(Value::as_str).filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| Error::auth("the browser came back without a code; try again"))?;
        let request = HttpRequest::post(&*self.token_url).form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("client_id", &self.client_id),
            ("code_verifier", &pkce.verifier),
        ]);
        let answer = self.tokens(cx, request).await?;
        accept(cx, Account { name: login.account.clone(), ..Account::default() }, &answer)
    }

    /// The answer of the token endpoint, if it is a success.
    async fn tokens(&self, cx: &Ctx, request: HttpRequest) -> Result<Value> {
        let (status, answer) = login::answer(cx, request).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let text = |path: &str| answer.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
        let code =
            text("/error/code").or_else(|| text("/error")).or_else(|| text("/code")).unwrap_or_default();
        let words =
            text("/error/message").or_else(|| text("/error_description")).or_else(|| text("/message"));
        let words = words.unwrap_or(if code.is_empty() { "no reason is given" } else { code });
        let sentence = format!("OpenAI's identity server answered {status}: {words}");
        if status == 401 || FOR_GOOD.contains(&code) {
            return Err(Error::auth(sentence).hint(self.again()));
        }
        Err(Error::upstream(status, sentence))
    }

    fn again(&self) -> String {
        format!("Log in again with: codex login, or lip login {}", self.instance)
    }
}

/// What `answer` brought, over what `account` has.
fn accept(cx: &Ctx, mut account: Account, answer: &Value) -> Result<Account> {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let access = text("access_token");
    let access = access.ok_or_else(|| Error::new("bad_json", "the identity server gave no access_token"))?;
    access.clone_into(&mut account.access_token);
    if let Some(refresh) = text("refresh_token") {
        refresh.clone_into(&mut account.refresh_token);
    }
    account.set("id_token", text("id_token").unwrap_or_default());
    let now = cx.now_unix_ms();
    account.set("last_refresh", time::to_rfc3339(now));
    describe(&mut account, Some(now.saturating_add(UNKNOWN_LIFE_MS)));
    let life = answer.get("expires_in").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
    account.expires_in_ms = life.map(|seconds| seconds.saturating_mul(1000));
    Ok(account)
}

fn ports(with: &Create<'_>) -> Result<Vec<u16>> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    let ports = match with.config.get("callback_ports") {
        None | Some(Value::Null) => return Ok(PORTS.to_vec()),
        Some(Value::Array(list)) => list.iter().map(port).collect::<Option<Vec<u16>>>(),
        Some(_) => None,
    };
    ports.ok_or_else(|| Error::bad_config("callback_ports", "write a list of ports, such as [1455]"))
}
