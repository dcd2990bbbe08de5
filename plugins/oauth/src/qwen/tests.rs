use super::Qwen;
use lip_plugin::{Account, Value, json};
use lip_testkit::{Outcome, Reply, Stage};

lip_testkit::conformance!(Qwen);

const BODY: &str = r#"{"model":"coder-model", "messages":[]}"#;
const FILE: &str = "{\n  \"access_token\": \"at-1\", \"refresh_token\": \"rt-1\",\n  \"x\": 1e0, \"resource_url\": \"portal.qwen.ai\", \"expiry_date\": 1787392800000\n}\n";

fn stage() -> Stage {
    Stage::of::<Qwen>().model("coder-model").account(
        "one",
        &["at-1", "at-2"],
        &json!({"resource_url": "portal.qwen.ai"}),
    )
}

#[test]
fn a_turn_goes_where_the_login_says() {
    for (resource, want) in [
        ("portal.qwen.ai", "https://portal.qwen.ai/v1"),
        ("https://portal.qwen.ai/v1/", "https://portal.qwen.ai/v1"),
        ("", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
    ] {
        let seen = Stage::of::<Qwen>()
            .account("one", &["at-1"], &json!({ "resource_url": resource }))
            .reply(Reply::sse(["{}", "[DONE]"]))
            .stream()
            .turn(BODY)
            .run();
        let sent = &seen.requests[0];
        assert_eq!((seen.text().as_str(), &*sent.body), ("data: {}\n\ndata: [DONE]\n\n", BODY.as_bytes()));
        assert_eq!(sent.url, format!("{want}/chat/completions"));
        assert_eq!(sent.header("authorization"), Some("Bearer at-1"));
        assert_eq!(sent.header("x-dashscope-authtype"), Some("qwen-oauth"));
    }
    for key in ["resource_url_override", "base_url"] {
        let config = json!({ key: "http://127.0.0.1:9/v1/" });
        let seen = stage().config(&config).reply(Reply::text(200, "{}")).turn(BODY).run();
        assert_eq!(seen.requests[0].url, "http://127.0.0.1:9/v1/chat/completions");
    }
}

#[test]
fn a_login_elsewhere_gets_no_token() {
    let stage = Stage::of::<Qwen>().account("one", &["at-1"], &json!({"resource_url": "evil.test"}));
    assert_eq!(stage.turn(BODY).run().code(), "denied");
}

#[test]
fn refusals_are_of_the_token_or_of_the_quota() {
    let quota = json!({"error": {"code": "insufficient_quota", "message": "Free allocated quota exceeded."}});
    for (status, body, outcome, scope) in [
        (403, quota.clone(), "cooling", ""),
        (429, quota, "cooling", ""),
        (429, json!({"error": {"message": "slow"}}), "cooling", "coder-model"),
    ] {
        let seen = stage().reply(Reply::json(status, &body).header("retry-after", "7")).turn(BODY).run();
        assert_eq!(
            (&seen.reports[0]["outcome"], &seen.reports[0]["scope"]),
            (&json!(outcome), &json!(scope))
        );
        assert_eq!(seen.reports[0]["until_ms"], json!(1_700_000_007_000_u64));
        assert_eq!(seen.code(), "rate_limited");
    }
    let refused =
        |status| Reply::json(status, &json!({"error": {"message": "invalid access token or token expired"}}));
    let seen = stage().reply(refused(401)).reply(Reply::text(200, "{}")).turn(BODY).run();
    assert_eq!(seen.requests[1].header("authorization"), Some("Bearer at-2"));
    let seen = stage().reply(refused(401)).reply(refused(401)).turn(BODY).run();
    assert_eq!((seen.code(), seen.requests.len()), ("auth", 2));
    let seen = stage().reply(refused(403)).reply(refused(403)).turn(BODY).run();
    assert!(seen.error.is_some_and(|error| error.hint.is_some_and(|hint| hint.contains("2026-04-15"))));
    let seen = stage().reply(Reply::json(500, &json!({}))).turn(BODY).run();
    assert_eq!((seen.status, seen.spliced), (500, true));
}

#[test]
fn the_file_is_read_and_written() {
    let account = stage().read_account("qwen", FILE).run().account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("at-1", "rt-1"));
    assert_eq!(
        (account.expires_at_ms, account.field("resource_url")),
        (Some(1_787_392_800_000), "portal.qwen.ai")
    );
    let new = Account {
        access_token: "at-2".to_owned(),
        refresh_token: "rt-2".to_owned(),
        expires_at_ms: Some(1_787_392_800_001),
        ..Account::default()
    };
    let want = FILE.replace("at-1", "at-2").replace("rt-1", "rt-2").replace("800000", "800001");
    assert_eq!(stage().write_account("qwen", FILE, &new).run().text(), want);
    for (file, code) in [("", "bad_json"), ("{}", "auth"), ("[1]", "auth"), ("{\"access_token\":7}", "auth")]
    {
        assert_eq!(stage().read_account("qwen", file).run().code(), code, "{file}");
    }
    assert_eq!(stage().write_account("qwen", "[]", &new).run().code(), "bad_json");
    let said = stage().task("accounts").run().json();
    let file = json!({"file": "~/.qwen/oauth_creds.json", "format": "qwen", "writable": true, "lock": "~/.qwen/oauth_creds.lock"});
    assert_eq!(
        (&said["files"][0], &said["early_ms"], &said["wait_ms"]),
        (&file, &json!(30_000), &json!(10_000))
    );
    assert!(said["ended"].is_string());
    let config =
        json!({"token_url": "http://127.0.0.1:9/t", "enable_qwen_oauth_initial_rate_limit_retry": false});
    let said = stage().config(&config).task("accounts").run().json();
    assert_eq!((said["ended"].is_string(), &said["wait_ms"]), (false, &json!(0)));
}

fn renewed(status: u16, answer: &Value) -> Outcome {
    let account = Account { refresh_token: "rt-1".to_owned(), ..Account::default() };
    stage().reply(Reply::json(status, answer).only_for("POST", "/oauth2/token")).refresh(&account).run()
}

#[test]
fn a_token_is_renewed() {
    let seen = renewed(
        200,
        &json!({"access_token": "at-2", "expires_in": 60, "resource_url": "r", "token_type": "Bearer"}),
    );
    let account = seen.account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("at-2", "rt-1"));
    assert_eq!((account.expires_in_ms, account.expires_at_ms), (Some(60_000), Some(1_700_000_060_000)));
    assert_eq!((account.field("resource_url"), account.token_type.as_str()), ("r", "Bearer"));
    let form = String::from_utf8_lossy(&seen.requests[0].body).into_owned();
    assert_eq!(
        form,
        "grant_type=refresh_token&refresh_token=rt-1&client_id=f0304373b74a44d2b584a3fb70ca9e56"
    );
    for (status, answer, code) in [
        (400, json!({"error": "invalid_grant"}), "auth"),
        (401, json!({}), "auth"),
        (403, json!({}), "upstream"),
        (429, json!({}), "upstream"),
        (503, json!({}), "upstream"),
        (200, json!({}), "bad_json"),
    ] {
        assert_eq!(renewed(status, &answer).code(), code, "{status}");
    }
    assert_eq!(stage().refresh(&Account::default()).run().code(), "auth");
}

fn logged_in(polls: &[(u16, Value)]) -> Outcome {
    let begun = json!({"device_code": "dc", "user_code": "AB-CD", "verification_uri": "https://chat.qwen.ai/a",
        "verification_uri_complete": "https://chat.qwen.ai/a?c=AB", "expires_in": 60});
    let mut stage = stage().reply(Reply::json(200, &begun).only_for("POST", "/device/code"));
    for (status, answer) in polls {
        stage = stage.reply(Reply::json(*status, answer).only_for("POST", "/oauth2/token"));
    }
    stage.login("device", &json!({})).run()
}

#[test]
fn a_device_logs_in() {
    let pending = || (400, json!({"error": "authorization_pending"}));
    let done =
        || (200, json!({"access_token": "at", "refresh_token": "rt", "resource_url": "portal.qwen.ai"}));
    let seen = logged_in(&[pending(), (429, json!({"error": "slow_down"})), done()]);
    let account = seen.account();
    assert_eq!((account.access_token.as_str(), account.field("resource_url")), ("at", "portal.qwen.ai"));
    assert_eq!(
        seen.shown,
        [json!({"url": "https://chat.qwen.ai/a?c=AB", "code": "AB-CD", "expires_in_ms": 60_000})]
    );
    assert_eq!(seen.slept_ms, 2_000 + 2_000 + 3_000);
    let form = |at: usize| String::from_utf8_lossy(&seen.requests[at].body).into_owned();
    assert!(
        form(0).contains("&scope=openid%20profile%20email%20model.completion&code_challenge="),
        "{}",
        form(0)
    );
    let begin = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=f0304373b74a44d2b584a3fb70ca9e56&device_code=dc&code_verifier=";
    assert!(form(1).starts_with(begin), "{}", form(1));
    let verifier = form(1).rsplit('=').next().map(str::to_owned).expect("a verifier");
    assert!(form(0).contains(&lip_plugin::login::Pkce::of(verifier).challenge));
    assert_eq!(seen.requests[0].header("x-request-id").map(str::len), Some(36));

    for (answer, words) in [
        ((400, json!({"error": "access_denied"})), "said no"),
        ((400, json!({"error": "expired_token"})), "expired"),
        ((401, json!({})), "401"),
    ] {
        let error = logged_in(&[pending(), answer]).error.expect("an error");
        assert!(error.code == "auth" && error.message.contains(words), "{error:?}");
    }
    let forever = vec![pending(); 40];
    assert!(logged_in(&forever).error.is_some_and(|error| error.message.contains("too long")));
    let refused = Reply::json(400, &json!({"error": "invalid_client"}));
    assert_eq!(stage().reply(refused).login("device", &json!({})).run().code(), "upstream");
}
