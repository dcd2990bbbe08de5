use super::Codex;
use lip_plugin::{Value, json};
use lip_testkit::conformance::Sample;
use lip_testkit::{Outcome, Reply, Stage};

mod accounts;

const ANSWER: &str = "event: response.created\ndata: {\"type\":\"response.created\"}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[]}}\n\n";
const MODELS: &str = r#"{"models":[{"slug":"gpt-6-sol","display_name":"GPT-6 Sol","visibility":"list","supported_in_api":true,"context_window":400000},
    {"slug":"gpt-daybreak","visibility":"hide","supported_in_api":true},{"slug":"gpt-x","visibility":"list","supported_in_api":false}]}"#;
const BODY: &str = r#"{"model":"gpt-6-sol","input":[],"instructions":"Be brief."}"#;

lip_testkit::conformance!(Codex, Sample::new(ANSWER, MODELS));

fn stage() -> Stage {
    let fields = json!({"account_id": "acc-1"});
    Stage::of::<Codex>().model("gpt-6-sol").account("one", &["at-1", "at-2"], &fields)
}

fn sse(chunks: &[&str]) -> Reply {
    Reply::chunks(200, "text/event-stream", chunks.iter().map(|chunk| (*chunk).to_owned()))
}

fn bearers(seen: &Outcome) -> Vec<&str> {
    let bearer = |request: &'_ lip_testkit::Seen| request.header("authorization").map(str::len);
    assert!(seen.requests.iter().all(|request| bearer(request).is_some()));
    seen.requests.iter().filter_map(|request| request.header("authorization")).collect()
}

#[test]
fn a_stream_reaches_the_client_as_it_came() {
    let seen = stage()
        .reply(
            sse(&[ANSWER]).header("x-codex-primary-used-percent", "12").only_for("POST", "/codex/responses"),
        )
        .client_headers(&[("openai-beta", "x")])
        .stream()
        .turn(BODY)
        .run();
    assert_eq!((seen.text().as_str(), seen.whole, seen.spliced), (ANSWER, true, true));
    assert!(seen.headers.contains(&("x-codex-primary-used-percent".to_owned(), "12".to_owned())));
    let sent = &seen.requests[0];
    assert_eq!(sent.url, "https://chatgpt.com/backend-api/codex/responses");
    let headers: Vec<_> = sent.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let want = "originator: lip|chatgpt-account-id: acc-1|accept: text/event-stream|openai-beta: x|session-id: testkit|thread-id: testkit|content-type: application/json|authorization: Bearer at-1";
    assert_eq!(headers.join("|"), want);
    assert_eq!(seen.reports, [json!({"outcome": "good", "account": "one"})]);
}

#[test]
fn wherever_chunks_are_cut_nothing_is_lost() {
    for at in 1..ANSWER.len() {
        let (a, b) = ANSWER.split_at(at);
        let seen = stage().reply(sse(&[a, b])).turn(BODY).run();
        assert_eq!((seen.text().as_str(), seen.breaches.len()), (ANSWER, 0), "cut at {at}");
    }
}

#[test]
fn requests_are_fitted_and_all_else_is_kept() {
    let own = r#""store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"testkit"}"#;
    let cases = [
        // What Codex CLI sends goes out as it is, byte for byte.
        (
            r#" {"model" : "m","input":[ ],"instructions":"i","stream":true,"store": false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k"} "#,
            r#" {"model" : "m","input":[ ],"instructions":"i","stream":true,"store": false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k"} "#.to_owned(),
        ),
        (
            r#"{"input":"say \"hi\"","stream":false,"temperature":1e0, "top_p":1,"max_output_tokens":9,"new":1e2,"previous_response_id":null,"instructions":"i","store":true}"#,
            r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"say \"hi\""}]}],"stream":true,"new":1e2,"instructions":"i","store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"testkit"}"#.to_owned(),
        ),
        (
            r#"{"instructions":" ","input":[{"role":"system" ,"content":"s"}, {"role":"user","content":"\"system\""}]}"#,
            format!(r#"{{"instructions":"Follow the instructions of the conversation.","input":[{{"role":"developer" ,"content":"s"}}, {{"role":"user","content":"\"system\""}}],"stream":true,{own}"#),
        ),
        (
            r#"{"instructions":"i","include":["a"],"prompt_cache_key":""}"#,
            r#"{"instructions":"i","include":["a","reasoning.encrypted_content"],"prompt_cache_key":"testkit","stream":true,"store":false}"#.to_owned(),
        ),
    ];
    for (body, want) in cases {
        let seen = stage().reply(sse(&[ANSWER])).turn(body).run();
        assert_eq!(String::from_utf8_lossy(&seen.requests[0].body), want);
    }
}

#[test]
fn fitting_can_be_configured() {
    let config = json!({"instructions": "", "drop_fields": ["user"], "headers": {"Originator": "me"}});
    let body = r#"{"input":[],"user":"u","temperature":1}"#;
    let seen = stage().config(&config).reply(sse(&[ANSWER])).turn(body).run();
    let sent = seen.requests[0].json();
    assert_eq!((sent.get("instructions"), sent.get("user"), &sent["temperature"]), (None, None, &json!(1)));
    let originators = seen.requests[0].headers.iter().filter(|(name, _)| name == "originator");
    assert_eq!(originators.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["me"]);
}

#[test]
fn an_answer_that_nobody_remembers_cannot_be_continued() {
    let seen = stage().turn(r#"{"input":[],"previous_response_id":"resp_1"}"#).run();
    let error = seen.error.expect("an error");
    assert_eq!((error.code.as_str(), seen.requests.len()), ("bad_request", 0));
}

#[test]
fn a_refused_token_is_renewed_once() {
    let refused = || Reply::json(401, &json!({"error": {"code": "token_expired", "message": "expired"}}));
    let seen = stage().reply(refused()).reply(sse(&[ANSWER])).turn(BODY).run();
    assert_eq!((seen.text().as_str(), bearers(&seen)), (ANSWER, vec!["Bearer at-1", "Bearer at-2"]));
    let seen = stage().reply(refused()).reply(refused()).reply(sse(&[ANSWER])).turn(BODY).run();
    let error = seen.error.as_ref().expect("an error");
    assert_eq!((error.code.as_str(), seen.requests.len()), ("auth", 2));
    assert!(
        error.message.contains("expired") && error.hint.as_ref().is_some_and(|h| h.contains("lip login"))
    );
}

#[test]
fn a_token_that_is_refused_in_the_stream_is_renewed_before_output() {
    let created = "data: {\"type\":\"response.created\"}\n\n";
    for event in [
        r#"{"type":"error","error":{"type":"authentication_error","message":"gone"}}"#,
        r#"{"type":"error","code":"token_invalidated","message":"gone"}"#,
        r#"{"type":"error","status":401,"error":{"message":"gone"}}"#,
        r#"{"type":"response.failed","response":{"error":{"code":"token_expired","message":"gone"}}}"#,
    ] {
        let failed = format!("{created}data: {event}\n\n");
        let seen = stage().reply(sse(&[&failed])).reply(sse(&[ANSWER])).stream().turn(BODY).run();
        assert_eq!(
            (seen.text().as_str(), bearers(&seen)),
            (ANSWER, vec!["Bearer at-1", "Bearer at-2"]),
            "{event}"
        );
        // After output it is the client's.
        let late = format!("{created}data: {{\"type\":\"response.output_text.delta\"}}\n\ndata: {event}\n\n");
        let seen = stage().reply(sse(&[&late])).stream().turn(BODY).run();
        assert_eq!((seen.text(), seen.requests.len()), (late, 1));
    }
}

#[test]
fn an_error_in_the_stream_that_is_not_the_accounts_is_handed_on() {
    for event in [
        r#"{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"long"}}}"#,
        r#"{"type":"error","status":500,"error":{"message":"oops"}}"#,
    ] {
        let stream = format!("event: x\r\ndata: {event}\r\n\r\n");
        let seen = stage().reply(sse(&[&stream])).stream().turn(BODY).run();
        assert_eq!((seen.text(), seen.requests.len()), (stream, 1));
    }
}

#[test]
fn what_a_plan_has_used_up_names_its_reset() {
    let at = |error: Value, headers: &[(&str, &str)]| {
        let mut reply = Reply::json(429, &json!({ "error": error }));
        for (name, value) in headers {
            reply = reply.header(name, value);
        }
        let seen = stage().reply(reply).turn(BODY).run();
        (seen.reports[0]["scope"].clone(), seen.reports[0]["until_ms"].clone(), seen.code().to_owned())
    };
    let used_up = "rate_limited".to_owned();
    let now = 1_700_000_000_000_u64;
    for (error, headers, scope, until) in [
        (
            json!({"type": "usage_limit_reached", "resets_at": 1_700_000_600}),
            &[][..],
            "",
            Some(now + 600_000),
        ),
        (json!({"type": "usage_limit_reached", "resets_in_seconds": 90}), &[], "", Some(now + 90_000)),
        (json!({"type": "usage_not_included", "message": "no"}), &[], "", None),
        (
            json!({"code": "rate_limit_exceeded", "message": "Please try again in 11s"}),
            &[],
            "gpt-6-sol",
            Some(now + 11_000),
        ),
        (json!({"message": "slow"}), &[("retry-after", "7")], "gpt-6-sol", Some(now + 7_000)),
    ] {
        assert_eq!(at(error.clone(), headers), (json!(scope), json!(until), used_up.clone()), "{error}");
    }
    let event = r#"{"type":"response.failed","response":{"error":{"code":"usage_limit_reached","message":"m","resets_in_seconds":5}}}"#;
    let seen = stage().reply(sse(&[&format!("data: {event}\n\n")])).stream().turn(BODY).run();
    assert_eq!(seen.reports[0]["until_ms"], json!(now + 5_000));
}

#[test]
fn another_account_serves_when_one_is_used_up() {
    let used_up =
        Reply::json(429, &json!({"error": {"type": "usage_limit_reached", "resets_in_seconds": 60}}));
    let seen = stage()
        .account("two", &["bt-1"], &json!({"account_id": "acc-2"}))
        .reply(used_up)
        .reply(sse(&[ANSWER]))
        .turn(BODY)
        .run();
    assert_eq!((seen.text().as_str(), bearers(&seen)), (ANSWER, vec!["Bearer at-1", "Bearer bt-1"]));
    assert_eq!(seen.requests[1].header("chatgpt-account-id"), Some("acc-2"));
}

#[test]
fn errors_of_the_request_are_the_clients() {
    for (status, body) in
        [(400, json!({"detail": "The 'x' model is not supported"})), (500, json!({})), (404, json!({}))]
    {
        let seen = stage().reply(Reply::json(status, &body)).turn(BODY).run();
        assert_eq!((seen.status, seen.json(), seen.spliced), (status, body, true));
    }
    // A page of a gateway knows no accounts.
    let seen = stage().reply(Reply::text(403, "<html>no</html>")).turn(BODY).run();
    let error = seen.error.expect("an error");
    assert_eq!((error.status, seen.requests.len()), (Some(403), 1));
}

#[test]
fn models_are_those_that_can_be_asked_for() {
    let reply = Reply::text(200, MODELS).only_for("GET", "/codex/models");
    let seen = stage().reply(reply).models().run();
    let models = seen.models();
    assert_eq!(
        (models.len(), models[0].id.as_str(), models[0].context_tokens),
        (1, "gpt-6-sol", Some(400_000))
    );
    assert!(seen.requests[0].url.ends_with("?client_version=0.169.0"));
}
