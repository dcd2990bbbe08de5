//! Accounts in files: that of Kiro's IDE, and records such as LIP's Python predecessor keeps, one account a file.
//!
//! The IDE's file holds its token. Its client's registration is another file, which the IDE finds by `clientIdHash`: where the
//! token's file does not hold the client itself, the IDE renews the token, or the config names the client.
use super::identity::{Kind, key};
use super::login::BUILDER_ID;
use lip_plugin::{Account, Error, Object, Result, Value, json, serde_json, time};

/// The format's name.
pub(crate) const IDE: &str = "kiro-ide";

/// Reads the account of a file.
pub(crate) fn read(file: &[u8]) -> Result<Account> {
    let json: Value = serde_json::from_slice(file)?;
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default();
    if !text("access_token").is_empty() || !text("refresh_token").is_empty() {
        return Ok(of_record(&json));
    }
    if text("accessToken").is_empty() && text("refreshToken").is_empty() {
        return Err(Error::auth("the file holds no token").hint("Log in with Kiro's IDE"));
    }
    let kind = match (text("authMethod"), text("provider")) {
        (method, provider) if method.eq_ignore_ascii_case("idc") => match provider {
            "BuilderId" => Kind::BuilderId,
            _ => Kind::Idc,
        },
        ("", provider) => Kind::of(provider),
        (method, _) => Kind::of(method),
    };
    let mut account = Account {
        access_token: text("accessToken").to_owned(),
        refresh_token: text("refreshToken").to_owned(),
        token_type: "Bearer".to_owned(),
        expires_at_ms: time::from_rfc3339(text("expiresAt")),
        scope: scopes(&json),
        ..Account::default()
    };
    account.label = match text("provider") {
        "" => kind.word().to_owned(),
        provider => provider.to_owned(),
    };
    account.set(key::KIND, kind.word());
    for (own, told) in [
        (key::REGION, "region"),
        (key::PROFILE, "profileArn"),
        (key::TOKEN_URL, "tokenEndpoint"),
        (key::ISSUER, "issuerUrl"),
        (key::CLIENT_ID, "clientId"),
        (key::CLIENT_SECRET, "clientSecret"),
        (key::START_URL, "startUrl"),
    ] {
        account.set(own, text(told));
    }
    Ok(account)
}

/// A record with the predecessor's names, or with those that Kiro's CLI has for its tokens.
fn of_record(json: &Value) -> Account {
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut account = Account {
        name: text("account_id").to_owned(),
        access_token: text("access_token").to_owned(),
        refresh_token: text("refresh_token").to_owned(),
        token_type: "Bearer".to_owned(),
        scope: scopes(json),
        ..Account::default()
    };
    let expiry = json.get("expiry_date").and_then(Value::as_u64);
    account.expires_at_ms = expiry.or_else(|| time::from_rfc3339(text("expires_at")));
    let start_url = text("start_url");
    let kind = match text("auth_method") {
        "" if !start_url.is_empty() && start_url != BUILDER_ID => Kind::Idc,
        "" if start_url.is_empty() && !text("profile_arn").is_empty() => Kind::Social,
        word => Kind::of(word),
    };
    account.label = kind.word().to_owned();
    account.set(key::KIND, kind.word());
    for key in [key::REGION, key::PROFILE, key::START_URL, key::CLIENT_ID, key::CLIENT_SECRET] {
        account.set(key, text(key));
    }
    if let Some(ends) = json.get(key::CLIENT_ENDS).filter(|ends| ends.is_u64()) {
        account.fields.insert(key::CLIENT_ENDS.to_owned(), ends.clone());
    }
    account
}

fn scopes(json: &Value) -> String {
    match json.get("scopes") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// The file with new tokens, and all else as it was.
pub(crate) fn write(file: &[u8], account: &Account) -> Result<Vec<u8>> {
    let broken = || Error::new("bad_json", "the file holds no JSON object");
    let text = std::str::from_utf8(file).map_err(|_| broken())?;
    let mut object = Object::read(text).ok_or_else(broken)?;
    object.set("accessToken", json!(account.access_token).to_string());
    if !account.refresh_token.is_empty() {
        object.set("refreshToken", json!(account.refresh_token).to_string());
    }
    if let Some(at) = account.expires_at_ms {
        object.set("expiresAt", json!(time::to_rfc3339(at)).to_string());
    }
    Ok(object.write().map_or_else(|| file.to_vec(), String::into_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCIAL: &[u8] = br#"{"zzz": 1, "accessToken": "at", "refreshToken": "rt", "expiresAt": "2026-08-22T10:00:00.000Z",
        "authMethod": "social", "provider": "Google", "profileArn": "arn:aws:codewhisperer:us-east-1:1:profile/A"}"#;

    #[test]
    fn files_of_each_kind_are_read() {
        let account = read(SOCIAL).expect("an account");
        assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("at", "rt"));
        assert_eq!(account.expires_at_ms, Some(1_787_392_800_000));
        assert_eq!((account.label.as_str(), account.field(key::KIND)), ("Google", "social"));
        assert_eq!(account.field(key::PROFILE), "arn:aws:codewhisperer:us-east-1:1:profile/A");
        for (file, kind) in [
            (r#"{"accessToken":"a","authMethod":"IdC","provider":"BuilderId"}"#, "builderid"),
            (r#"{"accessToken":"a","authMethod":"IdC","provider":"Enterprise"}"#, "idc"),
            (r#"{"accessToken":"a","authMethod":"IdC"}"#, "idc"),
            (r#"{"accessToken":"a","provider":"Github"}"#, "social"),
            (r#"{"refreshToken":"r"}"#, "builderid"),
            (r#"{"accessToken":"a","authMethod":"external_idp","provider":"ExternalIdp"}"#, "external_idp"),
        ] {
            assert_eq!(read(file.as_bytes()).expect(file).field(key::KIND), kind, "{file}");
        }
        let external =
            br#"{"accessToken":"a","authMethod":"external_idp","tokenEndpoint":"https://idp.test/t",
            "issuerUrl":"https://idp.test/","clientId":"c","scopes":["a","b"],"region":"eu-central-1"}"#;
        let account = read(external).expect("an account");
        assert_eq!(account.scope, "a b");
        for (field, value) in [
            (key::TOKEN_URL, "https://idp.test/t"),
            (key::ISSUER, "https://idp.test/"),
            (key::CLIENT_ID, "c"),
            (key::REGION, "eu-central-1"),
        ] {
            assert_eq!(account.field(field), value);
        }
    }

    #[test]
    fn records_of_other_programs_are_read() {
        let record = br#"{"account_id": "work", "auth_method": "iamsso", "region": "eu-west-1", "access_token": "a", "refresh_token": "r",
            "client_id": "c", "client_secret": "s", "client_secret_expires_at": 9, "expiry_date": 5, "rate_limited_until": null}"#;
        let account = read(record).expect("an account");
        assert_eq!((account.name.as_str(), account.expires_at_ms), ("work", Some(5)));
        assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("a", "r"));
        let fields = json!({"auth_method": "idc", "region": "eu-west-1", "client_id": "c", "client_secret": "s", "client_secret_expires_at": 9});
        assert_eq!(Value::Object(account.fields), fields);
        let cli = |more: &str| {
            let text =
                format!(r#"{{"access_token": "a", "expires_at": "2026-08-22T10:00:00.123456789Z"{more}}}"#);
            read(text.as_bytes()).expect("an account")
        };
        assert_eq!(cli("").expires_at_ms, Some(1_787_392_800_123));
        for (more, kind) in [
            ("", "builderid"),
            (r#", "start_url": "https://view.awsapps.com/start""#, "builderid"),
            (r#", "start_url": "https://d-1.awsapps.com/start""#, "idc"),
            (r#", "profile_arn": "arn:aws:codewhisperer:us-east-1:1:profile/A""#, "social"),
        ] {
            assert_eq!(cli(more).field(key::KIND), kind, "{more}");
        }
    }

    #[test]
    fn files_without_tokens_are_told() {
        for (file, code) in
            [("", "bad_json"), ("[", "bad_json"), ("{}", "auth"), ("[]", "auth"), ("7", "auth")]
        {
            assert_eq!(
                read(file.as_bytes()).map_err(|e| e.code().to_owned()),
                Err(code.to_owned()),
                "{file}"
            );
        }
    }

    #[test]
    fn only_tokens_are_written() {
        let account = Account {
            access_token: "new".to_owned(),
            expires_at_ms: Some(1_787_392_801_000),
            ..read(SOCIAL).expect("an account")
        };
        let written = String::from_utf8(write(SOCIAL, &account).expect("a file")).expect("UTF-8");
        let before = std::str::from_utf8(SOCIAL).expect("UTF-8");
        let expected =
            before.replace(r#""at""#, r#""new""#).replace("2026-08-22T10:00:00.000Z", "2026-08-22T10:00:01Z");
        assert_eq!(written, expected, "not a byte beside them");
        assert!(write(b"[]", &account).is_err() && write(b"", &account).is_err());
    }
}
