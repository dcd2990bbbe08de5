//! What a newcomer meets: no key, no config; then a default backend; then the example file.
use serde_json::{Value, json};
use stage::{Call, End, Lip, Reply, Upstream, n_bundled, within};
use std::path::Path;

const HELLO: &str = r#"{"model":"echo","stream":true,"messages":[{"role":"user","content":"Hello, LIP!"}]}"#;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The example file of the documentation, by the name that the documentation gives it.
fn with_example_config() -> stage::LipBuilder {
    Lip::builder().arg("--config").arg(repository().join("config/config.yaml"))
}

#[tokio::test]
async fn echo_streams_without_key_and_config() {
    let lip = Lip::builder().start().await;
    let answer = lip.chat(HELLO).await;
    assert_eq!((answer.status, answer.end), (200, End::Clean));
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.said(), "Hello, LIP!");
    assert_eq!(answer.events().last().unwrap(), "[DONE]");
    assert!(answer.events().len() > 2, "one event is no stream: {}", answer.text());
}

#[tokio::test]
async fn echo_answers_in_one_piece_too() {
    let lip = Lip::builder().start().await;
    let answer = lip.chat(HELLO.replace("true", "false")).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["choices"][0]["message"]["content"], "Hello, LIP!");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn curl_line_of_readme_is_answered() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let curl = readme.lines().find(|line| line.starts_with("curl ")).expect("a curl line");
    let quoted: Vec<&str> = curl.split('\'').collect();
    let [_, header, _, body, ""] = quoted[..] else { panic!("{curl}") };
    assert!(curl.contains("http://127.0.0.1:8000/v1/chat/completions"), "{curl}");
    assert_eq!(header, "content-type: application/json");
    let said = Lip::builder().start().await.chat(body).await.said();
    assert_eq!(said, "Hello, LIP!");
}

#[tokio::test]
async fn start_up_summary_offers_a_line_that_works() {
    let lip = Lip::builder().start().await;
    let summary = lip.stdout();
    assert!(summary.contains(&format!("{} loaded, 0 refused", n_bundled())), "{summary}");
    assert!(summary.contains("default   echo (no backend is configured"), "{summary}");
    let line = summary.lines().find(|line| line.contains("curl")).unwrap();
    assert!(line.contains(&format!("http://{}/v1/chat/completions", lip.address)), "{line}");
    let body = line.split('\'').nth(3).unwrap();
    assert_eq!(lip.chat(body).await.said(), "hello");
}

#[tokio::test]
async fn models_are_listed_and_found_one_by_one() {
    let lip = Lip::builder().start().await;
    let list = lip.send(Call::get("/v1/models")).await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["echo", "echo-reasoner", "echo:echo", "echo:echo-reasoner"]);
    for id in ids {
        let model = lip.send(Call::get(&format!("/v1/models/{id}"))).await;
        assert_eq!(model.status, 200, "{id}");
        assert_eq!((&model.json()["id"], &model.json()["object"]), (&json!(id), &json!("model")));
    }
    let missing = lip.send(Call::get("/v1/models/gpt-99")).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.error()["code"], "model_not_found");
}

#[tokio::test]
async fn models_of_a_provider_are_listed() {
    let list = json!({"object": "list", "data": [{"id": "gpt-5", "object": "model", "created": 7, "owned_by": "them"},
        {"id": "org/x-1", "object": "model", "created": 8, "owned_by": "them"}]});
    let upstream = Upstream::always(Reply::json(200, &list.to_string())).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let listed = lip.send(Call::get("/v1/models")).await.json();
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    for id in ["gpt-5", "openai:gpt-5", "org/x-1", "openai:org/x-1", "echo:echo"] {
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
    let model = lip.send(Call::get("/v1/models/org/x-1")).await.json();
    assert_eq!((&model["owned_by"], &model["created"]), (&json!("them"), &json!(8)));
    assert_eq!(upstream.last().target, "/v1/models");
}

#[tokio::test]
async fn default_backend_flag_sends_turns_to_openai() {
    let upstream =
        Upstream::always(Reply::json(200, r#"{"choices":[{"message":{"content":"from upstream"}}]}"#)).await;
    let lip = Lip::builder()
        .args("--default-backend openai")
        .env("OPENAI_API_KEY", "sk-1")
        .env("OPENAI_API_BASE_URL", &upstream.url())
        .start()
        .await;
    let answer = lip.chat(r#"{"model":"gpt-5","messages":[]}"#).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "from upstream");
    assert!(lip.stdout().contains("default   openai"), "{}", lip.stdout());
}

#[tokio::test]
async fn default_backend_without_key_names_the_variable() {
    let lip = Lip::builder().args("--default-backend openai").start().await;
    assert!(lip.stdout().contains("missing   openai: OPENAI_API_KEY is not set"), "{}", lip.stdout());
    let answer = lip.chat(r#"{"model":"gpt-5","stream":true,"messages":[]}"#).await;
    assert_eq!(answer.status, 503);
    assert!(answer.message().contains("OPENAI_API_KEY"), "{}", answer.text());
    assert_eq!(lip.chat(HELLO.replace("\"echo\"", "\"echo:echo\"")).await.said(), "Hello, LIP!");
}

#[tokio::test]
async fn example_config_serves_without_any_key() {
    let lip = with_example_config().start().await;
    let summary = lip.stdout();
    assert!(summary.contains("missing   openai: OPENAI_API_KEY is not set"), "{summary}");
    for backend in ["anthropic", "gemini"] {
        assert!(summary.contains(&format!("missing   {backend}: ")), "{summary}");
    }
    for (model, says) in [
        ("gpt-5", "OPENAI_API_KEY"),
        ("anthropic:claude", "ANTHROPIC_API_KEY"),
        ("gemini:g", "GEMINI_API_KEY"),
    ] {
        let answer = lip.chat(json!({"model": model, "messages": []}).to_string()).await;
        assert_eq!(answer.status, 503, "{model}: {}", answer.text());
        assert!(answer.message().contains(says), "{model}: {}", answer.text());
    }
    assert_eq!(lip.chat(HELLO.replace("\"echo\"", "\"echo:echo\"")).await.said(), "Hello, LIP!");
}

#[tokio::test]
async fn example_config_serves_with_its_key() {
    let upstream = Upstream::always(Reply::json(200, r#"{"choices":[{"message":{"content":"yes"}}]}"#)).await;
    let lip = with_example_config()
        .env("OPENAI_API_KEY", "sk-1")
        .env("OPENAI_API_BASE_URL", &upstream.url())
        .start()
        .await;
    let answer = lip.chat(r#"{"model":"gpt-5","messages":[]}"#).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "yes");
}

#[tokio::test]
async fn instances_have_their_own_key_and_address() {
    let reply =
        |text: &str| Reply::json(200, &json!({"choices": [{"message": {"content": text}}]}).to_string());
    let (home, work) = (Upstream::always(reply("home")).await, Upstream::always(reply("work")).await);
    let config = format!(
        "default_backend = \"openai.home\"\n\
         [backends.\"openai.home\"]\ntype = \"openai\"\napi_url = \"{}\"\napi_key = \"sk-home\"\n\
         [backends.\"openai.work\"]\ntype = \"openai\"\napi_url = \"{}\"\napi_key = \"env:WORK_KEY\"\n",
        home.url(),
        work.url()
    );
    let lip = Lip::builder().config_toml(&config).env("WORK_KEY", "sk-work").start().await;
    for (model, upstream, key) in [("m", &home, "Bearer sk-home"), ("openai.work:m", &work, "Bearer sk-work")]
    {
        let answer: Value = lip.chat(json!({"model": model, "messages": []}).to_string()).await.json();
        let place = if key.ends_with("home") { "home" } else { "work" };
        assert_eq!(answer["choices"][0]["message"]["content"], place);
        assert_eq!(upstream.last().header("authorization"), Some(key));
        assert_eq!(upstream.last().json()["model"], "m");
    }
}

#[tokio::test]
async fn first_ready_backend_of_the_file_is_the_default() {
    let upstream =
        Upstream::always(Reply::json(200, r#"{"choices":[{"message":{"content":"second"}}]}"#)).await;
    let config = format!(
        "[backends.first]\ntype = \"openai\"\n[backends.second]\ntype = \"openai\"\napi_key = \"sk\"\napi_url = \"{}\"\n",
        upstream.url()
    );
    let lip = Lip::builder().config_toml(&config).start().await;
    assert!(lip.stdout().contains("default   second"), "{}", lip.stdout());
    assert_eq!(
        lip.chat(r#"{"model":"m","messages":[]}"#).await.json()["choices"][0]["message"]["content"],
        "second"
    );
}

#[tokio::test]
async fn health_needs_no_key() {
    let lip = Lip::builder().env("API_KEYS", "k1").start().await;
    let answer = lip.send(Call::get("/health")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("ok")));
}

#[tokio::test]
async fn shutdown_lets_an_open_turn_end() {
    let gate = stage::Gate::default();
    let reply = Reply::events()
        .send("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
        .hold(&gate)
        .send("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
        .end();
    let upstream = Upstream::always(reply).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut open = lip.open_chat(r#"{"model":"m","stream":true,"messages":[]}"#).await;
    open.read_until("\"a\"").await;
    let address = lip.address;
    let stopping = tokio::spawn(lip.stop());
    // The port is closed first: from then on the host is shutting down.
    let refused = async { while tokio::net::TcpStream::connect(address).await.is_ok() {} };
    within("the port to close", refused).await;
    gate.open();
    let answer = open.rest().await;
    assert_eq!((answer.end, answer.events().last().unwrap().as_str()), (End::Clean, "[DONE]"));
    let (status, _) = stopping.await.unwrap();
    assert!(status.success(), "{status}");
}
