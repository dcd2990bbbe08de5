use super::{Auto, Free, Plan};
use lip_plugin::{Value, json};
use lip_testkit::conformance::Sample;
use lip_testkit::{Reply, Stage};

const ANSWER: &str = r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}]}}"#;
const KEPT: &str = r#"{"resolved_project":"proj-1","resolved_for":""}"#;
const SAMPLE: Sample = Sample::new(ANSWER, "").keeping(KEPT);

mod free {
    use super::*;
    lip_testkit::conformance!(Free, SAMPLE);
}
mod plan {
    use super::*;
    lip_testkit::conformance!(Plan, SAMPLE);
}
mod auto {
    use super::*;
    lip_testkit::conformance!(Auto, SAMPLE);
}

const BODY: &str = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;

fn kept() -> Value {
    lip_plugin::serde_json::from_str(KEPT).expect("JSON")
}

fn quota() -> Reply {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "QUOTA_EXHAUSTED", "domain": "cloudcode-pa.googleapis.com", "metadata": {"quotaResetDelay": "1h"}});
    Reply::json(429, &json!({"error": {"code": 429, "message": "used up", "details": [info]}}))
}

#[test]
fn accounts_take_turns() {
    let stage = Stage::of::<Auto>().model("m").account("a", &["ta"], &kept()).account("b", &["tb"], &kept());
    let seen = stage.reply(quota()).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    let tokens: Vec<_> = seen.requests.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(tokens, [Some("Bearer ta"), Some("Bearer tb")]);
    let outcomes: Vec<_> =
        seen.reports.iter().map(|report| (report["account"].clone(), report["outcome"].clone())).collect();
    assert_eq!(outcomes, [(json!("a"), json!("cooling")), (json!("b"), json!("good"))]);
}

#[test]
fn each_account_has_its_project() {
    let loaded = Reply::json(200, &json!({"currentTier": {"id": "x"}, "cloudaicompanionProject": "proj-b"}));
    let own = json!({"project_id": "mine"});
    let stage = Stage::of::<Auto>().model("m").account("a", &["ta"], &kept()).account("b", &["tb"], &own);
    let seen = stage.reply(quota()).reply(loaded).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!(seen.requests[1].json()["cloudaicompanionProject"], "mine");
    let projects: Vec<_> = [0, 2].map(|at: usize| seen.requests[at].json()["project"].clone()).into();
    assert_eq!(projects, [json!("proj-1"), json!("proj-b")]);
}

#[test]
fn the_free_tier_takes_no_project() {
    let tiers = json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]});
    let done = json!({"done": true, "response": {"cloudaicompanionProject": {"id": "auto-1"}}});
    let stage = Stage::of::<Free>().model("m").account("a", &["t"], &json!({"project_id": "default"}));
    let seen = stage
        .reply(Reply::json(200, &tiers))
        .reply(Reply::json(200, &done))
        .reply(Reply::text(200, ANSWER))
        .turn(BODY)
        .run();
    let metadata =
        json!({"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"});
    assert_eq!(seen.requests[0].json(), json!({ "metadata": metadata }));
    assert_eq!(seen.requests[1].json(), json!({"tierId": "free-tier", "metadata": metadata}));
    assert_eq!(seen.requests[2].json()["project"], "auto-1");
}

#[test]
fn validation_and_the_end_of_a_service_are_told() {
    let answer = |code: &str| {
        let tier = json!({"tierId": "free-tier", "reasonCode": code, "reasonMessage": "because", "validationUrl": "https://v.test"});
        Reply::json(200, &json!({"ineligibleTiers": [tier]}))
    };
    for (code, words) in [("VALIDATION_REQUIRED", "because"), ("UNSUPPORTED_CLIENT", "no longer")] {
        let stage = Stage::of::<Free>().model("m").account("a", &["t"], &json!({}));
        let seen = stage.reply(answer(code)).turn(BODY).run();
        assert_eq!(
            (seen.reports[0]["outcome"].clone(), seen.reports[0]["url"].clone()),
            (json!("blocked"), json!("https://v.test"))
        );
        let error = seen.error.expect("an error");
        assert!(error.message.contains(words) && error.hint.expect("a hint").contains("https://v.test"));
    }
}

fn log_in(query: Value) -> Stage {
    Stage::of::<Auto>().browser(query).login("browser", &json!({"project": "proj-9"}))
}

#[test]
fn people_log_in_by_browser() {
    let tokens = json!({"access_token": "a", "refresh_token": "r", "expires_in": 3599, "scope": "s", "token_type": "Bearer"});
    let seen = log_in(json!({"code": "4/c"}))
        .reply(Reply::json(200, &tokens))
        .reply(Reply::json(200, &json!({"email": "me@x.test"})))
        .run();
    let account = seen.account();
    assert_eq!(
        (&*account.access_token, &*account.label, account.field("project_id")),
        ("a", "me@x.test", "proj-9"),
        "{:?}",
        seen.error
    );
    assert_eq!(
        (&seen.awaited[0]["path"], &seen.awaited[0]["ports"]),
        (&json!("/oauth2callback"), &json!([0]))
    );
    let url = seen.shown[0]["url"].as_str().expect("a URL");
    assert!(url.starts_with("https://accounts.google.com/o/oauth2/v2/auth?client_id=681255809395-"), "{url}");
    for part in [
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Foauth2callback",
        "access_type=offline",
        "prompt=consent",
        "code_challenge_method=S256",
        &format!("state={}", seen.awaited[0]["state"].as_str().expect("a state")),
    ] {
        assert!(url.contains(part), "{part} is not in {url}");
    }
    let form = String::from_utf8(seen.requests[0].body.to_vec()).expect("text");
    assert!(
        form.contains("&code=4%2Fc&code_verifier=") && form.contains("&grant_type=authorization_code&"),
        "{form}"
    );
    assert_eq!(seen.requests[1].header("authorization"), Some("Bearer a"));
}

#[test]
fn logins_fail_with_sentences() {
    let no = log_in(json!({"error": "access_denied", "error_description": "you said no"})).run();
    assert_eq!(no.code(), "auth");
    assert!(no.error.expect("an error").message.contains("you said no"));
    assert_eq!(log_in(json!({})).run().code(), "auth");
    let without = Reply::json(200, &json!({"access_token": "a"}));
    assert!(
        log_in(json!({"code": "c"}))
            .reply(without)
            .run()
            .error
            .expect("an error")
            .message
            .contains("no refresh token")
    );
    let void =
        Reply::json(400, &json!({"error": "invalid_grant", "error_description": "Malformed auth code."}));
    assert_eq!(log_in(json!({"code": "c"})).reply(void).run().code(), "auth");
    let seen =
        Stage::of::<Auto>().no_secrets().browser(json!({"code": "c"})).login("browser", &json!({})).run();
    assert_eq!((seen.code(), seen.shown.len(), seen.requests.len()), ("bad_config", 0, 0));
    assert_eq!(Stage::of::<Auto>().login("browser", &json!({})).run().code(), "timeout");
}

#[test]
fn a_login_lasts_though_nobody_says_whose_it_is() {
    let tokens = json!({"access_token": "a", "refresh_token": "r"});
    let seen =
        log_in(json!({"code": "c"})).reply(Reply::json(200, &tokens)).reply(Reply::text(500, "")).run();
    assert_eq!((seen.account().label, seen.account().refresh_token), (String::new(), "r".to_owned()));
}

#[test]
fn pools_are_as_the_config_says() {
    let told = |config: Value| Stage::of::<Auto>().config(&config).task("accounts").run().json();
    let plain = told(json!({}));
    assert_eq!(
        (&plain["logins"], &plain["early_ms"], &plain["only"]),
        (&json!(["browser"]), &json!(300_000), &json!([]))
    );
    assert_eq!(plain["imports"][0]["file"], "~/.gemini/oauth_creds.json");
    let set = told(
        json!({"accounts": "a, b", "selection_strategy": "round-robin", "session_affinity_ttl_seconds": 5, "refresh_buffer_seconds": "7", "max_wait_seconds": 0.5}),
    );
    assert_eq!(
        (&set["only"], &set["strategy"], &set["affinity_ms"]),
        (&json!(["a", "b"]), &json!("round-robin"), &json!(5_000))
    );
    assert_eq!((&set["early_ms"], &set["wait_ms"]), (&json!(7_000), &json!(500)));
    assert_eq!(told(json!({"accounts": "all"}))["only"], json!([]));
    let error =
        Stage::of::<Auto>().config(&json!({"selection_strategy": "best"})).create().expect("an error");
    assert!(error.message.contains("round-robin"), "{error:?}");
}

#[test]
fn files_are_gemini_clis_and_the_free_tier_has_ended() {
    let free = Stage::of::<Free>().task("accounts").run().json();
    assert_eq!(
        free["files"][0],
        json!({"file": "~/.gemini/oauth_creds.json", "format": "oauth-creds", "writable": true})
    );
    assert!(free["ended"].as_str().expect("a sentence").contains("2026"));
    let plan = Stage::of::<Plan>()
        .config(&json!({"gemini_cli_oauth_path": "/d/.gemini"}))
        .task("accounts")
        .run()
        .json();
    assert_eq!(
        (&plan["files"][0]["file"], &plan["ended"]),
        (&json!("/d/.gemini/oauth_creds.json"), &Value::Null)
    );
}
