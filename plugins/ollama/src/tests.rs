use super::Ollama;
use lip_plugin::{Value, json};
use lip_testkit::{Outcome, Reply, Stage};

lip_testkit::conformance!(Ollama);

const BODY: &str = " {\"model\" : \"qwen3:30b\", \"n\":1e2, \"messages\":[]}\n";
const NATIVE: &str = r#"{"model":"qwen3:30b","messages":[ 1e2 ],"options":{"top_k":4}}"#;

fn asked(config: &Value, dialect: &str, body: &'static str) -> Outcome {
    let stage = Stage::of::<Ollama>().config(config).dialect(dialect).model("qwen3:30b");
    stage.reply(Reply::text(200, "{}")).turn(body).run()
}

#[test]
fn openai_layer_gets_the_clients_bytes_without_a_key() {
    let seen = asked(&json!({}), "openai-chat", BODY);
    let sent = &seen.requests[0];
    assert_eq!(sent.url, "http://localhost:11434/v1/chat/completions");
    assert_eq!((&*sent.body, sent.headers.len(), seen.notes.len()), (BODY.as_bytes(), 1, 0));
    assert_eq!(sent.header("content-type"), Some("application/json"));
}

#[test]
fn limit_of_the_output_goes_by_its_older_name() {
    let cases = [
        (r#"{"model":"m", "max_completion_tokens": 9 , "x":1e2}"#, r#"{"model":"m","max_tokens":9,"x":1e2}"#),
        (r#"{"max_tokens":1,"max_completion_tokens":9}"#, r#"{"max_tokens":9}"#),
        (r#"{"x":"max_completion_tokens"}"#, r#"{"x":"max_completion_tokens"}"#),
        (r#"[{"max_completion_tokens":9}]"#, r#"[{"max_completion_tokens":9}]"#),
    ];
    for (body, want) in cases {
        let sent = asked(&json!({}), "openai-chat", body).requests.remove(0);
        assert_eq!(String::from_utf8_lossy(&sent.body), want);
    }
}

#[test]
fn native_api_gets_the_options_of_the_config() {
    let cases = [
        (json!({}), NATIVE, NATIVE),
        (
            json!({"num_ctx": 65536, "keep_alive": -1}),
            NATIVE,
            r#"{"model":"qwen3:30b","messages":[ 1e2 ],"keep_alive":-1,"options":{"num_ctx":65536,"top_k":4}}"#,
        ),
        (
            json!({"options": {"top_k": 9, "seed": 1}}),
            r#"{"options":{"top_k":4}}"#,
            r#"{"options":{"seed":1,"top_k":4}}"#,
        ),
        (json!({"keep_alive": "10m"}), r#"{"keep_alive": 0}"#, r#"{"keep_alive": 0}"#),
        (json!({"keep_alive": "10m"}), r#"{"a": 0}"#, r#"{"a":0,"keep_alive":"10m"}"#),
        (json!({"num_ctx": 7}), "{}", r#"{"options":{"num_ctx":7}}"#),
        (json!({"num_ctx": 7}), "[]", "[]"),
    ];
    for (config, body, want) in cases {
        let seen = asked(&config, "ollama", body);
        assert_eq!(seen.requests[0].url, "http://localhost:11434/api/chat");
        assert_eq!(String::from_utf8_lossy(&seen.requests[0].body), want, "{config}");
    }
}

#[test]
fn options_that_the_openai_layer_ignores_are_told() {
    let seen = asked(&json!({"num_ctx": 7}), "openai-chat", BODY);
    assert_eq!(&*seen.requests[0].body, BODY.as_bytes());
    assert!(seen.notes[0].contains("num_ctx"), "{:?}", seen.notes);
}

#[test]
fn key_is_sent_where_there_is_one() {
    for (config, want) in [
        (json!({"secrets": ["api_key"]}), Some("Bearer k")),
        (json!({"auth": "bearer"}), Some("Bearer k")),
        (json!({"secrets": []}), None),
        (json!({"secrets": ["api_key"], "auth": "none"}), None),
    ] {
        let stage = Stage::of::<Ollama>().config(&config).secret("api_key", "k");
        let seen = stage.reply(Reply::text(200, "{}")).turn(BODY).run();
        assert_eq!(seen.requests[0].header("authorization"), want, "{config}");
    }
}

#[test]
fn tags_are_the_models() {
    let tags = json!({"models": [
        {"name": "qwen3:30b", "model": "qwen3:30b", "size": 1, "details": {"family": "qwen3"}}, {"model": "x"}, {"size": 1}
    ]});
    let reply = Reply::json(200, &tags).only_for("GET", "/api/tags");
    let seen = Stage::of::<Ollama>().reply(reply).models().run();
    let ids: Vec<String> = seen.models().into_iter().map(|model| model.id).collect();
    assert_eq!((ids.join(" ").as_str(), seen.requests.len()), ("qwen3:30b x", 1));
    assert_eq!(seen.requests[0].url, "http://localhost:11434/api/tags");
}

#[test]
fn cloud_models_are_listed_on_demand_and_may_fail() {
    let stage = || {
        Stage::of::<Ollama>()
            .config(&json!({"list_cloud_models": true, "auth": "bearer"}))
            .secret("api_key", "k")
    };
    let one = |name: &str| Reply::json(200, &json!({"models": [{"name": name}]}));
    let seen = stage().reply(one("a")).reply(one("big")).models().run();
    let ids: Vec<String> = seen.models().into_iter().map(|model| model.id).collect();
    assert_eq!(ids, ["a", "big-cloud"]);
    assert_eq!(seen.requests[1].url, "https://ollama.com/api/tags");
    assert_eq!(seen.requests[1].header("authorization"), None, "the key is for the configured place");
    let seen = stage().reply(one("a")).reply(Reply::refused()).models().run();
    assert_eq!((seen.models().len(), seen.notes.len()), (1, 1));
}

#[test]
fn errors_reach_the_client_as_they_are() {
    for (dialect, body) in [
        ("openai-chat", json!({"error": {"message": "model not found", "type": "not_found_error"}})),
        ("ollama", json!({"error": "model not found"})),
    ] {
        for status in [400, 401, 404, 429, 500, 503] {
            let stage = Stage::of::<Ollama>().dialect(dialect).reply(Reply::json(status, &body));
            let seen = stage.turn("{}").run();
            assert_eq!((seen.status, seen.json()), (status, body.clone()));
        }
    }
}

#[test]
fn bad_config_names_the_key() {
    let cases = [
        json!({"base_url": "ftp://x"}),
        json!({"base_url": 7}),
        json!({"num_ctx": 0}),
        json!({"num_ctx": "big"}),
        json!({"keep_alive": 1.5}),
        json!({"options": []}),
        json!({"native": "yes"}),
        json!({"auth": "basic"}),
        json!({"list_cloud_models": 1}),
    ];
    for config in cases {
        let error =
            Stage::of::<Ollama>().config(&config).create().unwrap_or_else(|| panic!("{config} is accepted"));
        let key = error.message.split(':').next().expect("a sentence");
        assert!(error.code == "bad_config" && config.get(key).is_some(), "{error:?}");
    }
}
