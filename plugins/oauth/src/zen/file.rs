//! OpenCode's `auth.json`: one entry per provider, of which Zen's is `opencode`.
//!
//! Source: github.com/anomalyco/opencode, packages/opencode/src/auth/index.ts.
use lip_plugin::{Account, Error, Result, Value, serde_json};

/// From here on a number counts milliseconds, below it seconds.
const SECONDS_MAX: f64 = 1e12;

/// The account of the file.
pub(crate) fn read(file: &[u8]) -> Result<Account> {
    let file: Value = serde_json::from_slice(file)
        .map_err(|error| Error::new("bad_json", format!("auth.json is no JSON: {error}")))?;
    let entry = file.get("opencode").unwrap_or(&Value::Null);
    let text = |key: &&str| entry.get(*key).and_then(Value::as_str).filter(|text| !text.is_empty());
    // Of a `wellknown` entry the key is the name of a variable, not a key.
    let key = text(&"key").filter(|_| text(&"type").is_none_or(|kind| kind == "api"));
    let token = ["access", "accessToken", "access_token", "token"].iter().find_map(text).or(key);
    let Some(token) = token else {
        return Err(Error::auth("auth.json has no login of OpenCode Zen").hint(super::LOG_IN));
    };
    let end = entry.get("expires").and_then(Value::as_f64).filter(|end| *end > 0.0);
    let mut account = Account {
        access_token: token.to_owned(),
        expires_at_ms: end.map(|end| if end > SECONDS_MAX { end as u64 } else { (end * 1000.0) as u64 }),
        ..Account::default()
    };
    if let Some(id) = text(&"accountId") {
        id.clone_into(&mut account.label);
    }
    Ok(account)
}
