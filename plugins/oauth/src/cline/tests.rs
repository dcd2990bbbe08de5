use super::Cline;
use super::file::{PROVIDERS, SECRETS};
use lip_plugin::{Account, Value, json};
use lip_testkit::conformance::Sample;
use lip_testkit::{Outcome, Reply, Stage};

const ANSWER: &str = r#"{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
const MODELS: &str = r#"{"recommended":[{"id":"anthropic/claude-sonnet-5","name":"Sonnet"}],"free":[{"id":"cline-free/x"},{"id":"anthropic/claude-sonnet-5"},{"id":""}],"clinePass":[]}"#;
const BODY: &str = r#"{"model":"anthropic/claude-sonnet-5", "messages":[]}"#;

lip_testkit::conformance!(Cline, Sample::new(ANSWER, MODELS));

/// With an account and without a key.
fn stage() -> Stage {
    Stage::of::<Cline>().no_secrets().model("m").account("one", &["at-1", "at-2"], &json!({}))
}

#[test]
fn a_turn_is_the_clients_body_and_the_upstreams_answer() {
    let seen = stage().stream().reply(Reply::sse(["{}", "[DONE]"])).turn(BODY).run();
    let sent = &seen.requests[0];
    assert_eq!((seen.text().as_str(), seen.spliced), ("data: {}\n\ndata: [DONE]\n\n", true));
    assert_eq!(
        (sent.url.as_str(), &*sent.body),
        ("https://api.cline.bot/api/v1/chat/completions", BODY.as_bytes())
    );
    assert_eq!(sent.header("authorization"), Some("Bearer workos:at-1"));
    assert_eq!((sent.header("x-task-id"), sent.header("x-client-type")), (Some("testkit"), Some("lip")));
    let seen = stage()
        .config(&json!({"secrets": ["api_key"]}))
        .secret("api_key", "sk")
        .reply(Reply::text(200, ANSWER))
        .turn(BODY)
        .run();
    assert_eq!(seen.requests[0].header("authorization"), Some("Bearer sk"));
}

#[test]
fn a_stream_that_is_called_plain_text_is_one() {
    let plain = Reply::chunks(200, "text/plain; charset=utf-8", ["data: {}\n\n", "data: [DONE]\n\n"]);
    let seen = stage().stream().reply(plain.clone()).turn(BODY).run();
    assert_eq!((seen.text().as_str(), seen.spliced), ("data: {}\n\ndata: [DONE]\n\n", false));
    assert_eq!(stage().stream().reply(plain.cut()).turn(BODY).run().code(), "io");
}

#[test]
fn an_answer_is_taken_out_of_its_wrapping() {
    let wrapped = format!(" {{\"success\" : true, \"data\" : {ANSWER} }}");
    for at in 1..wrapped.len() {
        let (a, b) = wrapped.split_at(at);
        let chunks = Reply::chunks(200, "application/json", [a.to_owned(), b.to_owned()]);
        let seen = stage().reply(chunks).turn(BODY).run();
        assert_eq!(seen.text(), ANSWER, "cut at {at}");
    }
    for other in [ANSWER, r#"{"success":true,"data":{"url":"x"}}"#, r#"{"success":false}"#] {
        let seen = stage().reply(Reply::text(200, other)).turn(BODY).run();
        assert_eq!(seen.text(), other);
    }
    assert_eq!(stage().reply(Reply::text(200, "")).turn(BODY).run().code(), "upstream");
}

#[test]
fn refusals_are_told_apart() {
    let now = 1_700_000_000_000_u64;
    let spend = json!({"error": {"code": "SPEND_LIMIT_EXCEEDED", "resets_at": "2023-11-14T22:14:20Z", "message": "m"}});
    for (status, body, scope, until) in [
        (429, spend, "", Some(now + 60_000)),
        (429, json!({"error": {"code": "INFERENCE_CAP_ERROR", "message": "m"}}), "", None),
        (
            429,
            json!({"error": "Free limit reached on model x. Try again in 2 hours"}),
            "m",
            Some(now + 7_200_000),
        ),
        (
            403,
            json!({"error": "You have reached your weekly ClinePass limit, please try again later."}),
            "",
            None,
        ),
        (429, json!({"error": "slow down"}), "m", None),
    ] {
        let seen = stage().reply(Reply::json(status, &body)).turn(BODY).run();
        assert_eq!((seen.code(), seen.requests.len()), ("rate_limited", 1), "{body}");
        assert_eq!(
            (&seen.reports[0]["scope"], &seen.reports[0]["until_ms"]),
            (&json!(scope), &json!(until)),
            "{body}"
        );
    }
    let inner = json!({"code": "insufficient_credits", "message": "no credits"});
    for (status, body, told, words) in [
        (402, json!({"error": inner}), 402, "no credits"),
        (402, json!({"error": inner.to_string()}), 402, "no credits"),
        (400, json!({"error": inner.to_string()}), 402, "no credits"),
        (403, json!({"error": "the user is not subscribed to required model plan"}), 403, "not subscribed"),
        (404, json!({"error": "model not found: cline-free/x"}), 404, "cline-free"),
        (400, json!({"error": {"message": "bad"}}), 400, "bad"),
    ] {
        let seen = stage().reply(Reply::json(status, &body)).turn(BODY).run();
        let error = seen.error.expect("an error");
        assert_eq!((error.status, seen.reports.len()), (Some(told), 0), "{body}");
        assert!(error.message.contains(words), "{error:?}");
    }
    let refused = || Reply::json(401, &json!({"success": false, "error": "Unauthorized"}));
    let seen = stage().reply(refused()).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!(seen.requests[1].header("authorization"), Some("Bearer workos:at-2"));
    assert_eq!(stage().reply(refused()).reply(refused()).turn(BODY).run().code(), "auth");
    assert_eq!(stage().reply(Reply::text(500, "oops")).turn(BODY).run().status, 500);
}

#[test]
fn both_files_are_read_and_written() {
    let providers = "{\"version\":1,\n \"providers\": {\"cline\": {\"settings\": {\"auth\": {\"accessToken\": \"workos:at-1\", \"refreshToken\": \"rt-1\", \"expiresAt\": 1787392800000, \"metadata\": {\"userInfo\": {\"email\": \"a@b.test\"}}}}, \"tokenSource\": \"oauth\"}}}\n";
    let account = stage().read_account(PROVIDERS, providers).run().account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("at-1", "rt-1"));
    assert_eq!((account.label.as_str(), account.expires_at_ms), ("a@b.test", Some(1_787_392_800_000)));
    let new = Account {
        access_token: "at-2".to_owned(),
        refresh_token: "rt-2".to_owned(),
        expires_at_ms: Some(1_787_392_801_000),
        ..Account::default()
    };
    let changed =
        |text: &str| text.replace("at-1", "at-2").replace("rt-1", "rt-2").replace("1787392800", "1787392801");
    assert_eq!(stage().write_account(PROVIDERS, providers, &new).run().text(), changed(providers));

    let held = r#"{"idToken":"at-1","refreshToken":"rt-1","expiresAt":1787392800,"userInfo":{"email":"a@b.test"},"provider":"cline"}"#;
    let secrets = format!("{{\"x\": 1e0, \"cline:clineAccountId\": {}}}", Value::from(held));
    let account = stage().read_account(SECRETS, secrets.clone()).run().account();
    assert_eq!((account.access_token.as_str(), account.expires_at_ms), ("at-1", Some(1_787_392_800_000)));
    assert_eq!(stage().write_account(SECRETS, secrets.clone(), &new).run().text(), changed(&secrets));
    let older = secrets.replace("cline:clineAccountId", "clineAccountId");
    assert_eq!(stage().read_account(SECRETS, older).run().account().label, "a@b.test");

    for format in [PROVIDERS, SECRETS] {
        for (file, code) in
            [("", "bad_json"), ("{}", "auth"), ("[]", "auth"), (r#"{"cline:clineAccountId":"{"}"#, "auth")]
        {
            assert_eq!(stage().read_account(format, file).run().code(), code, "{format} {file}");
        }
        assert_eq!(stage().write_account(format, "{}", &new).run().code(), "bad_json");
    }
    let said = stage().config(&json!({"cline_dir": "/c/"})).task("accounts").run().json();
    assert_eq!(said["files"][0]["file"], "/c/data/settings/providers.json");
    assert_eq!(
        (&said["files"][1]["file"], &said["files"][1]["writable"]),
        (&json!("/c/data/secrets.json"), &json!(false))
    );
}

fn renewed(status: u16, answer: &Value) -> Outcome {
    let account = Account { refresh_token: "rt-1".to_owned(), ..Account::default() };
    stage()
        .reply(Reply::json(status, answer).only_for("POST", "/api/v1/auth/refresh"))
        .refresh(&account)
        .run()
}

#[test]
fn a_token_is_renewed() {
    let data = json!({"accessToken": "workos:at-2", "expiresAt": "2026-08-22T10:00:00Z"});
    let seen = renewed(200, &json!({"success": true, "data": data}));
    let account = seen.account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("at-2", "rt-1"));
    assert_eq!(account.expires_at_ms, Some(1_787_392_800_000));
    assert_eq!(seen.requests[0].json(), json!({"refreshToken": "rt-1", "grantType": "refresh_token"}));
    for (status, answer, code) in [
        (400, json!({"error": "invalid_grant"}), "auth"),
        (422, json!({"error": {"code": "invalid_token"}}), "auth"),
        (401, json!({"message": "session expired"}), "auth"),
        (403, json!({"message": "go away"}), "upstream"),
        (404, json!({"message": "invalid path"}), "upstream"),
        (500, json!({"error": "invalid_grant"}), "upstream"),
        (200, json!({"success": true, "data": {}}), "bad_json"),
    ] {
        assert_eq!(renewed(status, &answer).code(), code, "{status} {answer}");
    }
    assert_eq!(stage().refresh(&Account::default()).run().code(), "auth");
}

#[test]
fn a_device_logs_in() {
    let begun = json!({"device_code": "dc", "user_code": "AB-CD", "verification_uri": "https://w.test/d", "expires_in": 300, "interval": 2});
    let polls = [
        (400, json!({"error": "authorization_pending"})),
        (400, json!({"error": "slow_down"})),
        (200, json!({"access_token": "w-at", "refresh_token": "w-rt"})),
    ];
    let logged_in = |polls: &[(u16, Value)], registered: &(u16, Value)| {
        let mut stage =
            stage().reply(Reply::json(200, &begun).only_for("POST", "/user_management/authorize/device"));
        for (status, answer) in polls {
            stage =
                stage.reply(Reply::json(*status, answer).only_for("POST", "/user_management/authenticate"));
        }
        let registered = Reply::json(registered.0, &registered.1).only_for("POST", "/api/v1/auth/register");
        stage.reply(registered).login("device", &json!({})).run()
    };
    let data =
        json!({"accessToken": "at", "expiresAt": "2026-08-22T10:00:00Z", "userInfo": {"email": "a@b.test"}});
    let good = (200, json!({"success": true, "data": data}));
    let seen = logged_in(&polls, &good);
    let account = seen.account();
    assert_eq!((account.access_token.as_str(), account.refresh_token.as_str()), ("at", "w-rt"));
    assert_eq!((account.label.as_str(), account.expires_at_ms), ("a@b.test", Some(1_787_392_800_000)));
    assert_eq!(seen.shown, [json!({"url": "https://w.test/d", "code": "AB-CD", "expires_in_ms": 300_000})]);
    assert_eq!((seen.slept_ms, seen.requests.len()), (2_000 + 2_000 + 3_000, 5));
    assert_eq!(seen.requests[0].url, "https://api.workos.com/user_management/authorize/device");
    assert_eq!(seen.requests[4].json(), json!({"accessToken": "w-at", "refreshToken": "w-rt"}));

    let denied = [(403, json!({"error": "access_denied"}))];
    assert_eq!(logged_in(&denied, &good).code(), "auth");
    assert_eq!(logged_in(&polls, &(403, json!({"error": "no account"}))).code(), "auth");
    assert_eq!(
        stage().reply(Reply::json(400, &json!({}))).login("device", &json!({})).run().code(),
        "upstream"
    );
}

#[test]
fn environments_have_their_places() {
    for (config, want) in [
        (json!({"environment": "staging"}), "https://core-api.staging.int.cline.bot"),
        (json!({"api_base_url": "http://127.0.0.1:9/"}), "http://127.0.0.1:9"),
        (
            json!({"base_url": "http://127.0.0.1:8", "api_base_url": "http://127.0.0.1:9"}),
            "http://127.0.0.1:8",
        ),
    ] {
        let seen = stage().config(&config).reply(Reply::text(200, MODELS)).models().run();
        assert_eq!(seen.requests[0].url, format!("{want}/api/v1/ai/cline/recommended-models"));
        let ids: Vec<_> = seen.models().iter().map(|model| model.id.clone()).collect();
        assert_eq!(ids, ["anthropic/claude-sonnet-5", "cline-free/x"]);
    }
    for config in
        [json!({"environment": "moon"}), json!({"workos_base_url": "x"}), json!({"client_type": "a\n"})]
    {
        let error = stage().config(&config).create().expect("an error");
        let key = error.message.split(':').next().expect("a sentence");
        assert!(error.code == "bad_config" && config.get(key).is_some(), "{error:?}");
    }
}
