use super::Zen;
use lip_plugin::{Account, json};
use lip_testkit::{Outcome, Reply, Stage};

lip_testkit::conformance!(Zen);

const BODY: &str = r#" {"model":"m", "new":1e2}"#;

/// With an account and without a key.
fn stage() -> Stage {
    Stage::of::<Zen>().no_secrets().model("gpt-5.5").account("one", &["at-1", "at-2"], &json!({}))
}

fn header<'a>(seen: &'a Outcome, name: &str) -> Option<&'a str> {
    seen.requests[0].header(name)
}

#[test]
fn each_dialect_has_its_path_and_its_header() {
    for (dialect, path, name, value) in [
        ("openai-chat", "/chat/completions", "authorization", "Bearer at-1"),
        ("openai-responses", "/responses", "authorization", "Bearer at-1"),
        ("anthropic-messages", "/messages", "x-api-key", "at-1"),
        ("gemini", "/models/gpt-5.5:generateContent", "x-goog-api-key", "at-1"),
    ] {
        let seen = stage().dialect(dialect).reply(Reply::text(200, "{}")).turn(BODY).run();
        assert_eq!(seen.requests[0].url, format!("https://opencode.ai/zen/v1{path}"));
        assert_eq!((header(&seen, name), &*seen.requests[0].body), (Some(value), BODY.as_bytes()));
        assert_eq!(header(&seen, "x-opencode-session"), Some("testkit"));
        assert_eq!(header(&seen, "x-opencode-client"), Some("lip"));
        let version = (dialect == "anthropic-messages").then_some("2023-06-01");
        assert_eq!(header(&seen, "anthropic-version"), version);
    }
    let streamed = stage().dialect("gemini").stream().reply(Reply::sse(["{}"])).turn(BODY).run();
    assert!(streamed.requests[0].url.ends_with("/models/gpt-5.5:streamGenerateContent?alt=sse"));
    let version = [("anthropic-version", "2024-01-01")];
    let seen = stage()
        .dialect("anthropic-messages")
        .client_headers(&version)
        .reply(Reply::text(200, "{}"))
        .turn(BODY)
        .run();
    assert_eq!(header(&seen, "anthropic-version"), Some("2024-01-01"));
    let error =
        Reply::json(403, &json!({"type": "error", "error": {"type": "RegionError", "message": "not here"}}));
    let seen = stage().dialect("gemini").reply(error).turn(BODY).run();
    assert!(seen.error.is_some_and(|error| error.status == Some(403) && error.message == "not here"));
    let odd = stage().dialect("gemini").model("a/../b").turn(BODY).run();
    assert_eq!((odd.code(), odd.requests.len()), ("bad_request", 0));
}

#[test]
fn a_key_is_used_instead_of_a_login() {
    let seen = stage()
        .config(&json!({"secrets": ["api_key"]}))
        .secret("api_key", "public")
        .reply(Reply::text(200, "{}"))
        .turn(BODY)
        .run();
    assert_eq!((header(&seen, "authorization"), seen.reports.len()), (Some("Bearer public"), 0));
    let refused =
        Reply::json(401, &json!({"type": "error", "error": {"type": "AuthError", "message": "no such key"}}));
    let seen = stage()
        .config(&json!({"secrets": ["api_key"]}))
        .secret("api_key", "sk")
        .reply(refused)
        .turn(BODY)
        .run();
    let error = seen.error.expect("an error");
    assert_eq!((error.status, seen.requests.len()), (Some(401), 1));
    assert!(error.message.contains("no such key") && error.hint.is_some());
}

#[test]
fn refusals_are_told_apart() {
    let now = 1_700_000_000_000_u64;
    let (day, month) = (1_700_006_400_000_u64, 1_701_388_800_000_u64);
    for (status, kind, scope, until) in [
        (401, "MonthlyLimitError", "", Some(month)),
        (401, "UserLimitError", "", None),
        (429, "RateLimitError", "gpt-5.5", Some(now + 60_000)),
        (429, "FreeUsageLimitError", "gpt-5.5", Some(day)),
        (429, "GoUsageLimitError", "", None),
    ] {
        let reply = Reply::json(status, &json!({"type": "error", "error": {"type": kind, "message": "m"}}));
        let seen = stage().reply(reply).turn(BODY).run();
        assert_eq!((seen.code(), seen.requests.len()), ("rate_limited", 1), "{kind}");
        assert_eq!(
            (&seen.reports[0]["scope"], &seen.reports[0]["until_ms"]),
            (&json!(scope), &json!(until)),
            "{kind}"
        );
    }
    let reply =
        Reply::json(429, &json!({"error": {"type": "FreeUsageLimitError"}})).header("retry-after", "9");
    let seen = stage().reply(reply).turn(BODY).run();
    assert_eq!(seen.reports[0]["until_ms"], json!(now + 9_000));
    for (kind, status) in [("CreditsError", 402), ("ModelError", 404)] {
        let reply = Reply::json(401, &json!({"type": "error", "error": {"type": kind, "message": "m"}}));
        let seen = stage().reply(reply).turn(BODY).run();
        let error = seen.error.expect("an error");
        assert_eq!((error.status, seen.requests.len(), seen.reports.len()), (Some(status), 1, 0));
    }
    let reply =
        || Reply::json(401, &json!({"type": "error", "error": {"type": "AuthError", "message": "old"}}));
    let seen = stage().reply(reply()).reply(Reply::text(200, "{}")).turn(BODY).run();
    assert_eq!(seen.requests[1].header("authorization"), Some("Bearer at-2"));
    let error = stage().reply(reply()).reply(reply()).turn(BODY).run().error.expect("an error");
    assert_eq!((&*error.code, error.hint.as_deref()), ("auth", Some(super::LOG_IN)));
    for status in [400, 403, 500] {
        let seen = stage().reply(Reply::json(status, &json!({"type": "error"}))).turn(BODY).run();
        assert_eq!((seen.status, seen.spliced), (status, true));
    }
}

#[test]
fn every_kind_of_entry_is_read() {
    let read = |file: &str| Stage::of::<Zen>().read_account("opencode", file.to_owned()).run();
    for (entry, token, end) in [
        (json!({"type": "api", "key": "sk-1"}), "sk-1", None),
        (
            json!({"type": "oauth", "access": "a", "refresh": "r", "expires": 1_787_392_800_000_u64}),
            "a",
            Some(1_787_392_800_000),
        ),
        (json!({"type": "oauth", "access": "a", "expires": 1_787_392_800}), "a", Some(1_787_392_800_000)),
        (json!({"type": "wellknown", "key": "ENVNAME", "token": "t"}), "t", None),
    ] {
        let account = read(&json!({"other": {}, "opencode": entry}).to_string()).account();
        assert_eq!((account.access_token.as_str(), account.expires_at_ms), (token, end));
    }
    for (file, code) in [
        ("", "bad_json"),
        ("{}", "auth"),
        ("[]", "auth"),
        (r#"{"opencode":{"type":"wellknown","key":"ENVNAME"}}"#, "auth"),
        (r#"{"opencode":{"type":"oauth","access":""}}"#, "auth"),
    ] {
        assert_eq!(read(file).code(), code, "{file}");
    }
    let over = stage().refresh(&Account::default()).run().error.expect("an error");
    assert!(over.code == "auth" && over.hint.is_some_and(|hint| hint.contains("opencode auth login")));
}

#[test]
fn the_file_is_looked_for_where_opencode_keeps_it() {
    let files = |config: &lip_plugin::Value| {
        let said = stage().config(config).task("accounts").run().json();
        let files = said["files"].as_array().cloned().unwrap_or_default();
        files
            .iter()
            .map(|file| file["file"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let usual = "~/.local/share/opencode/auth.json ~/Library/Application Support/opencode/auth.json";
    assert_eq!(files(&json!({})), usual);
    assert_eq!(files(&json!({"data_home": "/d/"})), format!("/d/opencode/auth.json {usual}"));
    assert_eq!(files(&json!({"credentials_path": "/x"})), "/x/auth.json");
}

#[test]
fn models_are_listed_with_and_without_a_login() {
    let list =
        || Reply::json(200, &json!({"data": [{"id": "big-pickle"}]})).only_for("GET", "/zen/v1/models");
    let seen = Stage::of::<Zen>().no_secrets().reply(list()).models().run();
    assert_eq!((seen.models()[0].id.as_str(), header(&seen, "authorization")), ("big-pickle", None));
    let seen = stage().reply(list()).models().run();
    assert_eq!(header(&seen, "authorization"), Some("Bearer at-1"));
    let base = json!({"api_base_url": "http://127.0.0.1:9/zen/v1/"});
    let seen = stage().config(&base).reply(list()).models().run();
    assert_eq!(seen.requests[0].url, "http://127.0.0.1:9/zen/v1/models");
}
