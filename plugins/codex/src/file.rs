//! Codex CLI's `auth.json`: reads an account from it, and writes new tokens into it with every other byte as it was.
//!
//! Source: github.com/openai/codex, codex-rs/login/src/auth/storage.rs and token_data.rs.
use lip_plugin::{Account, Error, Object, Result, Value, login, serde_json, time};

/// A login of which nothing says when it ends is renewed after this time, as Codex CLI does.
pub(crate) const UNKNOWN_LIFE_MS: u64 = 8 * 86_400_000;
const AUTH_CLAIM: &str = "https://api.openai.com/auth";
const LOG_IN: &str = "Run codex login with cli_auth_credentials_store = \"file\" in its config.toml, or: lip login openai-codex";

/// The account of an `auth.json`.
pub(crate) fn read(file: &[u8]) -> Result<Account> {
    let file: Value = serde_json::from_slice(file)
        .map_err(|error| Error::new("bad_json", format!("auth.json is no JSON: {error}")))?;
    let text = |path: &str| file.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let token = text("/tokens/access_token");
    if token.is_empty() {
        return with_key(text("/OPENAI_API_KEY"));
    }
    let mut account = Account {
        access_token: token.to_owned(),
        refresh_token: text("/tokens/refresh_token").to_owned(),
        ..Account::default()
    };
    account.set("id_token", text("/tokens/id_token"));
    account.set("account_id", text("/tokens/account_id"));
    let since = time::from_rfc3339(text("/last_refresh"));
    describe(&mut account, since.map(|at| at.saturating_add(UNKNOWN_LIFE_MS)));
    Ok(account)
}

fn with_key(key: &str) -> Result<Account> {
    if key.is_empty() {
        return Err(Error::auth("auth.json holds no token").hint(LOG_IN));
    }
    Ok(Account { access_token: key.to_owned(), label: "API key".to_owned(), ..Account::default() })
}

/// Adds what the tokens say of themselves. `otherwise`: the end of a token that does not name it.
pub(crate) fn describe(account: &mut Account, otherwise: Option<u64>) {
    let access = login::claims(&account.access_token).unwrap_or_default();
    let id = login::claims(account.field("id_token")).unwrap_or_default();
    let own = |claims: &Value, key: &str| {
        let nested = claims.get(AUTH_CLAIM).and_then(|auth| auth.get(key)).or_else(|| claims.get(key));
        nested.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let either = |key: &str| own(&access, key).or_else(|| own(&id, key));
    if account.field("account_id").is_empty() {
        account.set("account_id", either("chatgpt_account_id").unwrap_or_default());
    }
    account.set("plan", either("chatgpt_plan_type").unwrap_or_default());
    let profile = access.pointer("/https:~1~1api.openai.com~1profile/email").and_then(Value::as_str);
    if let Some(email) = own(&id, "email").or_else(|| profile.map(str::to_owned)) {
        account.label = email;
    }
    let end = access.get("exp").and_then(Value::as_u64).map(|seconds| seconds.saturating_mul(1000));
    account.expires_at_ms = end.or(otherwise);
}

/// `file` with the tokens of `account`.
pub(crate) fn write(file: &[u8], account: &Account) -> Result<Vec<u8>> {
    let broken = || Error::new("bad_json", "auth.json is no JSON object with tokens");
    let text = std::str::from_utf8(file).map_err(|_| broken())?;
    let mut whole = Object::read(text).ok_or_else(broken)?;
    let held = whole.get("tokens").ok_or_else(broken)?.to_owned();
    let mut tokens = Object::read(&held).ok_or_else(broken)?;
    let new = [
        ("id_token", account.field("id_token")),
        ("access_token", &account.access_token),
        ("refresh_token", &account.refresh_token),
    ];
    for (key, token) in new {
        // Codex CLI does not start with a token that it cannot read: what there is none of stays as it is.
        if !token.is_empty() && tokens.text(key).as_deref() != Some(token) {
            tokens.set(key, Value::from(token).to_string());
        }
    }
    if let Some(changed) = tokens.write() {
        whole.set("tokens", changed);
    }
    if !account.field("last_refresh").is_empty() {
        whole.set("last_refresh", Value::from(account.field("last_refresh")).to_string());
    }
    Ok(whole.write().map_or_else(|| file.to_vec(), String::into_bytes))
}
