use super::OpenAiResponses;
use lip_plugin::json;
use lip_testkit::{Reply, Stage};

lip_testkit::conformance!(OpenAiResponses);

const BODY: &str = " {\"input\":\"hi\", \"model\" : \"gpt-5\", \"x_new\":1e2}\n";

fn stage() -> Stage {
    Stage::of::<OpenAiResponses>().secret("api_key", "sk")
}

#[test]
fn turn_is_the_clients_body_and_the_upstreams_answer() {
    let config = json!({"organization": "org-1", "project": "p", "headers": {"X-Team": "blue"}});
    let reply = Reply::sse(["{\"type\":\"response.completed\"}"]).only_for("POST", "/v1/responses");
    let seen =
        stage().config(&config).reply(reply).client_headers(&[("x-client", "1")]).stream().turn(BODY).run();
    assert_eq!(seen.text(), "data: {\"type\":\"response.completed\"}\n\n");
    let sent = &seen.requests[0];
    assert_eq!((sent.url.as_str(), &*sent.body), ("https://api.openai.com/v1/responses", BODY.as_bytes()));
    let headers: Vec<_> = sent.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let want = "x-team: blue|openai-organization: org-1|openai-project: p|x-client: 1|content-type: application/json|authorization: Bearer sk";
    assert_eq!(headers.join("|"), want);
}

#[test]
fn tokens_are_counted_by_the_provider() {
    let answer = json!({"object": "response.input_tokens", "input_tokens": 7});
    let reply = Reply::json(200, &answer).only_for("POST", "/v1/responses/input_tokens");
    let seen = stage().reply(reply).turn(BODY).task("count_tokens").run();
    assert_eq!((seen.json(), &*seen.requests[0].body), (answer, BODY.as_bytes()));
}

#[test]
fn base_may_end_in_responses() {
    for base in ["https://gw.test/v1", "https://gw.test/v1/responses/"] {
        let seen =
            stage().config(&json!({ "base_url": base })).reply(Reply::text(200, "{}")).turn(BODY).run();
        assert_eq!(seen.requests[0].url, "https://gw.test/v1/responses", "{base}");
    }
}

#[test]
fn models_are_those_of_the_api() {
    let list = json!({"object": "list", "data": [{"id": "gpt-5", "object": "model", "created": 7, "owned_by": "openai"}]});
    let seen = stage().reply(Reply::json(200, &list).only_for("GET", "/v1/models")).models().run();
    let models = seen.models();
    assert_eq!((models[0].id.as_str(), models[0].created), ("gpt-5", Some(7)));
    assert_eq!(seen.requests[0].header("authorization"), Some("Bearer sk"));
}

#[test]
fn errors_reach_the_client_as_they_are() {
    for status in [401, 403, 404, 429, 500, 503] {
        let body = json!({"error": {"message": "no", "type": "t", "param": null, "code": "c"}});
        let seen = stage().reply(Reply::json(status, &body).header("retry-after", "7")).turn(BODY).run();
        assert_eq!((seen.status, seen.json()), (status, body));
        assert!(seen.headers.contains(&("retry-after".to_owned(), "7".to_owned())));
    }
}

#[test]
fn bad_config_names_the_key() {
    for config in [json!({"base_url": "x"}), json!({"organization": 7}), json!({"project": "a\r\nb: c"})] {
        let error = stage().config(&config).create().expect("an error");
        let key = error.message.split(':').next().expect("a sentence");
        assert!(error.code == "bad_config" && config.get(key).is_some(), "{error:?}");
    }
}
