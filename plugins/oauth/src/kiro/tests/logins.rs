//! Logins and renewals, in front of scripted identity servers.
use super::Kiro;
use lip_plugin::{Account, Value, json, serde_json};
use lip_testkit::{Outcome, Reply, Stage};

fn register() -> Reply {
    let client =
        json!({"clientId": "cid", "clientSecret": "csec", "clientSecretExpiresAt": 4_000_000_000_u64});
    Reply::json(200, &client).only_for("POST", "/client/register")
}

fn device() -> Reply {
    let body = json!({"deviceCode": "dc", "userCode": "AB-CD", "verificationUri": "https://aws.test/d", "verificationUriComplete": "https://aws.test/d?c=AB-CD", "interval": 1, "expiresIn": 60});
    Reply::json(200, &body).only_for("POST", "/device_authorization")
}

fn token(status: u16, body: &Value) -> Reply {
    Reply::json(status, body).only_for("POST", "/token")
}

fn pending(status: u16) -> Reply {
    token(status, &json!({"error": "authorization_pending", "error_description": ""}))
}

fn good() -> Reply {
    token(
        200,
        &json!({"accessToken": "at-1", "refreshToken": "rt-1", "tokenType": "Bearer", "expiresIn": 3600}),
    )
}

fn login(method: &str, options: &Value, config: &Value, replies: impl IntoIterator<Item = Reply>) -> Outcome {
    let stage = Stage::of::<Kiro>().config(config).no_secrets();
    replies.into_iter().fold(stage, Stage::reply).login(method, options).run()
}

#[test]
fn a_builder_id_logs_in_by_device() {
    let slow = token(400, &json!({"error": "slow_down"}));
    let seen = login(
        "device",
        &json!({}),
        &json!({}),
        [register(), device(), pending(400), pending(200), slow, good()],
    );
    let account = seen.account();
    assert_eq!(seen.error, None);
    assert_eq!(
        (account.access_token.as_str(), account.refresh_token.as_str(), account.expires_in_ms),
        ("at-1", "rt-1", Some(3_600_000))
    );
    assert_eq!(
        Value::Object(account.fields),
        json!({"auth_method": "builderid", "region": "us-east-1", "start_url": "https://view.awsapps.com/start", "client_id": "cid",
            "client_secret": "csec", "client_secret_expires_at": 4_000_000_000_u64})
    );
    assert_eq!(
        seen.shown,
        [json!({"url": "https://aws.test/d?c=AB-CD", "code": "AB-CD", "expires_in_ms": 60_000})]
    );
    let sent = |n: usize| (seen.requests[n].url.as_str(), seen.requests[n].json());
    let (url, body) = sent(0);
    assert_eq!(url, "https://oidc.us-east-1.amazonaws.com/client/register");
    assert_eq!(
        (&body["clientType"], &body["clientName"]),
        (&json!("public"), &json!("llm-interactive-proxy"))
    );
    assert_eq!(
        body["scopes"],
        json!(["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"])
    );
    assert_eq!(
        sent(1),
        (
            "https://oidc.us-east-1.amazonaws.com/device_authorization",
            json!({"clientId": "cid", "clientSecret": "csec", "startUrl": "https://view.awsapps.com/start"})
        )
    );
    assert_eq!(
        sent(2).1,
        json!({"clientId": "cid", "clientSecret": "csec", "grantType": "urn:ietf:params:oauth:grant-type:device_code", "deviceCode": "dc"})
    );
    // 1 s, 1 s, 1 s, and 5 s more after slow_down.
    assert_eq!(seen.slept_ms, 1_000 + 1_000 + 1_000 + 6_000);
}

#[test]
fn an_organisation_logs_in_by_its_start_page() {
    let arn = "arn:aws:codewhisperer:eu-central-1:1:profile/P";
    let profiles = Reply::json(200, &json!({"profiles": [{"arn": arn}]}));
    let options = json!({"start_url": "https://d-1.awsapps.com/start", "region": "eu-west-1"});
    let seen = login(
        "device",
        &options,
        &json!({"api_region": "eu-central-1"}),
        [register(), device(), good(), profiles],
    );
    let account = seen.account();
    assert_eq!(
        (account.field("auth_method"), account.field("region"), account.field("profile_arn")),
        ("idc", "eu-west-1", arn)
    );
    assert_eq!(account.label, "https://d-1.awsapps.com/start");
    assert!(seen.requests[0].url.starts_with("https://oidc.eu-west-1.amazonaws.com/"));
    assert_eq!(seen.requests[3].header("authorization"), Some("Bearer at-1"));
    for options in [json!({"start_url": "http://x"}), json!({"region": "a/b"})] {
        assert_eq!(login("device", &options, &json!({}), []).code(), "bad_request", "{options}");
    }
}

#[test]
fn logins_that_fail_say_why() {
    let failed = |body: Value| token(400, &body);
    for (reply, told) in [
        (failed(json!({"error": "access_denied"})), "said no"),
        (failed(json!({"error": "expired_token"})), "expired"),
        (failed(json!({"error": "invalid_grant", "error_description": "gone"})), "gone"),
    ] {
        let seen = login("device", &json!({}), &json!({}), [register(), device(), reply]);
        assert_eq!(seen.code(), "auth");
        assert!(seen.error.is_some_and(|error| error.message.contains(told)));
    }
    let never = (0..100).map(|_| pending(400));
    let seen = login("device", &json!({}), &json!({}), [register(), device()].into_iter().chain(never));
    assert!(seen.code() == "auth" && seen.error.is_some_and(|error| error.message.contains("too long")));
    let refused = Reply::json(400, &json!({"error": "invalid_client_metadata"}));
    assert_eq!(login("device", &json!({}), &json!({}), [refused]).error.and_then(|e| e.status), Some(400));
    assert_eq!(login("carrier-pigeon", &json!({}), &json!({}), []).code(), "unsupported");
}

#[test]
fn social_accounts_log_in_at_kiros_service() {
    let flow = json!({"deviceCode": "dc", "userCode": "U", "verificationUri": "https://kiro.test/d", "intervalInMilliseconds": 2_000, "expiresInMilliseconds": 60_000});
    let poll = |body: Value| Reply::json(200, &body).only_for("POST", "/oauth/device/poll");
    let arn = "arn:aws:codewhisperer:us-east-1:1:profile/S";
    let done = json!({"status": "complete", "accessToken": "at", "refreshToken": "rt", "profileArn": arn, "identityProvider": "Github"});
    let begin = || Reply::json(200, &flow).only_for("POST", "/oauth/device/authorization");
    let waits = || poll(json!({"status": "authorization_pending"}));
    let seen =
        login("social", &json!({"provider": "GitHub"}), &json!({}), [begin(), waits(), waits(), poll(done)]);
    let account = seen.account();
    assert_eq!(
        (account.field("auth_method"), account.field("profile_arn"), account.label.as_str()),
        ("social", arn, "Github")
    );
    assert_eq!((account.expires_in_ms, seen.slept_ms), (Some(8 * 3_600_000), 6_000));
    assert_eq!(seen.shown[0]["url"], "https://kiro.test/d");
    assert_eq!(seen.requests[0].json(), json!({"clientId": "kiro-cli", "loginProvider": "Github"}));
    assert_eq!(seen.requests[1].json(), json!({"clientId": "kiro-cli", "deviceCode": "dc"}));
    assert!(seen.requests[0].url.starts_with("https://prod.us-east-1.auth.desktop.kiro.dev/"));
    let slow = poll(json!({"status": "slow_down"}));
    let fast = poll(json!({"accessToken": "at", "refreshToken": "rt"}));
    let seen = login("social", &json!({}), &json!({}), [begin(), slow, fast]);
    assert_eq!((seen.slept_ms, seen.account().label.as_str()), (2_000 + 7_000, "Google"));
    for (status, told) in [("expired", "expired"), ("denied", "said no")] {
        let seen = login("social", &json!({}), &json!({}), [begin(), poll(json!({"status": status}))]);
        assert!(
            seen.code() == "auth" && seen.error.is_some_and(|error| error.message.contains(told)),
            "{status}"
        );
    }
    assert_eq!(login("social", &json!({"provider": "x"}), &json!({}), []).code(), "bad_request");
}

#[test]
fn a_key_is_an_account_too() {
    let seen = login("api-key", &json!({"api_key": " ksk_1 "}), &json!({}), []);
    let account = seen.account();
    assert_eq!(
        (account.access_token.as_str(), account.field("auth_method"), account.expires_in_ms),
        ("ksk_1", "api_key", None)
    );
    let seen = Stage::of::<Kiro>().secret("api_key", "ksk_2").login("api-key", &json!({})).run();
    assert_eq!(seen.account().access_token, "ksk_2");
    assert_eq!(login("api-key", &json!({}), &json!({}), []).code(), "bad_config");
}

fn account(fields: Value) -> Account {
    let account = json!({"name": "a", "access_token": "old", "refresh_token": "rt-0", "expires_at_ms": 5, "scope": "s", "fields": fields});
    serde_json::from_value(account).expect("an account")
}

fn oidc() -> Account {
    account(
        json!({"auth_method": "builderid", "region": "us-east-1", "client_id": "cid", "client_secret": "csec", "mine": 1}),
    )
}

fn renewed(account: &Account, replies: impl IntoIterator<Item = Reply>) -> Outcome {
    replies.into_iter().fold(Stage::of::<Kiro>().no_secrets(), Stage::reply).refresh(account).run()
}

#[test]
fn aws_accounts_are_renewed() {
    let seen = renewed(&oidc(), [token(200, &json!({"accessToken": "new", "expiresIn": 60}))]);
    let account = seen.account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("new", "rt-0"));
    assert_eq!(
        (account.expires_in_ms, account.expires_at_ms, account.fields["mine"].clone()),
        (Some(60_000), None, json!(1))
    );
    assert_eq!(
        seen.requests[0].json(),
        json!({"clientId": "cid", "clientSecret": "csec", "grantType": "refresh_token", "refreshToken": "rt-0"})
    );
    let seen = renewed(&oidc(), [good()]);
    assert_eq!(seen.account().refresh_token, "rt-1");
}

#[test]
fn only_what_is_over_for_good_needs_a_login() {
    for (reply, code, status) in [
        (token(400, &json!({"error": "invalid_grant"})), "auth", None),
        (token(401, &json!({"error": "invalid_client"})), "auth", None),
        (
            token(400, &json!({"__type": "com.amazonaws.sso#ExpiredTokenException", "message": "x"})),
            "auth",
            None,
        ),
        (token(400, &json!({"message": "Client is expired"})), "auth", None),
        (token(401, &json!({"message": "Invalid refresh token provided"})), "auth", None),
        (token(400, &json!({"error": "slow_down"})), "upstream", Some(400)),
        (token(400, &json!({"error": "invalid_request"})), "upstream", Some(400)),
        (token(200, &json!({"error": "odd"})), "upstream", Some(502)),
        (token(500, &json!({"error": "invalid_grant"})), "upstream", Some(500)),
        (token(429, &json!({})), "upstream", Some(429)),
        (token(200, &json!({})), "bad_json", None),
        (Reply::text(200, "<html>"), "bad_json", None),
        (Reply::refused(), "io", None),
    ] {
        let seen = renewed(&oidc(), [reply.clone()]);
        assert_eq!((seen.code(), seen.error.as_ref().and_then(|e| e.status)), (code, status), "{reply:?}");
        assert!(!format!("{:?}{:?}", seen.error, seen.log).contains("rt-0"));
    }
    // The client itself is over: nobody has to be asked.
    let mut ended = oidc();
    ended.fields.insert("client_secret_expires_at".to_owned(), json!(1));
    assert_eq!((renewed(&ended, []).code(), renewed(&ended, []).requests.len()), ("auth", 0));
    let mut bare = oidc();
    bare.refresh_token.clear();
    assert_eq!(renewed(&bare, []).code(), "auth");
    assert_eq!(renewed(&account(json!({"auth_method": "api_key"})), []).code(), "auth");
}

#[test]
fn tokens_of_the_ide_need_its_client() {
    let ide = account(json!({"auth_method": "idc", "region": "us-east-1", "no_profile": true}));
    let seen = renewed(&ide, []);
    assert_eq!((seen.code(), seen.requests.len()), ("bad_config", 0));
    assert!(seen.error.is_some_and(|error| error.message.contains("clientIdHash")));
    let config = json!({"client_id": "c", "client_secret": "s"});
    let seen = Stage::of::<Kiro>().config(&config).reply(good()).refresh(&ide).run();
    assert_eq!(
        (seen.requests[0].json()["clientId"].as_str(), seen.account().access_token.as_str()),
        (Some("c"), "at-1")
    );
}

#[test]
fn social_accounts_are_renewed() {
    let social = account(json!({"auth_method": "social"}));
    let arn = "arn:aws:codewhisperer:us-east-1:1:profile/S";
    let reply = |status: u16, body: Value| Reply::json(status, &body).only_for("POST", "/refreshToken");
    let seen = renewed(&social, [reply(200, json!({"accessToken": "new", "profileArn": arn}))]);
    let account = seen.account();
    assert_eq!(
        (account.expires_in_ms, account.field("profile_arn"), account.refresh_token.as_str()),
        (Some(3_600_000), arn, "rt-0")
    );
    assert_eq!(seen.requests[0].json(), json!({"refreshToken": "rt-0"}));
    for (status, code) in [(401, "auth"), (403, "auth"), (400, "upstream"), (503, "upstream")] {
        assert_eq!(renewed(&social, [reply(status, json!({"message": "no"}))]).code(), code, "{status}");
    }
}

#[test]
fn external_identities_are_renewed_at_their_issuer_only() {
    let external = |url: &str, issuer: &str| {
        account(
            json!({"auth_method": "external_idp", "token_endpoint": url, "issuer_url": issuer, "client_id": "c", "no_profile": true}),
        )
    };
    let url = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
    let reply = Reply::json(200, &json!({"access_token": "new", "refresh_token": "rt-9", "expires_in": 10}));
    let seen = renewed(&external(url, "https://login.microsoftonline.com/t/v2.0"), [reply.clone()]);
    assert_eq!(
        (seen.account().access_token.as_str(), seen.account().refresh_token.as_str()),
        ("new", "rt-9")
    );
    assert_eq!(seen.requests[0].url, url);
    assert_eq!(
        String::from_utf8_lossy(&seen.requests[0].body),
        "grant_type=refresh_token&client_id=c&refresh_token=rt-0&scope=s"
    );
    for (url, issuer) in [
        (url, "https://evil.test"),
        ("http://login.microsoftonline.com/t", "http://login.microsoftonline.com/"),
        ("", ""),
        ("https://login.microsoftonline.com@evil.test/t", "https://login.microsoftonline.com/"),
    ] {
        let seen = renewed(&external(url, issuer), [reply.clone()]);
        assert_eq!((seen.code(), seen.requests.len()), ("bad_config", 0), "{url} {issuer}");
    }
    let config = json!({"external_token_url": "https://idp.test/token"});
    let seen = Stage::of::<Kiro>().config(&config).reply(reply).refresh(&external("", "")).run();
    assert_eq!(
        (seen.requests[0].url.as_str(), seen.account().access_token.as_str()),
        ("https://idp.test/token", "new")
    );
}
