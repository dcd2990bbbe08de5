//! A login by browser. Source: google-gemini/gemini-cli, `packages/core/src/code_assist/oauth2.ts`; RFC 8252, RFC 7636.
use crate::service::Service;
use lip_plugin::login::{Callback, Show, form};
use lip_plugin::{Account, Ctx, Error, Login, Result, Value, serde_json};

/// How long a person may take: 5 minutes.
const PATIENCE_MS: u64 = 300_000;

impl Service {
    /// Leads a person through a login; its option `project` names the Google Cloud project.
    ///
    /// # Errors
    /// A sentence that says what went wrong.
    pub async fn log_in(&self, cx: &Ctx, login: &Login) -> Result<Account> {
        // Nobody goes through a login that must fail at its end.
        self.client_of(cx, &Account::default()).await?;
        let (host, path, port) = self.client.callback();
        let (state, pkce) = (login.state(), login.pkce());
        let ports = vec![self.callback_port.unwrap_or(port)];
        let callback = Callback { ports, path: path.to_owned(), state: state.clone() };
        let awaited = cx.await_browser(&callback).await?;
        let redirect = format!("http://{host}:{}{path}", awaited.port);
        let query = form(&[
            ("client_id", &self.client_id),
            ("redirect_uri", &redirect),
            ("response_type", "code"),
            ("scope", self.client.scopes()),
            ("access_type", "offline"),
            ("prompt", "consent"),
            ("state", &state),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
        ]);
        let url = format!("{}?{query}", self.auth_url);
        cx.show(&Show { url, code: None, expires_in_ms: Some(PATIENCE_MS) }).await?;
        let query = cx.within(PATIENCE_MS, awaited.query()).await;
        let query = query.ok_or_else(|| Error::auth("the login has taken longer than five minutes"))??;
        let code = query.get("code").and_then(Value::as_str).filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| Error::auth("the browser has brought no code"))?;
        let mut account = self.exchange(cx, code, &redirect, &pkce.verifier).await?;
        account.label = self.email(cx, &account).await.unwrap_or_default();
        account.set("project_id", login.option("project").unwrap_or_default());
        Ok(account)
    }

    /// Whose account it is. Nothing that a login should fail for.
    async fn email(&self, cx: &Ctx, account: &Account) -> Option<String> {
        let bearer = format!("Bearer {}", account.access_token);
        let response = cx.http(self.userinfo().header("authorization", bearer)).await.ok()?;
        let bytes = response.success().await.ok()?.bytes().await.ok()?;
        let info: Value = serde_json::from_slice(&bytes).ok()?;
        Some(info.get("email")?.as_str()?.to_owned())
    }
}
