//! No key's value in anything that a person or a client reads.
use stage::{Call, Lip, Reply, Upstream};

const UPSTREAM_KEY: &str = "sk-canary-upstream-0123456789";
const FILE_KEY: &str = "sk-canary-file-0123456789";
const CLIENT_KEY: &str = "canary-client-0123456789";
const WRONG_KEY: &str = "canary-wrong-0123456789";
const CHAT: &str = r#"{"model":"m","messages":[]}"#;
const CANARY: &str = "canary-";

fn builder(url: &str) -> stage::LipBuilder {
    let config =
        format!("[backends.other]\ntype = \"openai\"\napi_key = \"{FILE_KEY}\"\napi_url = \"{url}\"\n");
    Lip::builder()
        .config_toml(&config)
        .openai(url)
        .env("OPENAI_API_KEY", UPSTREAM_KEY)
        .env("API_KEYS", CLIENT_KEY)
}

#[tokio::test]
async fn no_key_is_printed_logged_or_answered() {
    // The provider quotes what it was sent, as some do.
    let upstream = Upstream::by(|request| {
        let quoted = request.head.replace("\r\n", " ").replace('"', "'");
        match request.target.as_str() {
            "/v1/models" => Reply::status(401).header("Content-Type", "text/plain").full(quoted),
            _ => Reply::json(401, &serde_json::json!({"error": {"message": format!("Incorrect API key: {quoted}"), "type": "t", "param": null, "code": null}}).to_string()),
        }
    })
    .await;
    let lip = builder(&upstream.url()).args("--log-level trace").start().await;
    let mut calls = Vec::new();
    for model in ["openai:m", "other:m", "none:m"] {
        let body = CHAT.replace("\"m\"", &format!("\"{model}\""));
        calls.push(Call::chat(&body).bearer(CLIENT_KEY));
        calls.push(
            Call::chat(body.replace("\"messages\"", "\"stream\":true,\"messages\""))
                .header("x-api-key", CLIENT_KEY),
        );
    }
    calls.push(Call::get(&format!("/v1/models?key={CLIENT_KEY}")));
    calls.push(Call::get(&format!("/v1/models?key={WRONG_KEY}")));
    calls.push(Call::get(&format!("/nowhere?key={WRONG_KEY}")));
    calls.push(Call::chat("{").bearer(CLIENT_KEY));
    calls.push(Call::chat(CHAT).bearer(WRONG_KEY));
    for call in calls {
        let shown = format!("{call:?}");
        let answer = lip.send(call).await;
        let told = format!("{:?}{}", answer.headers, answer.text());
        assert!(!told.contains(CANARY), "{shown} was answered {told}");
    }
    assert!(upstream.requests().iter().any(|r| r.head.contains(UPSTREAM_KEY)));
    assert!(upstream.requests().iter().any(|r| r.head.contains(FILE_KEY)));
    let (_, output) = lip.stop().await;
    assert!(
        output.stderr.contains("TRACE") || output.stderr.contains("DEBUG"),
        "the log is not at trace: {}",
        output.stderr
    );
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "{output:?}");
}

#[tokio::test]
async fn no_key_is_shown_by_any_subcommand() {
    let upstream = Upstream::always(Reply::json(200, r#"{"object":"list","data":[{"id":"m"}]}"#)).await;
    for command in [
        "config show",
        "config check",
        "backends",
        "backends --json",
        "models",
        "models --json",
        "plugin list --json",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let output = words.iter().fold(Lip::builder(), |b, word| b.arg(*word));
        let config = format!(
            "auth.api_keys = [\"{CLIENT_KEY}\"]\n[backends.other]\ntype = \"openai\"\napi_key = \"{FILE_KEY}\"\napi_url = \"{}\"\n",
            upstream.url()
        );
        let output = output
            .config_toml(&config)
            .env("OPENAI_API_KEY", UPSTREAM_KEY)
            .env("OPENAI_API_BASE_URL", &upstream.url())
            .run()
            .await;
        assert!(output.success, "{command}: {output:?}");
        assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "{command}: {output:?}");
    }
}

#[tokio::test]
async fn no_key_is_shown_by_a_config_error() {
    for config in [
        format!("auth.api_keys = [\"{CLIENT_KEY} with a blank\"]"),
        format!("auth.api_keys = {{ \"{CLIENT_KEY}\" = 1 }}"),
        format!("[backends.a]\ntype = \"openai\"\napi_key = [\"{FILE_KEY}\"]\nport = 1\n"),
        format!("[backends.a]\ntype = \"openai\"\napi_key = \"{FILE_KEY}\" oops\n"),
    ] {
        let output = Lip::builder().args("config check").config_toml(&config).run().await;
        assert!(!output.success, "{config} was accepted: {output:?}");
        assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "{config}: {output:?}");
    }
}

#[tokio::test]
async fn tokens_of_accounts_stand_in_no_prompt_that_leaves() {
    const ACCESS: &str = "canary-access-token-0123456789";
    const REFRESH: &str = "canary-refresh-token-0123456789";
    let record = |access: &str, refresh: &str| {
        serde_json::json!({"backend": "qwen-oauth", "name": "a", "access_token": access, "refresh_token": refresh}).to_string()
    };
    let upstream = Upstream::by(|request| crate::talk::says(request, "hello")).await;
    let vault =
        |builder: stage::LipBuilder| builder.file("vault/qwen-oauth/a.json", &record(ACCESS, REFRESH));
    let start = |more: &'static str| {
        let builder =
            vault(Lip::builder().openai(&upstream.url()).args("--accounts-dir vault --log-level debug"));
        builder.args(more).start()
    };
    let words = format!("this is in ~/.qwen: {ACCESS} and {REFRESH}, not {ACCESS}x");
    let body = serde_json::json!({"model": "openai:m", "messages": [{"role": "user", "content": words}]})
        .to_string();
    let lip = start("").await;
    assert_eq!(lip.chat(&body).await.status, 200);
    let sent = String::from_utf8_lossy(&upstream.last().body).into_owned();
    assert!(!sent.contains(CANARY) && sent.matches("(API_KEY_HAS_BEEN_REDACTED)").count() == 3, "{sent}");
    lip.logged("secrets were taken out of a prompt").await;
    let lip = start("--disable-redact-api-keys-in-prompts").await;
    assert_eq!(lip.chat(&body).await.status, 200);
    assert!(String::from_utf8_lossy(&upstream.last().body).contains(REFRESH), "the operator wants it so");
}
