//! Tokens of Google's identity server: a new one for an old one, the first ones for a code. Source: "Using OAuth 2.0 for Mobile and
//! Desktop Apps" of Google Identity; RFC 6749, sections 4.1.3, 5 and 6.
use crate::service::Service;
use lip_plugin::{Account, Ctx, Error, HttpRequest, Result, Value, login};

/// What a token lives if the server does not say: one hour.
const LIFE_S: u64 = 3_600;

impl Service {
    /// The client's id and its secret: those that the account came with, else the config's.
    pub(crate) async fn client_of(&self, cx: &Ctx, account: &Account) -> Result<(String, String)> {
        let (id, secret) = (account.field("client_id"), account.field("client_secret"));
        if !id.is_empty() && !secret.is_empty() {
            return Ok((id.to_owned(), secret.to_owned()));
        }
        let secret = match self.client_secret.0.as_str() {
            "" => cx.secret("client_secret").await.unwrap_or_default(),
            own => own.to_owned(),
        };
        if secret.is_empty() {
            let remedy = "set it to the secret of the OAuth client, which the official program carries in its own files, \
                          or set the variable for it; it is needed for every new token";
            return Err(Error::bad_config("client_secret", remedy));
        }
        Ok((self.client_id.clone(), secret))
    }

    /// Asks for a new token.
    ///
    /// # Errors
    /// As [`lip_plugin::Connector::refresh`] demands.
    pub async fn renew(&self, cx: &Ctx, mut account: Account) -> Result<Account> {
        if account.refresh_token.is_empty() {
            return Err(Error::auth("the account has no refresh token; log in again"));
        }
        let (id, secret) = self.client_of(cx, &account).await?;
        let form = [
            ("client_id", &*id),
            ("client_secret", &*secret),
            ("refresh_token", &*account.refresh_token),
            ("grant_type", "refresh_token"),
        ];
        let (status, body) = login::answer(cx, HttpRequest::post(&*self.token_url).form(&form)).await?;
        take(&mut account, status, &body)?;
        Ok(account)
    }

    /// The first tokens, for the code that a browser has brought.
    ///
    /// # Errors
    /// As [`Service::renew`].
    pub(crate) async fn exchange(
        &self,
        cx: &Ctx,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> Result<Account> {
        let mut account = Account::default();
        let (id, secret) = self.client_of(cx, &account).await?;
        let form = [
            ("client_id", &*id),
            ("client_secret", &*secret),
            ("code", code),
            ("code_verifier", verifier),
            ("grant_type", "authorization_code"),
            ("redirect_uri", redirect),
        ];
        let (status, body) = login::answer(cx, HttpRequest::post(&*self.token_url).form(&form)).await?;
        take(&mut account, status, &body)?;
        if account.refresh_token.is_empty() {
            return Err(Error::auth(
                "Google has given no refresh token; take the app off your account's list and log in again",
            ));
        }
        Ok(account)
    }
}

/// What the identity server has answered.
fn take(account: &mut Account, status: u16, body: &Value) -> Result<()> {
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    if !(200..300).contains(&status) {
        let said = [text("error_description"), text("error")].into_iter().find(|words| !words.is_empty());
        let said = said.unwrap_or("no reason");
        return Err(match text("error") {
            "invalid_grant" => Error::auth(format!("Google refuses the refresh token: {said}")),
            "invalid_client" | "unauthorized_client" => Error::bad_config(
                "client_secret",
                format!(
                    "Google knows no client with this client_id and secret ({said}); set both to the official program's"
                ),
            ),
            _ => Error::upstream(status, format!("the identity server answered {status}: {said}")),
        });
    }
    if text("access_token").is_empty() {
        return Err(Error::new("bad_json", "the identity server's answer holds no access_token"));
    }
    text("access_token").clone_into(&mut account.access_token);
    let told = [
        ("refresh_token", &mut account.refresh_token),
        ("token_type", &mut account.token_type),
        ("scope", &mut account.scope),
    ];
    for (key, own) in told.into_iter().filter(|(key, _)| !text(key).is_empty()) {
        text(key).clone_into(own);
    }
    let life_s = body.get("expires_in").and_then(Value::as_u64).unwrap_or(LIFE_S);
    account.expires_in_ms = Some(life_s.saturating_mul(1_000));
    account.set("id_token", text("id_token"));
    Ok(())
}
