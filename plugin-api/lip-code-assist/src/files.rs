//! Accounts in files of official clients: Gemini CLI's `oauth_creds.json`, gcloud's file of an authorized user, the token file of
//! Antigravity's CLI. Keys that we do not know stay as they are.
use lip_plugin::{Account, AccountFile, Create, Error, Object, Result, Value, login, time};
use serde_json::Map;

/// `oauth_creds.json` of Gemini CLI, or an authorized user's file of gcloud.
pub const CREDS: &str = "oauth-creds";
/// `antigravity-oauth-token` of Antigravity's CLI.
pub const AGY: &str = "agy-token";

/// The file of an account: the config's `key`, which may name a directory, else `default`.
///
/// # Errors
/// `bad_config` when the config's is no text.
pub fn at(with: &Create<'_>, key: &str, default: &str, format: &str) -> Result<AccountFile> {
    let file = with.string(key)?.filter(|path| !path.is_empty()).unwrap_or_else(|| default.to_owned());
    let name = default.rsplit('/').next().unwrap_or_default();
    let last = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let has_ending = |name: &str| name.contains('.') && !name.starts_with('.');
    // Where the usual name has no ending, a directory ends in a slash.
    let is_file = if has_ending(name) { has_ending(last) } else { !last.is_empty() };
    let file = if is_file { file } else { format!("{}/{name}", file.trim_end_matches(['/', '\\'])) };
    Ok(AccountFile::new(file, format).writable(with.flag("writable", true)?))
}

fn object(file: &[u8]) -> Result<Map<String, Value>> {
    match serde_json::from_slice(file)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new("bad_json", "the credentials are no JSON object")),
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Result<String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Error::new("bad_json", format!("the credentials' {key} is no text"))),
    }
}

/// Reads a file.
///
/// # Errors
/// `bad_json` with what it lacks; `unsupported` for another format.
pub fn read(format: &str, file: &[u8]) -> Result<Account> {
    let object = object(file)?;
    let account = match format {
        CREDS => creds(&object)?,
        AGY => agy(&object)?,
        other => return Err(Error::unsupported(format!("no file of the format \"{other}\" is read"))),
    };
    if account.access_token.is_empty() && account.refresh_token.is_empty() {
        return Err(Error::new("bad_json", "the credentials hold no access_token"));
    }
    Ok(account)
}

fn creds(object: &Map<String, Value>) -> Result<Account> {
    let mut account = tokens(object)?;
    account.expires_at_ms = match object.get("expiry_date") {
        None | Some(Value::Null) => None,
        Some(date) => {
            let ms = date.as_f64().filter(|ms| (0.0..1e15).contains(ms));
            Some(ms.ok_or_else(|| {
                Error::new("bad_json", "the credentials' expiry_date is no number of milliseconds")
            })? as u64)
        }
    };
    for (key, from) in [
        ("client_id", "client_id"),
        ("client_secret", "client_secret"),
        ("project_id", "quota_project_id"),
        ("project_id", "project_id"),
    ] {
        account.set(key, text(object, from)?);
    }
    let claims = login::claims(&text(object, "id_token")?);
    let claimed = claims.as_ref().and_then(|claims| claims.get("email")?.as_str()).unwrap_or_default();
    let email = text(object, "email")?;
    account.label = if email.is_empty() { claimed.to_owned() } else { email };
    Ok(account)
}

fn agy(object: &Map<String, Value>) -> Result<Account> {
    let token = object.get("token").and_then(Value::as_object);
    let token = token.ok_or_else(|| Error::new("bad_json", "the credentials hold no token"))?;
    let mut account = tokens(token)?;
    account.expires_at_ms = time::from_rfc3339(&text(token, "expiry")?);
    Ok(account)
}

fn tokens(object: &Map<String, Value>) -> Result<Account> {
    Ok(Account {
        access_token: text(object, "access_token")?,
        refresh_token: text(object, "refresh_token")?,
        token_type: text(object, "token_type")?,
        scope: text(object, "scope")?,
        ..Account::default()
    })
}

/// The file with the tokens of `account`; every other byte stays as it was.
///
/// # Errors
/// As [`read`].
pub fn write(format: &str, file: &[u8], account: &Account) -> Result<Vec<u8>> {
    let broken = || Error::new("bad_json", "the credentials are no JSON object");
    let mut object = Object::read(std::str::from_utf8(file).map_err(|_| broken())?).ok_or_else(broken)?;
    match format {
        CREDS => {
            put(&mut object, account);
            if let Some(at) = account.expires_at_ms {
                object.set("expiry_date", at.to_string());
            }
            put_text(&mut object, "id_token", account.field("id_token"));
        }
        AGY => {
            let held = object.get("token").unwrap_or("{}").to_owned();
            let token = Object::read(&held);
            let mut token = token.ok_or_else(|| Error::new("bad_json", "the credentials hold no token"))?;
            put(&mut token, account);
            if let Some(at) = account.expires_at_ms {
                put_text(&mut token, "expiry", &time::to_rfc3339(at));
            }
            if let Some(changed) = token.write() {
                object.set("token", changed);
            }
        }
        other => return Err(Error::unsupported(format!("no file of the format \"{other}\" is written"))),
    }
    Ok(object.write().map_or_else(|| file.to_vec(), String::into_bytes))
}

/// What a renewal changes.
fn put(object: &mut Object<'_>, account: &Account) {
    put_text(object, "access_token", &account.access_token);
    put_text(object, "refresh_token", &account.refresh_token);
    put_text(object, "token_type", &account.token_type);
    put_text(object, "scope", &account.scope);
}

/// Gives `key` this text, unless there is none or it is there already, however it is spelled.
fn put_text(object: &mut Object<'_>, key: &str, text: &str) {
    if !text.is_empty() && object.text(key).as_deref() != Some(text) {
        object.set(key, Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_plugin::json;

    const FILE: &str = r#"{"access_token":"a","refresh_token":"r","scope":"s","token_type":"Bearer","id_token":"h.eyJlbWFpbCI6Im1lQHgudGVzdCJ9.s","expiry_date":1760000000000,"mine":{"z":1}}"#;
    const TOKEN: &str = r#"{"token":{"access_token":"a","token_type":"Bearer","refresh_token":"r","expiry":"2026-08-22T10:00:00.123456789Z","x":1},"auth_method":"consumer"}"#;

    #[test]
    fn files_are_read() {
        let account = read(CREDS, FILE.as_bytes()).expect("an account");
        assert_eq!(
            (&*account.access_token, &*account.refresh_token, &*account.label),
            ("a", "r", "me@x.test")
        );
        assert_eq!(account.expires_at_ms, Some(1_760_000_000_000));
        let account = read(AGY, TOKEN.as_bytes()).expect("an account");
        assert_eq!(account.expires_at_ms, Some(1_787_392_800_123));
        let user = r#"{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r","quota_project_id":"p"}"#;
        let account = read(CREDS, user.as_bytes()).expect("an account");
        assert_eq!(
            (account.field("client_id"), account.field("client_secret"), account.field("project_id")),
            ("c", "s", "p")
        );
    }

    #[test]
    fn broken_files_are_sentences() {
        for (format, file) in [
            (CREDS, ""),
            (CREDS, "{\"access_token\":\"a"),
            (CREDS, "[]"),
            (CREDS, "{}"),
            (CREDS, r#"{"access_token":7}"#),
            (CREDS, r#"{"access_token":"a","expiry_date":"soon"}"#),
            (AGY, r#"{"access_token":"a"}"#),
            (AGY, r#"{"token":{}}"#),
        ] {
            let error = read(format, file.as_bytes()).expect_err(file);
            assert_eq!(error.code(), "bad_json", "{file}");
        }
        assert_eq!(read("other", b"{}").expect_err("a format").code(), "unsupported");
    }

    #[test]
    fn only_tokens_are_written() {
        let mut account = Account {
            access_token: "a2".to_owned(),
            expires_at_ms: Some(1_787_392_800_000),
            ..Account::default()
        };
        account.set("project_id", "p");
        let json = |format, file: &str| -> Value {
            serde_json::from_slice(&write(format, file.as_bytes(), &account).expect("a file")).expect("JSON")
        };
        let mut want: Value = serde_json::from_str(FILE).expect("JSON");
        want["access_token"] = "a2".into();
        want["expiry_date"] = json!(1_787_392_800_000_u64);
        assert_eq!(json(CREDS, FILE), want);
        let mut want: Value = serde_json::from_str(TOKEN).expect("JSON");
        want["token"]["access_token"] = "a2".into();
        want["token"]["expiry"] = "2026-08-22T10:00:00Z".into();
        assert_eq!(json(AGY, TOKEN), want);
    }
    #[test]
    fn no_other_byte_is_written() {
        let account = Account { access_token: "a2".to_owned(), ..Account::default() };
        for (format, file) in [
            (CREDS, "{\n  \"z\": 1e0,\n  \"access_token\": \"a\", \"expiry_date\": 1.0,\n  \"b\": [ ]\n}"),
            (AGY, "{ \"z\": 1e0, \"token\": {\"x\": [ ],  \"access_token\": \"a\" },\"b\":\"c\" }\n"),
        ] {
            let written = write(format, file.as_bytes(), &account).expect("a file");
            assert_eq!(String::from_utf8_lossy(&written), file.replace("\"a\"", "\"a2\""));
        }
    }
}
