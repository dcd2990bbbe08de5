//! Qwen Code's `oauth_creds.json`.
//!
//! Source: github.com/QwenLM/qwen-code, packages/core/src/qwen/sharedTokenManager.ts.
use lip_plugin::{Account, Error, Object, Result, Value, serde_json};

/// The account of the file.
pub(crate) fn read(file: &[u8]) -> Result<Account> {
    let file: Value = serde_json::from_slice(file)
        .map_err(|error| Error::new("bad_json", format!("oauth_creds.json is no JSON: {error}")))?;
    let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("access_token").is_empty() && text("refresh_token").is_empty() {
        let error = Error::auth("oauth_creds.json holds no token");
        return Err(error.hint("Run qwen and choose the login, or: lip login qwen-oauth"));
    }
    let mut account = Account {
        access_token: text("access_token").to_owned(),
        refresh_token: text("refresh_token").to_owned(),
        token_type: text("token_type").to_owned(),
        expires_at_ms: file.get("expiry_date").and_then(Value::as_f64).map(|ms| ms.max(0.0) as u64),
        ..Account::default()
    };
    account.set("resource_url", text("resource_url"));
    Ok(account)
}

/// The file with the tokens of `account`.
pub(crate) fn write(file: &[u8], account: &Account) -> Result<Vec<u8>> {
    let broken = || Error::new("bad_json", "oauth_creds.json is no JSON object");
    let text = std::str::from_utf8(file).map_err(|_| broken())?;
    let mut whole = Object::read(text).ok_or_else(broken)?;
    for (key, value) in [
        ("access_token", &*account.access_token),
        ("refresh_token", &account.refresh_token),
        ("token_type", &account.token_type),
        ("resource_url", account.field("resource_url")),
    ] {
        if !value.is_empty() && whole.text(key).as_deref() != Some(value) {
            whole.set(key, Value::from(value).to_string());
        }
    }
    if let Some(end) = account.expires_at_ms {
        whole.set("expiry_date", end.to_string());
    }
    Ok(whole.write().map_or_else(|| file.to_vec(), String::into_bytes))
}
