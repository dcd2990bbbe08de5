//! Profiles, kinds of accounts, models, and what the config says of all that.
use super::Kiro;
use super::support::{ARN, hello, hi, run, text, with_profile};
use lip_plugin::{Value, json, serde_json};
use lip_testkit::{Reply, Stage};

const SERVICE: &str = "arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX";

fn stage(fields: &Value, config: &Value) -> Stage {
    Stage::of::<Kiro>().config(config).account("a", &["at"], fields)
}

#[test]
fn a_profile_goes_where_it_is_taken() {
    let eu = "arn:aws:codewhisperer:eu-central-1:1:profile/EU";
    let (runtime, q) = (
        "https://runtime.us-east-1.kiro.dev/",
        "https://q.us-east-1.amazonaws.com/generateAssistantResponse",
    );
    for (fields, config, url, arn) in [
        (json!({"auth_method": "builderid"}), json!({}), q, None),
        (
            json!({"auth_method": "builderid"}),
            json!({"profile_arn_policy": "service"}),
            runtime,
            Some(SERVICE),
        ),
        (
            json!({"auth_method": "builderid"}),
            json!({"profile_arn_policy": "service", "endpoints": ["q"]}),
            q,
            None,
        ),
        (json!({"auth_method": "social", "profile_arn": ARN}), json!({}), runtime, Some(ARN)),
        (
            json!({"auth_method": "social", "profile_arn": ARN}),
            json!({"profile_arn_policy": "omit"}),
            q,
            None,
        ),
        (json!({"auth_method": "social", "profile_arn": "invented"}), json!({}), q, None),
        (
            json!({"auth_method": "social"}),
            json!({"profile_arn_policy": "service"}),
            runtime,
            Some("arn:aws:codewhisperer:us-east-1:699475941385:profile/EHGA3GRVQMUK"),
        ),
        (json!({"auth_method": "builderid"}), json!({"profile_arn": ARN}), runtime, Some(ARN)),
        (
            json!({"auth_method": "idc", "profile_arn": eu}),
            json!({}),
            "https://runtime.eu-central-1.kiro.dev/",
            Some(eu),
        ),
        (
            json!({"auth_method": "builderid", "region": "eu-central-1"}),
            json!({}),
            "https://q.eu-central-1.amazonaws.com/generateAssistantResponse",
            None,
        ),
        (json!({"auth_method": "builderid", "region": "eu-west-1"}), json!({}), q, None),
        (json!({"auth_method": "builderid", "region": "../x"}), json!({}), q, None),
        (
            json!({"auth_method": "idc", "profile_arn": eu}),
            json!({"api_region": "us-east-1"}),
            runtime,
            Some(eu),
        ),
        (json!({"auth_method": "api_key"}), json!({"profile_arn_policy": "service"}), q, None),
    ] {
        let seen = run(stage(&fields, &config), "m", &hi(), [hello()]);
        assert_eq!(seen.requests[0].url, url, "{fields} {config}");
        assert_eq!(seen.requests[0].json()["profileArn"].as_str(), arn, "{fields} {config}");
    }
}

#[test]
fn organisations_are_asked_for_their_profile_once() {
    let profiles = json!({"profiles": [{"arn": "odd"}, {"arn": ARN, "profileName": "p"}]});
    let idc = json!({"auth_method": "idc", "region": "eu-central-1"});
    let seen = run(
        stage(&idc, &json!({})),
        "m",
        &hi(),
        [Reply::text(403, "no"), Reply::json(200, &profiles), hello()],
    );
    let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://management.eu-central-1.kiro.dev/",
            "https://management.us-east-1.kiro.dev/",
            "https://runtime.us-east-1.kiro.dev/"
        ]
    );
    assert_eq!(
        seen.requests[0].header("x-amz-target"),
        Some("AmazonCodeWhispererService.ListAvailableProfiles")
    );
    assert_eq!(seen.requests[0].json(), json!({"maxResults": 10}));
    assert_eq!(seen.requests[2].json()["profileArn"], ARN);
    assert_eq!(seen.reports[0], json!({"account": "a", "outcome": "fields", "fields": {"profile_arn": ARN}}));
    // There is none: that is kept as well.
    let seen =
        run(stage(&idc, &json!({})), "m", &hi(), [Reply::text(403, "no"), Reply::text(403, "no"), hello()]);
    assert_eq!(seen.reports[0]["fields"], json!({"no_profile": true}));
    let known = json!({"auth_method": "idc", "no_profile": true});
    assert_eq!(run(stage(&known, &json!({})), "m", &hi(), [hello()]).requests.len(), 1);
    // A failure is no answer.
    let seen =
        run(stage(&idc, &json!({})), "m", &hi(), [Reply::text(500, "x"), Reply::text(500, "x"), hello()]);
    assert_eq!((text(&seen).as_str(), seen.reports.len()), ("Hello", 1));
}

#[test]
fn kinds_that_must_be_told_are() {
    for (kind, header) in [
        ("api_key", Some("API_KEY")),
        ("external_idp", Some("EXTERNAL_IDP")),
        ("idc", None),
        ("builderid", None),
    ] {
        let seen =
            run(stage(&json!({"auth_method": kind, "no_profile": true}), &json!({})), "m", &hi(), [hello()]);
        assert_eq!(seen.requests[0].header("tokentype"), header, "{kind}");
    }
}

#[test]
fn models_are_asked_of_the_newer_host_first() {
    let list = json!({"defaultModelId": "auto", "models": [
        {"modelId": "auto"},
        {"modelId": "claude-opus-5", "modelName": "Opus", "tokenLimits": {"maxInputTokens": 1_000_000, "maxOutputTokens": 64_000},
         "additionalModelRequestFieldsSchema": {"properties": {"output_config": {"properties": {"effort": {"enum": ["low", "high"]}}}, "max_tokens": {}}}},
        {"odd": 1},
    ]});
    let seen = Stage::of::<Kiro>()
        .account("a", &["at"], &with_profile())
        .reply(Reply::json(200, &list))
        .models()
        .run();
    let models = seen.models();
    assert_eq!(models.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["auto", "claude-opus-5"]);
    assert_eq!(
        (models[1].title.as_deref(), models[1].context_tokens, models[1].output_tokens),
        (Some("Opus"), Some(1_000_000), Some(64_000))
    );
    let asked = &seen.requests[0];
    assert_eq!(
        (asked.url.as_str(), asked.header("x-amz-target")),
        ("https://management.us-east-1.kiro.dev/", Some("KiroControlPlaneBearerService.ListAvailableModels"))
    );
    assert_eq!(asked.json(), json!({"origin": "AI_EDITOR", "profileArn": ARN}));
    // The older one, page by page, for accounts that the newer one does not know.
    let page = |id: &str, next: Option<&str>| {
        Reply::json(200, &json!({"models": [{"modelId": id}], "nextToken": next}))
    };
    let builder = json!({"auth_method": "builderid"});
    let stage = Stage::of::<Kiro>().account("a", &["at"], &builder);
    let seen = stage
        .reply(Reply::text(403, "no"))
        .reply(page("a", Some("n&1")))
        .reply(page("b", None))
        .models()
        .run();
    assert_eq!(seen.models().len(), 2);
    let urls: Vec<&str> = seen.requests.iter().skip(1).map(|request| request.url.as_str()).collect();
    let base = "https://q.us-east-1.amazonaws.com/ListAvailableModels?origin=AI_EDITOR";
    assert_eq!(urls, [format!("{base}&maxResults=50"), format!("{base}&nextToken=n%261&maxResults=50")]);
}

#[test]
fn configs_that_cannot_be_are_told() {
    for (config, key) in [
        (json!({"endpoints": ["nowhere"]}), "endpoints"),
        (json!({"preferred_endpoint": "x"}), "preferred_endpoint"),
        (json!({"profile_arn": "arn:x"}), "profile_arn"),
        (json!({"profile_arn_policy": "x"}), "profile_arn_policy"),
        (json!({"selection_strategy": "x"}), "selection_strategy"),
        (json!({"monthly_quota_backoff_mode": "x"}), "monthly_quota_backoff_mode"),
        (json!({"region": "US EAST"}), "region"),
        (json!({"oidc_base_url": "http://oidc.test"}), "oidc_base_url"),
        (json!({"q_base_url": "http://localhost.evil.test"}), "q_base_url"),
        (json!({"management_base_url": "ftp://x"}), "management_base_url"),
    ] {
        let error = Stage::of::<Kiro>().config(&config).create().unwrap_or_default();
        assert_eq!(error.code, "bad_config", "{config}");
        assert!(error.message.starts_with(&format!("{key}: ")), "{config}: {}", error.message);
    }
    for config in [
        json!({"oidc_base_url": "http://127.0.0.1:1", "q_base_url": "http://localhost:2/x", "social_auth_base_url": "http://[::1]"}),
        json!({"enable_kiro_oauth_auto_backend_debugging_override": true, "storage_path": "var/x", "accounts": "all"}),
    ] {
        assert_eq!(Stage::of::<Kiro>().config(&config).create(), None, "{config}");
    }
}

#[test]
fn the_host_is_told_of_accounts_and_files() {
    let of = |config: Value| -> Value {
        let seen = Stage::of::<Kiro>().config(&config).task("accounts").run();
        serde_json::from_slice(&seen.body).expect("JSON")
    };
    let usual = of(json!({}));
    let file =
        json!({"file": "~/.aws/sso/cache/kiro-auth-token.json", "format": "kiro-ide", "writable": false});
    assert_eq!((&usual["files"], &usual["imports"]), (&json!([file]), &json!([file])));
    assert_eq!(
        (&usual["logins"], &usual["strategy"]),
        (&json!(["device", "social", "api-key"]), &json!("first-available"))
    );
    let other = of(json!({
        "credentials_path": "", "accounts": "a, b", "selection_strategy": "round-robin", "refresh_buffer_seconds": 60,
        "transient_rate_limit_default_seconds": 0.5, "transient_rate_limit_max_seconds": 9,
    }));
    assert_eq!(
        (&other["files"], &other["only"], &other["strategy"]),
        (&json!([]), &json!(["a", "b"]), &json!("round-robin"))
    );
    assert_eq!(
        (&other["early_ms"], &other["cooldown_ms"], &other["cooldown_max_ms"]),
        (&json!(60_000), &json!(500), &json!(9_000))
    );
    let mine = of(json!({"credentials_path": "/x/token.json", "writable": true}));
    assert_eq!(mine["files"][0], json!({"file": "/x/token.json", "format": "kiro-ide", "writable": true}));
    // Whatever is used, an account can be taken over.
    assert_eq!((&mine["imports"][0]["file"], &other["imports"]), (&json!("/x/token.json"), &json!([file])));
}
