use super::CloudProject;
use lip_plugin::{Account, Value, json};
use lip_testkit::conformance::Sample;
use lip_testkit::{Outcome, Reply, Stage};

const ANSWER: &str = r#"{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP","index":0}]}}"#;
const KEPT: &str = r#"{"project_id":"proj-1","resolved_project":"proj-1","resolved_for":"proj-1"}"#;

lip_testkit::conformance!(CloudProject, Sample::new(ANSWER, "").keeping(KEPT));

const BODY: &str = r#" {"contents" : [{"parts":[{"text":"hi"}]}], "x":1e2}"#;
const CHUNK: &str = r#"{"response":{"candidates":[{"content":{"parts":[{"text":"h"}]}}]},"traceId":"t"}"#;
const LAST: &str = r#"{"response":{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1.0}},"thoughtSignature":"s=="}]},"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":3}}}"#;

/// A stage whose account knows its project.
fn ready() -> Stage {
    let kept: Value = lip_plugin::serde_json::from_str(KEPT).expect("JSON");
    Stage::of::<CloudProject>().model("gemini-2.5-pro").account("me", &["old", "new"], &kept)
}

/// One whose account has to be asked about.
fn unknown(project: &str) -> Stage {
    let stage = Stage::of::<CloudProject>().model("gemini-2.5-pro").account("me", &["old"], &json!({}));
    stage.config(&json!({ "google_cloud_project": project }))
}

fn methods(seen: &Outcome) -> Vec<&str> {
    let method = |url: &'_ str| url.rsplit_once(['/', ':']).map(|(_, method)| method.to_owned());
    seen.requests
        .iter()
        .map(|request| method(&request.url).map_or("", |m| &request.url[request.url.len() - m.len()..]))
        .collect()
}

fn error(status: u16, reason: &str, more: Value) -> Reply {
    let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "cloudcode-pa.googleapis.com", "metadata": more});
    Reply::json(status, &json!({"error": {"code": status, "message": "no", "details": [info]}}))
}

#[test]
fn the_clients_bytes_are_wrapped() {
    let seen = ready().reply(Reply::text(200, ANSWER)).turn(BODY).run();
    let sent = &seen.requests[0];
    assert_eq!(sent.url, "https://cloudcode-pa.googleapis.com/v1internal:generateContent");
    assert_eq!(sent.header("authorization"), Some("Bearer old"));
    let body = String::from_utf8(sent.body.to_vec()).expect("text");
    let inside = r#""request":{"contents" : [{"parts":[{"text":"hi"}]}], "x":1e2,"session_id":"testkit"}}"#;
    assert!(body.ends_with(inside), "{body}");
    assert_eq!(
        (&sent.json()["project"], &sent.json()["model"]),
        (&json!("proj-1"), &json!("gemini-2.5-pro"))
    );
    assert_eq!(seen.json()["candidates"][0]["finishReason"], "STOP");
    assert_eq!(seen.reports, [json!({"account": "me", "outcome": "good"})]);
}

#[test]
fn streams_are_unwrapped_and_otherwise_as_they_came() {
    let doubled = CHUNK.replacen("},", "},,", 1);
    for frames in [vec![CHUNK, LAST], vec![&*doubled, r#"{"traceId":"t"}"#, LAST]] {
        let seen = ready().stream().reply(Reply::sse(frames)).turn(BODY).run();
        assert_eq!(
            seen.requests[0].url,
            "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse"
        );
        let inner = |frame: &str| {
            let value = frame.strip_prefix("{\"response\":").expect("an envelope");
            value.strip_suffix("}").expect("its end").trim_end_matches(",\"traceId\":\"t\"").to_owned()
        };
        assert_eq!(seen.sse(), [inner(CHUNK), inner(LAST)]);
        assert!(seen.whole, "{:?}", seen.error);
    }
}

#[test]
fn events_are_whole_wherever_chunks_are_cut() {
    let text = format!(": hello\r\n\r\ndata: {CHUNK}\r\n\r\ndata: {LAST}\n\n");
    let want = ready()
        .stream()
        .reply(Reply::chunks(200, "text/event-stream", [text.clone()]))
        .turn(BODY)
        .run()
        .sse();
    assert_eq!(want.len(), 2);
    for at in (0..text.len()).step_by(7) {
        let (head, tail) = text.split_at(at);
        let reply = Reply::chunks(200, "text/event-stream", [head.to_owned(), tail.to_owned()]);
        assert_eq!(ready().stream().reply(reply).turn(BODY).run().sse(), want, "cut at {at}");
    }
}

#[test]
fn a_stream_without_its_end_is_an_error() {
    for frames in [vec![CHUNK], vec![], vec![CHUNK, "{\"response\":{\"cand"]] {
        let seen = ready().stream().reply(Reply::sse(frames)).turn(BODY).run();
        assert_eq!((seen.code(), seen.error.as_ref().and_then(|e| e.status)), ("upstream", Some(502)));
    }
    let blocked = r#"{"response":{"promptFeedback":{"blockReason":"SAFETY"}}}"#;
    assert!(ready().stream().reply(Reply::sse([blocked])).turn(BODY).run().error.is_none());
}

#[test]
fn errors_inside_of_streams_are_errors() {
    let inside = r#"{"error":{"code":503,"message":"no capacity available"}}"#;
    for reply in [Reply::sse([inside]), Reply::text(200, inside), Reply::text(200, format!("[{inside}]"))] {
        let seen = ready().stream().reply(reply).turn(BODY).run();
        let error = seen.error.expect("an error");
        assert_eq!((error.status, error.retry_after_ms, seen.body.len()), (Some(503), Some(5_000), 0));
    }
    let late = ready().stream().reply(Reply::sse([CHUNK, inside])).turn(BODY).run();
    assert_eq!((late.sse().len(), late.code()), (1, "upstream"));
}

#[test]
fn a_new_account_is_onboarded_with_the_project() {
    let tiers = json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}, {"id": "standard-tier", "userDefinedCloudaicompanionProject": true}]});
    let project = json!({"done": true, "response": {"cloudaicompanionProject": {"id": "my-proj"}}});
    let seen = unknown("my-proj")
        .reply(Reply::json(200, &tiers))
        .reply(Reply::json(200, &json!({"name": "operations/onb-1", "done": false})))
        .reply(Reply::json(200, &json!({"name": "operations/onb-1", "done": false})))
        .reply(Reply::json(200, &project))
        .reply(Reply::text(200, ANSWER))
        .turn(BODY)
        .run();
    assert_eq!(
        methods(&seen),
        ["loadCodeAssist", "onboardUser", "onb-1", "onb-1", "generateContent"],
        "{:?}",
        seen.error
    );
    let metadata = json!({"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI", "duetProject": "my-proj"});
    let load = json!({"cloudaicompanionProject": "my-proj", "metadata": metadata});
    assert_eq!(seen.requests[0].json(), load);
    let onboard =
        json!({"tierId": "standard-tier", "cloudaicompanionProject": "my-proj", "metadata": metadata});
    assert_eq!(seen.requests[1].json(), onboard);
    assert_eq!((seen.requests[4].json()["project"].clone(), seen.slept_ms), (json!("my-proj"), 10_000));
    assert!(seen.requests.iter().all(|request| request.header("authorization") == Some("Bearer old")));
    let kept = json!({"resolved_project": "my-proj", "resolved_for": "my-proj"});
    assert_eq!(seen.reports[0]["fields"], kept);
}

#[test]
fn a_project_is_asked_for_once() {
    let kept = json!({"resolved_project": "found", "resolved_for": "my-proj"});
    let stage = |project: &str| {
        let stage = Stage::of::<CloudProject>().model("m").account("me", &["t"], &kept);
        stage.config(&json!({ "gcp_project_id": project }))
    };
    let loaded = json!({"currentTier": {"id": "standard-tier"}, "cloudaicompanionProject": "other"});
    let seen = stage("my-proj").reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!(seen.requests[0].json()["project"], "found");
    let seen =
        stage("other").reply(Reply::json(200, &loaded)).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!(methods(&seen), ["loadCodeAssist", "generateContent"]);
}

#[test]
fn a_project_that_is_gone_is_asked_for_again() {
    let gone =
        || Reply::json(404, &json!({"error": {"code": 404, "message": "Requested entity was not found."}}));
    let loaded =
        |id: &str| Reply::json(200, &json!({"currentTier": {"id": "x"}, "cloudaicompanionProject": id}));
    let seen = ready().reply(gone()).reply(loaded("proj-2")).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!((seen.status, seen.requests[2].json()["project"].clone()), (200, json!("proj-2")));
    // It is the model that is not there.
    let seen = ready().reply(gone()).reply(loaded("proj-1")).turn(BODY).run();
    assert_eq!((seen.requests.len(), seen.error.and_then(|e| e.status)), (2, Some(404)));
}

#[test]
fn security_policies_do_not_hide_a_project() {
    let denied = error(403, "SECURITY_POLICY_VIOLATED", json!({}));
    let seen = unknown("my-proj").reply(denied).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!((seen.status, seen.requests[1].json()["project"].clone()), (200, json!("my-proj")));
}

#[test]
fn without_a_paid_tier_a_person_is_told() {
    let free = json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]});
    let seen = unknown("my-proj").reply(Reply::json(200, &free)).turn(BODY).run();
    assert_eq!(seen.reports[0]["outcome"], "blocked");
    let error = seen.error.expect("an error");
    assert_eq!((error.status, error.message.contains("licence")), (Some(403), true), "{error:?}");
}

#[test]
fn a_turn_without_a_project_asks_nobody() {
    let seen = Stage::of::<CloudProject>().model("m").turn(BODY).run();
    assert_eq!((seen.code(), seen.requests.len()), ("bad_config", 0));
    assert!(seen.error.expect("an error").message.contains("GOOGLE_CLOUD_PROJECT"));
}

#[test]
fn bad_settings_are_refused_with_a_sentence() {
    for (config, key) in [
        (json!({"google_cloud_project": "123456789012"}), "google_cloud_project"),
        (json!({"gcp_project_id": 7}), "gcp_project_id"),
        (json!({"token_url": "http://evil.test/token"}), "token_url"),
        (json!({"base_url": "http://evil.test"}), "base_url"),
        (json!({"api_version": "../x"}), "api_version"),
        (json!({"user_agent": "a\nb"}), "user_agent"),
    ] {
        let error = Stage::of::<CloudProject>().config(&config).create().expect("an error");
        assert!(error.code == "bad_config" && error.message.starts_with(key), "{error:?}");
    }
    let good =
        json!({"token_url": "http://127.0.0.1:9/t", "base_url": "http://localhost:9", "project_id": "p-1"});
    assert!(Stage::of::<CloudProject>().config(&good).create().is_none());
}

#[test]
fn a_refused_token_is_renewed_once() {
    let old = || Reply::json(401, &json!({"error": {"code": 401, "message": "old"}}));
    let seen = ready().reply(old()).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!(seen.requests[1].header("authorization"), Some("Bearer new"));
    let seen = ready().reply(old()).reply(old()).turn(BODY).run();
    assert_eq!((seen.requests.len(), seen.code()), (2, "auth"));
}

#[test]
fn quotas_say_until_when() {
    let more = json!({"quotaResetDelay": "4h51m33.9s"});
    let seen = ready().reply(error(429, "QUOTA_EXHAUSTED", more)).turn(BODY).run();
    let now = seen.reports[0]["until_ms"].as_u64().expect("a moment") - 17_493_900;
    let want = json!({"account": "me", "outcome": "cooling", "scope": "gemini-2.5-pro", "until_ms": now + 17_493_900, "why": "no"});
    assert_eq!((seen.reports[0].clone(), seen.code()), (want, "rate_limited"));
}

#[test]
fn a_short_pause_is_waited_for_once() {
    let short = || error(429, "RATE_LIMIT_EXCEEDED", json!({"quotaResetDelay": "1.5s"}));
    let seen = ready().reply(short()).reply(Reply::text(200, ANSWER)).turn(BODY).run();
    assert_eq!((seen.status, seen.slept_ms), (200, 1_500));
    let seen = ready().reply(short()).reply(short()).turn(BODY).run();
    assert_eq!((seen.requests.len(), seen.code()), (2, "rate_limited"));
}

#[test]
fn credits_are_left_out_when_they_are_used_up() {
    let kept: Value = lip_plugin::serde_json::from_str(KEPT).expect("JSON");
    let stage = Stage::of::<CloudProject>().config(&json!({"enabled_credit_types": ["GOOGLE_ONE_AI"]}));
    let stage = stage.model("m").account("me", &["t"], &kept);
    let seen = stage
        .reply(error(429, "INSUFFICIENT_G1_CREDITS_BALANCE", json!({})))
        .reply(Reply::text(200, ANSWER))
        .turn(BODY)
        .run();
    assert_eq!(seen.requests[0].json()["enabled_credit_types"], json!(["GOOGLE_ONE_AI"]));
    assert_eq!((seen.status, seen.requests[1].json().get("enabled_credit_types")), (200, None));
}

#[test]
fn a_service_that_has_ended_is_named() {
    let seen = ready().reply(error(403, "SUBSCRIPTION_REQUIRED", json!({}))).turn(BODY).run();
    assert!(seen.error.expect("an error").hint.expect("a hint").contains("no longer"));
}

#[test]
fn tokens_are_counted_without_a_project() {
    let stage = Stage::of::<CloudProject>().model("models/gemini-2.5-pro");
    let seen = stage.reply(Reply::text(200, "{\"totalTokens\":7}")).turn(BODY).task("count_tokens").run();
    assert_eq!(methods(&seen), ["countTokens"]);
    let want =
        json!({"request": {"model": "models/gemini-2.5-pro", "contents": [{"parts": [{"text": "hi"}]}]}});
    assert_eq!((seen.requests[0].json(), seen.json()), (want, json!({"totalTokens": 7})));
}

fn account() -> Account {
    Account { access_token: "a".to_owned(), refresh_token: "r".to_owned(), ..Account::default() }
}

#[test]
fn tokens_are_renewed() {
    let answer = json!({"access_token": "a2", "expires_in": 3599, "scope": "s", "token_type": "Bearer"});
    let seen = Stage::of::<CloudProject>().reply(Reply::json(200, &answer)).refresh(&account()).run();
    let sent = &seen.requests[0];
    assert_eq!(sent.url, "https://oauth2.googleapis.com/token");
    let id = "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";
    let form = format!(
        "client_id={id}&client_secret=testkit-secret-client_secret&refresh_token=r&grant_type=refresh_token"
    );
    assert_eq!(String::from_utf8(sent.body.to_vec()).expect("text"), form);
    let new = seen.account();
    assert_eq!((&*new.access_token, &*new.refresh_token, new.expires_in_ms), ("a2", "r", Some(3_599_000)));
}

#[test]
fn the_configs_client_goes_before_the_variables() {
    let config = json!({"client_id": "mine", "client_secret": "s3"});
    let answer = Reply::json(200, &json!({"access_token": "a2"}));
    let seen = Stage::of::<CloudProject>().config(&config).reply(answer).refresh(&account()).run();
    assert!(seen.requests[0].body.starts_with(b"client_id=mine&client_secret=s3&"));
}

#[test]
fn an_account_may_bring_its_own_client() {
    let mut own = account();
    own.set("client_id", "c");
    own.set("client_secret", "s");
    let answer = json!({"access_token": "a2", "refresh_token": "r2"});
    let seen = Stage::of::<CloudProject>().no_secrets().reply(Reply::json(200, &answer)).refresh(&own).run();
    assert!(seen.requests[0].body.starts_with(b"client_id=c&client_secret=s&"));
    assert_eq!(
        (seen.account().refresh_token, seen.account().expires_in_ms),
        ("r2".to_owned(), Some(3_600_000))
    );
}

#[test]
fn refusals_of_renewals_are_told_apart() {
    let told = |error: &str| json!({"error": error, "error_description": "because"});
    for (reply, code, status) in [
        (Reply::json(400, &told("invalid_grant")), "auth", None),
        (Reply::json(401, &told("invalid_client")), "bad_config", None),
        (Reply::json(400, &told("invalid_request")), "upstream", Some(400)),
        (Reply::json(503, &json!({})), "upstream", Some(503)),
        (Reply::text(200, "<html>"), "bad_json", None),
        (Reply::json(200, &json!({})), "bad_json", None),
        (Reply::refused(), "io", None),
        (Reply::timeout(), "timeout", None),
    ] {
        let seen = Stage::of::<CloudProject>().reply(reply.clone()).refresh(&account()).run();
        assert_eq!((seen.code(), seen.error.as_ref().and_then(|e| e.status)), (code, status), "{reply:?}");
    }
    let seen = Stage::of::<CloudProject>().no_secrets().refresh(&account()).run();
    assert_eq!((seen.code(), seen.requests.len()), ("bad_config", 0));
    let seen =
        Stage::of::<CloudProject>().refresh(&Account { refresh_token: String::new(), ..account() }).run();
    assert_eq!((seen.code(), seen.requests.len()), ("auth", 0));
}

#[test]
fn the_account_is_gemini_clis() {
    let told = |config: Value| {
        Stage::of::<CloudProject>().config(&config).task("accounts").run().json()["files"][0].clone()
    };
    let want = json!({"file": "~/.gemini/oauth_creds.json", "format": "oauth-creds", "writable": true});
    assert_eq!(told(json!({})), want);
    assert_eq!(told(json!({"gemini_credentials_path": "/c"}))["file"], "/c/oauth_creds.json");
    assert_eq!(
        told(json!({"credentials_path": "/c/x.json", "writable": false})),
        json!({"file": "/c/x.json", "format": "oauth-creds", "writable": false})
    );
}
