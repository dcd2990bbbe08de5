use super::{Gemini, resource};
use lip_plugin::json;
use lip_testkit::{Reply, Stage};

lip_testkit::conformance!(Gemini);

const BODY: &str = " {\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}], \"x\":1e2}\n";
const BASE: &str = "https://generativelanguage.googleapis.com/v1beta";

fn stage() -> Stage {
    Stage::of::<Gemini>().secret("api_key", "AIza").model("gemini-3-pro")
}

#[test]
fn verb_tells_whether_it_streams() {
    let plain = stage().reply(Reply::text(200, "{}")).turn(BODY).run();
    let streamed = stage().stream().reply(Reply::sse(["{}"])).turn(BODY).run();
    let counted =
        stage().reply(Reply::text(200, "{\"totalTokens\":7}")).turn(BODY).task("count_tokens").run();
    for (seen, verb) in
        [(plain, "generateContent"), (streamed, "streamGenerateContent?alt=sse"), (counted, "countTokens")]
    {
        let sent = &seen.requests[0];
        assert_eq!(
            (&sent.url, sent.method.as_str()),
            (&format!("{BASE}/models/gemini-3-pro:{verb}"), "POST")
        );
        assert_eq!(&*sent.body, BODY.as_bytes());
        assert!(seen.spliced && !sent.url.contains("AIza"));
    }
}

#[test]
fn key_and_further_headers_are_headers() {
    let config = json!({"headers": {"X-Team": "blue"}});
    let stage = stage().config(&config).client_headers(&[("x-goog-api-client", "genai/3")]);
    let seen = stage.reply(Reply::text(200, "{}")).turn(BODY).run();
    let sent: Vec<_> =
        seen.requests[0].headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let want = "x-team: blue|x-goog-api-client: genai/3|content-type: application/json|x-goog-api-key: AIza";
    assert_eq!(sent.join("|"), want);
}

#[test]
fn model_becomes_one_safe_segment() {
    let cases = [
        ("gemini-3-pro", "models/gemini-3-pro"),
        ("google/gemini-3-pro", "models/gemini-3-pro"),
        ("gemini:models/gemini-3-pro", "models/gemini-3-pro"),
        ("gemini/gemini-3-pro", "models/gemini-3-pro"),
        ("publishers/google/models/gemini-3-pro", "models/gemini-3-pro"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("tunedModels/../x", "tunedModels/..%2Fx"),
        ("a?key=b#c d%", "models/a%3Fkey%3Db%23c%20d%25"),
        ("ä:x", "models/%C3%A4%3Ax"),
    ];
    for (model, want) in cases {
        assert_eq!(resource(model).expect("a name"), want, "{model}");
    }
    for none in ["", "google/", "a/"] {
        assert_eq!(resource(none).expect_err("no name").code(), "bad_request", "{none}");
    }
}

#[test]
fn base_may_end_in_the_version() {
    for base in ["https://gw.test/g", "https://gw.test/g/v1beta/"] {
        let seen =
            stage().config(&json!({ "base_url": base })).reply(Reply::text(200, "{}")).turn(BODY).run();
        assert_eq!(seen.requests[0].url, "https://gw.test/g/v1beta/models/gemini-3-pro:generateContent");
    }
}

#[test]
fn model_list_is_read_page_by_page() {
    let first = json!({"models": [
        {"name": "models/gemini-a", "displayName": "Gemini A", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
         "supportedGenerationMethods": ["generateContent", "countTokens"]},
        {"name": "models/embedding-1", "supportedGenerationMethods": ["embedContent"]}
    ], "nextPageToken": "p/2="});
    let second =
        json!({"models": [{"name": "models/gemini-b", "supportedGenerationMethods": ["generateContent"]}]});
    let seen = stage().reply(Reply::json(200, &first)).reply(Reply::json(200, &second)).models().run();
    let models = seen.models();
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["gemini-a", "gemini-b"]);
    assert_eq!((models[0].context_tokens, models[0].output_tokens), (Some(1_048_576), Some(65_536)));
    let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
    let list = format!("{BASE}/models?pageSize=1000");
    assert_eq!(urls, [list.clone(), format!("{list}&pageToken=p%2F2%3D")]);
    assert_eq!(seen.requests[1].header("x-goog-api-key"), Some("AIza"));
}

#[test]
fn endless_model_list_ends() {
    let page = json!({"models": [], "nextPageToken": "again"});
    let stage = (0..50).fold(stage(), |stage, _| stage.reply(Reply::json(200, &page)));
    assert_eq!(stage.models().run().requests.len(), super::PAGES_MAX);
}

#[test]
fn errors_reach_the_client_as_they_are() {
    for (status, kind) in [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (429, "RESOURCE_EXHAUSTED"),
        (503, "UNAVAILABLE"),
    ] {
        let body = json!({"error": {"code": status, "message": "no", "status": kind}});
        let seen = stage().reply(Reply::json(status, &body)).turn(BODY).run();
        assert_eq!((seen.status, seen.json()), (status, body));
    }
}

#[test]
fn turn_without_a_model_asks_nobody() {
    let seen = Stage::of::<Gemini>().turn(BODY).run();
    assert_eq!((seen.code(), seen.requests.len()), ("bad_request", 0));
}
