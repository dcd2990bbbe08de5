//! Cline's files: `providers.json`, and the `secrets.json` of older releases.
//!
//! Source: github.com/cline/cline (provider settings of the SDK, and their migration from secrets.json).
use lip_plugin::{Account, Error, Object, Result, Value, serde_json, time};

pub(crate) const PROVIDERS: &str = "cline-providers";
pub(crate) const SECRETS: &str = "cline-secrets";
const PREFIX: &str = "workos:";
/// Keys of the old file, the newest first.
const SECRET_KEYS: [&str; 2] = ["cline:clineAccountId", "clineAccountId"];
/// Below it a number of the old file counts seconds.
const MS_MIN: f64 = 1e10;
const PATH: [&str; 4] = ["providers", "cline", "settings", "auth"];

/// A token without the prefix that Cline stores and sends it with.
pub(crate) fn bare(token: &str) -> &str {
    match token.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => token,
    }
}

/// The account of the file.
pub(crate) fn read(format: &str, file: &[u8]) -> Result<Account> {
    let file: Value = serde_json::from_slice(file)
        .map_err(|error| Error::new("bad_json", format!("Cline's file is no JSON: {error}")))?;
    if format == SECRETS { of_secrets(&file) } else { of_providers(&file) }
}

fn of_providers(file: &Value) -> Result<Account> {
    let auth = file.pointer("/providers/cline/settings/auth").unwrap_or(&Value::Null);
    let mut account = tokens(auth, "accessToken")?;
    account.expires_at_ms = auth.get("expiresAt").and_then(Value::as_f64).map(|ms| ms.max(0.0) as u64);
    let label = auth.pointer("/metadata/userInfo/email").or_else(|| auth.get("accountId"));
    account.label = label.and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(account)
}

fn of_secrets(file: &Value) -> Result<Account> {
    let held = SECRET_KEYS.iter().find_map(|key| file.get(*key)?.as_str()).unwrap_or("null");
    let auth: Value = serde_json::from_str(held).unwrap_or_default();
    let mut account = tokens(&auth, "idToken")?;
    let end = auth.get("expiresAt").and_then(Value::as_f64).filter(|end| *end > 0.0);
    account.expires_at_ms = end.map(|end| if end < MS_MIN { (end * 1000.0) as u64 } else { end as u64 });
    account.label = auth.pointer("/userInfo/email").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(account)
}

fn tokens(auth: &Value, access: &str) -> Result<Account> {
    let text = |key: &str| bare(auth.get(key).and_then(Value::as_str).unwrap_or_default()).to_owned();
    let account =
        Account { access_token: text(access), refresh_token: text("refreshToken"), ..Account::default() };
    if account.access_token.is_empty() && account.refresh_token.is_empty() {
        let error = Error::auth("Cline's file holds no login of Cline's own provider");
        return Err(error.hint("Log in with Cline, or: lip login cline"));
    }
    Ok(account)
}

/// The file with the tokens of `account`.
pub(crate) fn write(format: &str, file: &[u8], account: &Account) -> Result<Vec<u8>> {
    let written = std::str::from_utf8(file).ok().and_then(|text| match format {
        SECRETS => {
            let mut whole = Object::read(text)?;
            let key = SECRET_KEYS.into_iter().find(|key| whole.get(key).is_some())?;
            let held = whole.text(key)?;
            whole.set(key, Value::from(with_tokens(&held, account, "idToken", "")?).to_string());
            whole.write()
        }
        _ => within(text, &PATH, &|auth| with_tokens(auth, account, "accessToken", PREFIX)),
    });
    written
        .map(String::into_bytes)
        .ok_or_else(|| Error::new("bad_json", "Cline's file has no login to write to"))
}

fn with_tokens(auth: &str, account: &Account, access: &str, prefix: &str) -> Option<String> {
    let mut auth_object = Object::read(auth)?;
    auth_object.set(access, Value::from(format!("{prefix}{}", account.access_token)).to_string());
    if !account.refresh_token.is_empty() {
        auth_object.set("refreshToken", Value::from(&*account.refresh_token).to_string());
    }
    if let Some(end) = account.expires_at_ms {
        let old: Option<f64> = auth_object.get("expiresAt").and_then(|end| serde_json::from_str(end).ok());
        let is_s = prefix.is_empty() && old.is_some_and(|old| old < MS_MIN);
        auth_object.set("expiresAt", (if is_s { end / 1000 } else { end }).to_string());
    }
    Some(auth_object.write().unwrap_or_else(|| auth.to_owned()))
}

/// `text` with what `edit` makes of the object at `path`.
fn within(text: &str, path: &[&str], edit: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let Some((key, rest)) = path.split_first() else { return edit(text) };
    let mut object = Object::read(text)?;
    let new = within(object.get(key)?, rest, edit)?;
    object.set(key, new);
    Some(object.write().unwrap_or_else(|| text.to_owned()))
}

/// The answer inside of `{"success": …, "data": …}`.
pub(crate) fn unwrapped(body: &[u8]) -> Option<String> {
    let whole = Object::read(std::str::from_utf8(body).ok()?)?;
    let data = whole.get("success").and_then(|_| whole.get("data"))?;
    let inner = Object::read(data)?;
    let is_answer = ["choices", "id", "model"].iter().any(|key| inner.get(key).is_some());
    is_answer.then(|| data.to_owned())
}

/// Milliseconds since 1970 of `expiresAt`: a date, or a number.
pub(crate) fn end_of(data: &Value) -> Option<u64> {
    let end = data.get("expiresAt")?;
    let number = |end: f64| if end < MS_MIN { (end * 1000.0) as u64 } else { end as u64 };
    end.as_str().and_then(time::from_rfc3339).or_else(|| end.as_f64().filter(|end| *end > 0.0).map(number))
}
