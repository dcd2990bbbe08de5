use super::Anthropic;
use lip_plugin::{Value, json};
use lip_testkit::{Reply, Stage};

lip_testkit::conformance!(Anthropic);

const BODY: &str = " {\"max_tokens\":1e2, \"model\" : \"claude-x\", \"messages\":[]}\n";

fn stage() -> Stage {
    Stage::of::<Anthropic>().secret("api_key", "sk-ant")
}

fn headers(seen: &lip_testkit::Seen) -> Vec<(&str, &str)> {
    seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn turn_is_the_clients_body_and_the_upstreams_answer() {
    let reply = Reply::sse(["{\"type\":\"message_stop\"}"]).only_for("POST", "/v1/messages");
    let seen = stage().reply(reply).stream().turn(BODY).run();
    assert_eq!(seen.text(), "data: {\"type\":\"message_stop\"}\n\n");
    let sent = &seen.requests[0];
    assert_eq!((sent.url.as_str(), &*sent.body), ("https://api.anthropic.com/v1/messages", BODY.as_bytes()));
    let want =
        [("anthropic-version", "2023-06-01"), ("content-type", "application/json"), ("x-api-key", "sk-ant")];
    assert_eq!(headers(sent), want);
}

#[test]
fn clients_version_and_betas_win_and_join() {
    let config = json!({"headers": {"anthropic-beta": "a-1, b-2", "X-Team": "blue"}});
    let client =
        [("anthropic-version", "2026-10-21"), ("anthropic-beta", "b-2,c-3"), ("anthropic-beta", "d-4")];
    let seen = stage().config(&config).client_headers(&client).reply(Reply::text(200, "{}")).turn(BODY).run();
    let want = [
        ("x-team", "blue"),
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "a-1,b-2,c-3,d-4"),
        ("content-type", "application/json"),
        ("x-api-key", "sk-ant"),
    ];
    assert_eq!(headers(&seen.requests[0]), want);
}

#[test]
fn tokens_are_counted_by_the_provider() {
    let reply = Reply::text(200, "{\"input_tokens\":7}").only_for("POST", "/v1/messages/count_tokens");
    let seen = stage().reply(reply).turn(BODY).task("count_tokens").run();
    assert_eq!((seen.text().as_str(), &*seen.requests[0].body), ("{\"input_tokens\":7}", BODY.as_bytes()));
}

#[test]
fn base_may_end_in_messages() {
    for base in [
        "https://gw.test/v1",
        "https://gw.test/v1/",
        "https://gw.test/v1/messages",
        "https://gw.test/v1/messages/",
    ] {
        let config = json!({ "base_url": base });
        let seen = stage().config(&config).reply(Reply::text(200, "{}")).turn(BODY).run();
        assert_eq!(seen.requests[0].url, "https://gw.test/v1/messages", "{base}");
    }
}

#[test]
fn model_list_is_read_page_by_page() {
    let first = json!({"data": [
        {"id": "claude-a", "display_name": "Claude A", "max_input_tokens": 200_000, "max_tokens": 64_000, "lifecycle": "active"},
        {"id": "claude-old", "lifecycle": "retired"}, {"display_name": "nameless"}
    ], "has_more": true, "last_id": "a b&c"});
    let second =
        json!({"data": [{"id": "claude-b", "max_tokens": null}], "has_more": false, "last_id": "claude-b"});
    let seen = stage().reply(Reply::json(200, &first)).reply(Reply::json(200, &second)).models().run();
    let models = seen.models();
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["claude-a", "claude-b"]);
    assert_eq!((models[0].context_tokens, models[0].output_tokens), (Some(200_000), Some(64_000)));
    assert_eq!(models[0].title.as_deref(), Some("Claude A"));
    let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
    let list = "https://api.anthropic.com/v1/models?limit=1000";
    assert_eq!(urls, [list.to_owned(), format!("{list}&after_id=a%20b%26c")]);
    assert_eq!(headers(&seen.requests[1]), [("anthropic-version", "2023-06-01"), ("x-api-key", "sk-ant")]);
}

#[test]
fn endless_model_list_ends() {
    let page = json!({"data": [{"id": "m"}], "has_more": true, "last_id": "m"});
    let stage = (0..50).fold(stage(), |stage, _| stage.reply(Reply::json(200, &page)));
    let seen = stage.models().run();
    assert_eq!((seen.requests.len(), seen.models().len()), (super::PAGES_MAX, super::PAGES_MAX));
}

#[test]
fn errors_reach_the_client_as_they_are() {
    for (status, kind) in
        [(401, "authentication_error"), (429, "rate_limit_error"), (529, "overloaded_error")]
    {
        let body = json!({"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "r"});
        let seen = stage().reply(Reply::json(status, &body).header("retry-after", "7")).turn(BODY).run();
        assert_eq!((seen.status, seen.json()), (status, body));
        assert!(seen.headers.contains(&("retry-after".to_owned(), "7".to_owned())));
    }
}

#[test]
fn bad_config_names_the_key() {
    for config in [
        json!({"base_url": "api.anthropic.com"}),
        json!({"headers": {"x-api-key": "k"}}),
        json!({"headers": 1}),
    ] {
        let error = stage().config(&config).create().expect("an error");
        let key = error.message.split([':', '.']).next().expect("a sentence");
        assert!(error.code == "bad_config" && config.get(key) != Some(&Value::Null), "{error:?}");
    }
}
