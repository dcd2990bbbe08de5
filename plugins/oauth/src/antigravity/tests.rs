use super::Antigravity;
use lip_plugin::{Value, json};
use lip_testkit::conformance::Sample;
use lip_testkit::{Reply, Stage};

const ANSWER: &str = r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}]}}"#;
const MODELS: &str = r#"{"models":{"claude-sonnet-4-6":{"displayName":"Claude","maxTokens":200000,"maxOutputTokens":64000},"tab_flash":{"displayName":"Tab"},"x":{"displayName":""},"y":{"displayName":"Y","isInternal":true}}}"#;
const KEPT: &str = r#"{"resolved_project":"proj-1","resolved_for":""}"#;

lip_testkit::conformance!(Antigravity, Sample::new(ANSWER, MODELS).keeping(KEPT));

const BODY: &str =
    r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"maxOutputTokens":9}}"#;
const DAILY: &str = "https://daily-cloudcode-pa.googleapis.com/v1internal";
const PRODUCTION: &str = "https://cloudcode-pa.googleapis.com/v1internal";

fn ready() -> Stage {
    let kept: Value = lip_plugin::serde_json::from_str(KEPT).expect("JSON");
    Stage::of::<Antigravity>().model("gemini-3-flash").account("me", &["t"], &kept)
}

#[test]
fn the_envelope_is_antigravitys() {
    let seen = ready().stream().reply(Reply::sse([ANSWER])).turn(BODY).run();
    let sent = &seen.requests[0];
    assert_eq!(sent.url, format!("{DAILY}:streamGenerateContent?alt=sse"));
    let json = sent.json();
    assert_eq!(
        (&json["requestType"], &json["userAgent"], &json["project"]),
        (&json!("agent"), &json!("antigravity"), &json!("proj-1"))
    );
    let request = json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}], "generationConfig": {}, "sessionId": "-3238736544897475342"});
    assert_eq!(json["request"], request);
    assert_eq!((seen.whole, sent.header("user-agent")), (true, None));
}

#[test]
fn a_host_without_capacity_gives_way_to_the_next() {
    let full =
        || Reply::json(503, &json!({"error": {"code": 503, "message": "No capacity available for model"}}));
    let vague = || Reply::json(429, &json!({"error": {"code": 429, "message": "no"}}));
    for first in [full(), vague(), Reply::refused()] {
        let seen = ready().reply(first).reply(Reply::text(200, ANSWER)).turn(BODY).run();
        assert_eq!(seen.requests[1].url, format!("{PRODUCTION}:generateContent"));
        assert_eq!((seen.status, seen.reports.len()), (200, 1));
    }
    let seen = ready().reply(full()).reply(full()).turn(BODY).run();
    let error = seen.error.expect("an error");
    assert_eq!((seen.requests.len(), error.status, seen.reports.len()), (2, Some(503), 0));
}

#[test]
fn another_base_has_no_fallback_unless_one_is_named() {
    let urls = |config: Value| -> Vec<String> {
        let stage = ready().config(&config).reply(Reply::refused()).reply(Reply::refused()).turn(BODY);
        stage.run().requests.into_iter().map(|request| request.url).collect()
    };
    assert_eq!(urls(json!({"base_url": "http://127.0.0.1:1"})).len(), 1);
    let two = urls(json!({"base_url": "http://127.0.0.1:1", "fallback_base_url": "http://127.0.0.1:2"}));
    assert_eq!(two[1], "http://127.0.0.1:2/v1internal:generateContent");
}

#[test]
fn a_new_account_gets_a_project() {
    let tiers = json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]});
    let done = json!({"done": true, "response": {"cloudaicompanionProject": "auto-1"}});
    let seen = Stage::of::<Antigravity>()
        .model("claude-sonnet-4-6")
        .reply(Reply::json(200, &tiers))
        .reply(Reply::json(200, &done))
        .reply(Reply::text(200, ANSWER))
        .turn(BODY)
        .run();
    let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
    let load = format!("{PRODUCTION}:loadCodeAssist");
    assert_eq!(urls, [load, format!("{DAILY}:onboardUser"), format!("{DAILY}:generateContent")]);
    assert_eq!(seen.requests[0].json(), json!({"metadata": {"ideType": "ANTIGRAVITY"}}));
    assert_eq!(seen.requests[1].json()["tier_id"], "free-tier");
    assert_eq!(seen.requests[2].json()["request"]["generationConfig"]["maxOutputTokens"], 9);
}

#[test]
fn the_version_is_said_when_it_is_set() {
    let stage =
        ready().config(&json!({"client_version": "2.9.1"})).reply(Reply::text(200, ANSWER)).turn(BODY);
    assert_eq!(stage.run().requests[0].header("user-agent"), Some("antigravity/hub/2.9.1 linux/x64"));
    let old = Reply::json(
        400,
        &json!({"error": {"code": 400, "message": "This version of Antigravity is no longer supported."}}),
    );
    let seen = ready().reply(old).turn(BODY).run();
    assert!(seen.error.expect("an error").hint.expect("a hint").contains("client_version"));
}

#[test]
fn models_of_the_editor_are_left_out() {
    let seen = ready().reply(Reply::text(200, MODELS)).models().run();
    let models = seen.models();
    assert_eq!(
        (models.len(), models[0].id.as_str(), models[0].context_tokens),
        (1, "claude-sonnet-4-6", Some(200_000))
    );
    assert_eq!(seen.requests[0].json(), json!({}));
}

#[test]
fn people_log_in_by_browser() {
    let tokens = json!({"access_token": "a", "refresh_token": "r", "expires_in": 3599});
    let seen = Stage::of::<Antigravity>()
        .browser(json!({"code": "c"}))
        .reply(Reply::json(200, &tokens))
        .reply(Reply::json(200, &json!({"email": "me@x.test"})))
        .login("browser", &json!({}))
        .run();
    assert_eq!(
        (seen.account().label, seen.account().refresh_token),
        ("me@x.test".to_owned(), "r".to_owned()),
        "{:?}",
        seen.error
    );
    let url = seen.shown[0]["url"].as_str().expect("a URL");
    assert!(url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A4711%2Foauth-callback&"), "{url}");
    assert!(url.contains("auth%2Fcclog") && url.contains("client_id=1071006060591-"), "{url}");
}
