//! What an operator asks and tells a running host.
use crate::talk::{Tongue, says};
use crate::team::{Chat, Team, backend};
use serde_json::{Value, json};
use stage::{Call, Lip, Reply, Upstream};

fn instance<'a>(all: &'a Value, name: &str) -> &'a Value {
    all["instances"].as_array().expect("a list").iter().find(|one| one["name"] == name).expect(name)
}

#[tokio::test]
async fn refused_key_is_shown_and_given_another_chance() {
    let provider = Upstream::by({
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move |request| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::json(
                401,
                r#"{"error":{"message":"no","type":"t","param":null,"code":"invalid_api_key"}}"#,
            ),
            _ => says(request, "openai speaks"),
        }
    })
    .await;
    let spare = Upstream::by(|request| says(request, "spare speaks")).await;
    let config = backend("openai", &provider.url()) + &backend("openrouter", &spare.url());
    let lip = Lip::builder().config_toml(&config).start().await;
    let body = json!({"model": "openai:m|openrouter:m", "messages": [{"role": "user", "content": "hi"}]})
        .to_string();
    let standing = || async { lip.send(Call::get("/v1/diagnostics")).await.json() };
    assert_eq!(instance(&standing().await, "openai")["availability_status"], "active");
    for _ in 0..2 {
        assert!(lip.chat(&body).await.text().contains("spare speaks"));
    }
    assert_eq!(provider.requests().len(), 1, "a refused key is asked no more");
    let now = standing().await;
    assert_eq!(instance(&now, "openai")["availability_status"], "disabled", "{now}");
    assert_eq!(instance(&now, "openai")["keys_disabled"], 1, "{now}");
    assert_eq!(instance(&now, "openrouter")["availability_status"], "active", "{now}");
    let openai = instance(&now, "openai");
    assert_eq!(
        (&openai["key_pool"][0]["state"], &openai["key_pool"][0]["breaker"]),
        (&json!("refused"), &json!("closed"))
    );
    assert_eq!(openai["last_error"]["message"], "no", "{openai}");
    assert_eq!((&openai["is_functional"], &openai["is_rate_limited"]), (&json!(true), &json!(false)));
    assert_eq!(instance(&now, "openrouter")["last_error"], Value::Null, "{now}");
    assert_eq!((&now["draining"], &now["default_backend"]), (&json!(false), &json!("openai")), "{now}");
    assert!(!now.to_string().contains("sk-openai"), "{now}");
    let path = "/v1/diagnostics/backends/openai/reactivate";
    assert_eq!(lip.send(Call::post(path, "")).await.json()["reactivated"], true);
    assert!(lip.chat(&body).await.text().contains("openai speaks"));
    let nobody = lip.send(Call::post("/v1/diagnostics/backends/nobody/reactivate", "")).await;
    assert_eq!((nobody.status, nobody.message().contains("nobody")), (404, true));
}

#[tokio::test]
async fn route_is_explained_for_a_session() {
    let team = Team::with("", |builder| builder.env("API_KEYS", "sk-client")).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false)
        .header("x-session-id", "mine")
        .header("authorization", "Bearer sk-client");
    chat.say("!/backend(anthropic)\n!/model(claude-x)").await;
    let ask = |session: &str| {
        Call::post("/v1/diagnostics/route", json!({"model": "gpt-5", "session": session}).to_string())
    };
    let plan = team.lip.send(ask("mine").bearer("sk-client")).await.json();
    assert_eq!(plan["legs"], json!([{"backend": "anthropic", "model": "claude-x"}]), "{plan}");
    assert_eq!(team.lip.send(ask("other").bearer("sk-client")).await.status, 404);
    assert_eq!(team.lip.send(ask("mine")).await.status, 401);
    let url = team.lip.url();
    let place = url.trim_start_matches("http://").split('/').next().expect("a place");
    let port = place.rsplit(':').next().expect("a port");
    let explain = |session: &str| {
        let builder = Lip::builder().env("API_KEYS", "sk-client").args("route explain gpt-5 --session");
        builder.arg(session).args("--port").arg(port).run()
    };
    let printed = explain("mine").await;
    assert!(printed.stdout.contains("anthropic:claude-x"), "{} {}", printed.stdout, printed.stderr);
    let printed = explain("other").await;
    assert!(
        printed.stderr.contains("there is no session \"other\""),
        "{} {}",
        printed.stdout,
        printed.stderr
    );
}

#[tokio::test]
async fn backend_that_rests_says_for_how_long_and_why() {
    let provider = Upstream::by(|_| {
        let body =
            r#"{"error":{"message":"slow down","type":"t","param":null,"code":"rate_limit_exceeded"}}"#;
        Reply::status(429).header("retry-after", "600").header("content-type", "application/json").full(body)
    })
    .await;
    let spare = Upstream::by(|request| says(request, "spare speaks")).await;
    let config = backend("openai", &provider.url()) + &backend("openrouter", &spare.url());
    let lip = Lip::builder().config_toml(&config).start().await;
    let body = json!({"model": "openai:m|openrouter:m", "messages": [{"role": "user", "content": "hi"}]});
    assert!(lip.chat(body.to_string()).await.text().contains("spare speaks"));
    let now = lip.send(Call::get("/v1/diagnostics")).await.json();
    let key = &instance(&now, "openai")["key_pool"][0];
    let rest = &key["models_resting"][0];
    assert_eq!(rest["name"], "m", "{now}");
    assert!(
        (500.0..=600.0).contains(&rest["cooldown_remaining_seconds"].as_f64().expect("seconds")),
        "{now}"
    );
    let error = instance(&now, "openai")["last_error"]["message"].as_str().expect("a message").to_owned();
    assert!(error.contains("slow down"), "{error}");
    assert_eq!(
        lip.send(Call::get("/v1/diagnostics/accounts")).await.json()["backends"]
            .as_array()
            .map(Vec::is_empty),
        Some(false)
    );
    let page = Call::get("/v1/diagnostics").header("origin", "https://evil.test");
    assert_eq!(lip.send(page).await.status, 403);
}
