//! What Kiro's refusals come to: for the account, for the client.
use super::Kiro;
use super::support::{bytes, exception, hello, hi, run, text, with_profile};
use lip_plugin::{Value, json, time};
use lip_testkit::{Outcome, Reply, Stage};

fn two() -> Stage {
    let accounts = Stage::of::<Kiro>().account("a", &["a-1", "a-2"], &with_profile());
    accounts.account("b", &["b-1"], &with_profile())
}

fn one() -> Stage {
    Stage::of::<Kiro>().account("a", &["a-1", "a-2"], &with_profile())
}

fn no(status: u16, reason: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"__type": "com.amazon.kiro.runtimeservice#Some", "message": message, "reason": reason}),
    )
}

fn told(seen: &Outcome) -> (u64, String) {
    let error = seen.error.clone().unwrap_or_default();
    (error.status.unwrap_or_default(), error.message)
}

/// What was said of account a first.
fn report(seen: &Outcome) -> Value {
    seen.reports.iter().find(|report| report["account"] == "a").cloned().unwrap_or_default()
}

/// The clock of the testkit.
fn now_ms() -> u64 {
    let seen = run(one(), "m", &hi(), [no(429, "HOURLY_REQUEST_COUNT", "h")]);
    report(&seen)["until_ms"].as_u64().unwrap_or_default() - 3_600_000
}

#[test]
fn an_account_that_is_used_up_gives_way() {
    let now = now_ms();
    let month = time::next_month(now).max(now + 86_400_000);
    for (reply, until) in [
        (no(402, "MONTHLY_REQUEST_COUNT", "limit"), Some(month)),
        (no(402, "OVERAGE_REQUEST_LIMIT_EXCEEDED", "limit"), Some(month)),
        (no(402, "", "pay"), Some(month)),
        (no(429, "MONTHLY_REQUEST_COUNT", "limit"), Some(month)),
        (no(429, "USAGE_LIMIT_REACHED", "limit"), Some(month)),
        (no(400, "", "MONTHLY_REQUEST_COUNT reached"), Some(month)),
        (no(429, "DAILY_REQUEST_COUNT", "limit"), Some(time::next_day(now))),
        (no(429, "WEEKLY_REQUEST_COUNT", "limit"), Some(now + 7 * 86_400_000)),
        (no(429, "HOURLY_REQUEST_COUNT", "limit"), Some(now + 3_600_000)),
        (no(429, "USER_REQUEST_RATE_EXCEEDED", "slow").header("retry-after", "7"), Some(now + 7_000)),
        (Reply::json(429, &json!({"message": "slow", "retryAfterMilliseconds": 1_500})), Some(now + 1_500)),
        (no(429, "", "slow"), None),
    ] {
        let asks_limits = until == Some(month);
        let mut replies = vec![reply.clone()];
        if asks_limits {
            replies.push(Reply::json(500, &json!({})).only_for("GET", "/getUsageLimits"));
        }
        replies.push(hello().only_for("POST", "/"));
        let seen = run(two(), "m", &hi(), replies);
        assert_eq!(text(&seen), "Hello", "{reply:?} {:?}", seen.error);
        let report = report(&seen);
        assert_eq!(
            (report["outcome"].as_str(), report["scope"].as_str()),
            (Some("cooling"), Some("")),
            "{reply:?}"
        );
        assert_eq!(report["until_ms"].as_u64(), until, "{reply:?}");
        assert_eq!(seen.requests.last().and_then(|r| r.header("authorization")), Some("Bearer b-1"));
    }
}

#[test]
fn the_date_that_kiro_names_ends_the_rest() {
    let now = now_ms();
    let limits = |reset: Value| {
        Reply::json(200, &json!({"nextDateReset": reset, "usageBreakdownList": []}))
            .only_for("GET", "/getUsageLimits")
    };
    let quota = || no(402, "MONTHLY_REQUEST_COUNT", "limit");
    let named = now / 1000 + 5_000;
    for reset in [json!(named), json!(named as f64)] {
        let seen = run(two(), "m", &hi(), [quota(), limits(reset), hello()]);
        assert_eq!(report(&seen)["until_ms"].as_u64(), Some(named * 1000));
        assert_eq!(seen.requests[1].header("authorization"), Some("Bearer a-1"));
        assert!(
            seen.requests[1]
                .url
                .starts_with("https://management.us-east-1.kiro.dev/getUsageLimits?origin=AI_EDITOR")
        );
    }
    // With one account only, the client is told until when.
    let seen = run(one(), "m", &hi(), [quota(), limits(json!(named))]);
    assert_eq!((seen.error.as_ref().map(|e| e.code.as_str()), told(&seen).0), (Some("rate_limited"), 429));
    // The config knows better.
    for (config, until) in [
        (json!({"monthly_quota_backoff_mode": "fixed_seconds"}), now + 604_800_000),
        (
            json!({"monthly_quota_backoff_mode": "fixed_seconds", "monthly_quota_backoff_fixed_seconds": 60}),
            now + 60_000,
        ),
        (json!({"monthly_quota_backoff_max_seconds": 90}), now + 90_000),
    ] {
        let fails = Reply::refused().only_for("GET", "/getUsageLimits");
        let seen = run(two().config(&config), "m", &hi(), [quota(), fails, hello().only_for("POST", "/")]);
        assert_eq!(report(&seen)["until_ms"].as_u64(), Some(until), "{config}");
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    for reply in [
        no(401, "", "no"),
        no(403, "", "The bearer token included in the request is invalid."),
        no(403, "", "Token expired"),
    ] {
        let seen = run(two(), "m", &hi(), [reply.clone(), hello()]);
        let tokens: Vec<_> = seen.requests.iter().filter_map(|r| r.header("authorization")).collect();
        assert_eq!((tokens, text(&seen)), (vec!["Bearer a-1", "Bearer a-2"], "Hello".to_owned()));
        let seen = run(two(), "m", &hi(), [reply.clone(), reply.clone(), hello()]);
        let tokens: Vec<_> = seen.requests.iter().filter_map(|r| r.header("authorization")).collect();
        assert_eq!(
            (tokens, text(&seen)),
            (vec!["Bearer a-1", "Bearer a-2", "Bearer b-1"], "Hello".to_owned())
        );
        let seen = run(one(), "m", &hi(), [reply.clone(), reply, hello()]);
        assert_eq!((seen.requests.len(), seen.code()), (2, "auth"));
    }
}

#[test]
fn a_suspended_account_is_blocked() {
    for (reply, url) in [
        (no(403, "TEMPORARILY_SUSPENDED", "suspended"), json!(null)),
        (
            no(403, "", "To continue, validate your account at https://aws.test/verify."),
            json!("https://aws.test/verify"),
        ),
    ] {
        let seen = run(two(), "m", &hi(), [reply.clone(), hello()]);
        assert_eq!((report(&seen)["outcome"].as_str(), &report(&seen)["url"]), (Some("blocked"), &url));
        assert_eq!(text(&seen), "Hello");
    }
}

#[test]
fn what_is_nobodys_fault_stays_with_the_client() {
    for (reply, status, code) in [
        (no(400, "CONTENT_LENGTH_EXCEEDS_THRESHOLD", "x"), 400, "too long"),
        (no(400, "", "Input is too long."), 400, "too long"),
        (no(429, "INSUFFICIENT_MODEL_CAPACITY", "x"), 503, "capacity"),
        (no(500, "MODEL_TEMPORARILY_UNAVAILABLE", "x"), 503, "capacity"),
        (no(500, "", "Encountered unexpectedly high load"), 503, "capacity"),
        (
            Reply::json(503, &json!({"__type": "ServiceUnavailableException", "message": "x"})),
            503,
            "capacity",
        ),
        (
            Reply::text(503, "x").header("x-amzn-errortype", "ServiceUnavailableException:http://x"),
            503,
            "capacity",
        ),
        (no(400, "INVALID_MODEL_ID", "x"), 404, "model"),
        (no(400, "INVALID_CONVERSATION_ID", "x"), 400, "request"),
        (
            no(400, "", &format!("1 validation error: '{} MONTHLY_REQUEST_COUNT'", "x".repeat(200))),
            400,
            "request",
        ),
        (no(500, "", "x"), 500, "server"),
        (no(502, "", ""), 502, "server"),
    ] {
        let seen = run(two(), "m", &hi(), [reply.clone()]);
        assert_eq!(told(&seen).0, status, "{code} {reply:?}");
        assert!(seen.reports.is_empty(), "{reply:?}: {:?}", seen.reports);
        let wait = seen.error.and_then(|error| error.retry_after_ms);
        assert_eq!(wait, if code == "capacity" { Some(5_000) } else { None }, "{reply:?}");
    }
}

#[test]
fn exceptions_before_the_first_word_are_refusals() {
    let thrown = |kind: &str, payload: Value| bytes(exception(kind, &payload));
    let seen = run(
        two(),
        "m",
        &hi(),
        [thrown("ThrottlingException", json!({"message": "slow", "reason": "DAILY_REQUEST_COUNT"})), hello()],
    );
    assert_eq!((report(&seen)["outcome"].as_str(), text(&seen).as_str()), (Some("cooling"), "Hello"));
    let seen = run(
        two(),
        "m",
        &hi(),
        [
            thrown(
                "AccessDeniedException",
                json!({"message": "The bearer token included in the request is invalid"}),
            ),
            hello(),
        ],
    );
    assert_eq!(seen.requests[1].header("authorization"), Some("Bearer a-2"));
    for (kind, status) in [
        ("ValidationException", 400),
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("Odd", 500),
    ] {
        let seen = run(two(), "m", &hi(), [thrown(kind, json!({"message": "boom"}))]);
        assert_eq!(told(&seen), (status, "boom".to_owned()), "{kind}");
        assert_eq!(seen.status, 0, "{kind}: nothing was sent");
    }
}

#[test]
fn the_next_endpoint_is_tried_for_its_form() {
    let form = || {
        Reply::json(400, &json!({"message": "Improperly formed request.", "reason": "REQUEST_BODY_INVALID"}))
    };
    let seen = run(one(), "m", &hi(), [form(), hello()]);
    let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://runtime.us-east-1.kiro.dev/",
            "https://runtime.us-east-1.kiro.dev/generateAssistantResponse"
        ]
    );
    assert_eq!(text(&seen), "Hello");
    let seen = run(one(), "m", &hi(), [form(), Reply::text(404, "no"), form()]);
    assert_eq!((seen.requests.len(), told(&seen)), (3, (400, "Improperly formed request.".to_owned())));
    assert!(seen.reports.is_empty());
    // Who is not let in anywhere has something to do with the provider first.
    let forbidden = || no(403, "", "User is not authorized to make this call.");
    let seen = run(two(), "m", &hi(), [forbidden(), forbidden(), forbidden(), hello()]);
    assert_eq!((report(&seen)["outcome"].as_str(), text(&seen).as_str()), (Some("blocked"), "Hello"));
}
