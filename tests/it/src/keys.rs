//! Several keys of one backend: a refused one is left out, a limited one rests, the next one is used.
use crate::talk::says;
use stage::{Lip, LipBuilder, Recorded, Reply, Upstream};

const CHAT: &str = r#"{"model":"openai:m","messages":[{"role":"user","content":"hi"}]}"#;

/// A provider that judges the key by its name.
async fn provider() -> Upstream {
    Upstream::by(|request| match key_of(request).as_str() {
        "sk-bad" => Reply::json(
            401,
            r#"{"error":{"message":"no key","type":"t","param":null,"code":"invalid_api_key"}}"#,
        ),
        "sk-busy" => Reply::status(429)
            .header("Content-Type", "application/json")
            .header("Retry-After", "600")
            .full(r#"{"error":{"message":"slow","type":"t","param":null,"code":null}}"#),
        key => says(request, &format!("{key} speaks")),
    })
    .await
}

fn key_of(request: &Recorded) -> String {
    request.header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned()
}

fn used(upstream: &Upstream) -> Vec<String> {
    upstream.requests().iter().map(key_of).collect()
}

fn config(builder: LipBuilder, url: &str, keys: &str) -> LipBuilder {
    builder.config_toml(&format!("[backends.openai]\ntype = \"openai\"\napi_url = \"{url}\"\n{keys}\n"))
}

#[tokio::test]
async fn next_key_is_used_and_the_bad_one_is_remembered() {
    for keys in [
        "api_keys = [\"sk-bad\", \"sk-busy\", \"sk-good\"]",
        "api_key = \"sk-bad\"\napi_keys = [\"env:SECOND\", \"env:THIRD\"]",
        "",
    ] {
        let upstream = provider().await;
        let builder = Lip::builder().env("SECOND", "sk-busy").env("THIRD", "sk-good");
        let builder = if keys.is_empty() {
            builder
                .env("OPENAI_API_KEY_1", "sk-bad")
                .env("OPENAI_API_KEY_2", "sk-busy")
                .env("OPENAI_API_KEY_3", "sk-good")
        } else {
            builder
        };
        let lip = config(builder, &upstream.url(), keys).start().await;
        for n in 1..=3 {
            let answer = lip.chat(CHAT).await;
            assert_eq!(answer.status, 200, "{keys}: {}", answer.text());
            assert!(answer.text().contains("sk-good speaks"), "{keys}: {}", answer.text());
            let expected: Vec<&str> = ["sk-bad", "sk-busy"].into_iter().chain(vec!["sk-good"; n]).collect();
            assert_eq!(used(&upstream), expected, "{keys}");
        }
        assert!(!lip.printed().contains("sk-good") && !lip.printed().contains("sk-bad"), "{}", lip.printed());
    }
}

#[tokio::test]
async fn limit_of_one_model_leaves_the_key_to_others() {
    let upstream = Upstream::by(|request| match (key_of(request).as_str(), &request.json()["model"]) {
        ("sk-one", model) if model == "m" => Reply::status(429)
            .header("Content-Type", "application/json")
            .header("Retry-After", "600")
            .full(r#"{"error":{"message":"slow","type":"t","param":null,"code":null}}"#),
        (key, _) => says(request, &format!("{key} speaks")),
    })
    .await;
    let lip = config(Lip::builder(), &upstream.url(), "api_keys = [\"sk-one\", \"sk-two\"]").start().await;
    assert!(lip.chat(CHAT).await.text().contains("sk-two speaks"));
    assert!(lip.chat(CHAT.replace("openai:m", "openai:other")).await.text().contains("sk-one speaks"));
    assert!(lip.chat(CHAT).await.text().contains("sk-two speaks"));
    assert_eq!(used(&upstream), ["sk-one", "sk-two", "sk-one", "sk-two"]);
}

#[tokio::test]
async fn keys_that_are_all_refused_leave_a_clear_error() {
    let upstream = provider().await;
    let keys = "api_keys = [\"sk-bad\", \"env:SECOND\"]";
    let lip = config(Lip::builder().env("SECOND", "sk-bad"), &upstream.url(), keys).start().await;
    let answer = lip.chat(CHAT).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(answer.message().contains("no key"), "{}", answer.text());
    let again = lip.chat(CHAT).await;
    assert!([401, 503].contains(&again.status), "{}", again.text());
    assert!(used(&upstream).len() <= 3, "a refused key is not tried again and again");
}

#[tokio::test]
async fn numbered_instances_take_turns() {
    let upstream = provider().await;
    let one = |name: &str, key: &str| {
        format!(
            "[backends.\"{name}\"]\ntype = \"openai\"\napi_url = \"{}\"\napi_key = \"{key}\"\n",
            upstream.url()
        )
    };
    let text = format!("{}{}", one("openai.1", "sk-a"), one("openai.2", "sk-b"));
    let lip = Lip::builder().config_toml(&text).start().await;
    for _ in 0..4 {
        assert_eq!(lip.chat(CHAT).await.status, 200);
    }
    let mut keys = used(&upstream);
    keys.sort();
    assert_eq!(keys, ["sk-a", "sk-a", "sk-b", "sk-b"]);
}
