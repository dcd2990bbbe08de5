//! Providers that a user describes: one file each, checked with its place, and a backend like any other.
use crate::talk::says;
use serde_json::{Value, json};
use stage::{Call, Lip, LipBuilder, Upstream};
use std::fs;
use std::path::Path;

const GOOD: &str = r#"id = "acme"
title = "Acme AI"
base_url = "UPSTREAM"
strip_prefixes = ["acme/"]
headers = { x-team = "blue" }

[env]
api_key = ["ACME_API_KEY"]

[models]
known = ["acme-1"]

[[routes]]
dialect = "openai-chat"

[routes.quirks]
drop = ["store"]
"#;

fn with(folder: &Path, name: &str, text: &str) -> LipBuilder {
    fs::write(folder.join(name), text).expect("a profile");
    Lip::builder().arg("--profiles-dir").arg(folder)
}

#[tokio::test]
async fn one_file_makes_a_backend() {
    let upstream = Upstream::by(|request| says(request, "acme speaks")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = GOOD.replace("UPSTREAM", &upstream.url());
    let lip = with(folder.path(), "acme.toml", &text).env("ACME_API_KEY", "k-1").start().await;
    let body = r#"{"model":"acme:acme/acme-1","store":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = lip.chat(body).await;
    assert!(answer.status == 200 && answer.text().contains("acme speaks"), "{}", answer.text());
    let asked = upstream.last();
    assert_eq!((asked.header("authorization"), asked.header("x-team")), (Some("Bearer k-1"), Some("blue")));
    assert_eq!((asked.json()["model"].as_str(), asked.json().get("store")), (Some("acme-1"), None));
    let models =
        with(folder.path(), "acme.toml", &text).env("ACME_API_KEY", "k").args("models acme").run().await;
    assert_eq!(models.stdout, "acme:acme-1\n", "{models:?}");
    let without = with(folder.path(), "acme.toml", &text).args("backends").run().await;
    let line =
        without.stdout.lines().find(|line| line.trim().starts_with("acme ")).expect("a line").to_owned();
    assert!(line.contains("ACME_API_KEY is not set") && line.contains("backends.acme.api_key"), "{line}");
}

#[tokio::test]
async fn every_bundled_profile_is_a_good_profile_of_a_user() {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/compat/profiles");
    let folder = tempfile::tempdir().expect("a folder");
    let mut n = 0;
    for file in fs::read_dir(bundled).expect("profiles") {
        let text = fs::read_to_string(file.expect("an entry").path()).expect("a profile");
        let id =
            text.lines().find_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"')).expect("an id");
        fs::write(folder.path().join(format!("my-{id}.toml")), text.replacen("id = \"", "id = \"my-", 1))
            .expect("a file");
        n += 1;
    }
    let folder = folder.path();
    let output = Lip::builder().arg("--profiles-dir").arg(folder).args("config check").run().await;
    assert!(output.success, "{output:?}");
    let list = Lip::builder().arg("--profiles-dir").arg(folder).args("backends").run().await.stdout;
    assert_eq!(list.lines().filter(|line| line.trim_start().starts_with("my-")).count(), n, "{list}");
}

#[tokio::test]
async fn mistakes_are_told_with_file_line_and_suggestion() {
    for (wrong, place, told) in [
        (
            GOOD.replace("[routes.quirks]\ndrop", "[routes.quirks]\ndrops"),
            ":17:1: routes[0].quirks: unknown key",
            "did you mean drop?",
        ),
        (
            GOOD.replace("\"openai-chat\"", "\"openai-chta\""),
            ":14:11: routes[0].dialect:",
            "did you mean \"openai-chat\"?",
        ),
        (GOOD.replace("title = \"Acme AI\"\n", ""), ":1:1: ", "\"title\" is missing"),
        (GOOD.replace("\"UPSTREAM\"", "7"), ":3:12: base_url: expected a text", ""),
        (GOOD.replace("\"UPSTREAM\"", "\"acme.test\""), "acme.toml: base_url", "does not begin with"),
        (GOOD.replace("id = \"acme\"", "id = \"other\""), "acme.toml: ", "is not the file's name"),
        ("id = ".to_owned(), "acme.toml:1:", ""),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = wrong.replace("UPSTREAM", "https://acme.test/v1");
        let output = with(folder.path(), "acme.toml", &text).args("config check").run().await;
        assert!(
            !output.success && output.stderr.contains(place) && output.stderr.contains(told),
            "{wrong}\n{output:?}"
        );
        // A bad profile never stops the host.
        let list = with(folder.path(), "acme.toml", &text).args("backends").run().await;
        assert!(list.success, "{list:?}");
    }
}

#[tokio::test]
async fn fields_of_a_custom_backend_are_checked_with_their_place() {
    let config = |more: &str| {
        let text = format!("[backends.mine]\ntype = \"custom\"\nbase_url = \"https://x.test/v1\"\n{more}\n");
        Lip::builder().config_toml(&text).args("config check").run()
    };
    for protocol in [
        "openai",
        "responses",
        "anthropic",
        "gemini",
        "openai-chat",
        "openai-responses",
        "anthropic-messages",
    ] {
        let output = config(&format!("protocol = \"{protocol}\"")).await;
        assert!(output.success, "{output:?}");
    }
    for (more, place, told) in [
        ("protocol = \"antropic\"", "lip.toml:4:12: backends.mine.protocol:", "did you mean \"anthropic\"?"),
        ("headers = 7", "lip.toml:4:11: backends.mine.headers: expected a table", ""),
        ("quirks = { drops = [\"a\"] }", "backends.mine.quirks: unknown key \"drops\"", "did you mean drop?"),
    ] {
        let output = config(more).await;
        assert!(
            !output.success && output.stderr.contains(place) && output.stderr.contains(told),
            "{more}\n{output:?}"
        );
    }
    let odd = config("strip_prefixs = [\"a\"]").await;
    assert!(odd.success && odd.stderr.contains("did you mean strip_prefixes?"), "{odd:?}");
}

#[tokio::test]
async fn custom_backend_speaks_each_protocol() {
    let upstream = Upstream::by(|request| says(request, "mine speaks")).await;
    for (protocol, path, key) in [
        ("openai", "/v1/chat/completions", "authorization"),
        ("responses", "/v1/responses", "authorization"),
        ("anthropic", "/v1/messages", "x-api-key"),
        ("gemini", "/v1beta/models/m:generateContent", "x-goog-api-key"),
    ] {
        let url = upstream.url();
        let url = if protocol == "gemini" { url.trim_end_matches("/v1") } else { &url };
        let text = format!(
            "[backends.mine]\ntype = \"custom\"\nprotocol = \"{protocol}\"\nbase_url = \"{url}\"\napi_key = \"k-1\"\n"
        );
        let lip = Lip::builder().config_toml(&text).start().await;
        let body = r#"{"model":"mine:m?temperature=0.5","messages":[{"role":"user","content":"hi"}]}"#;
        let answer = lip.chat(body).await;
        assert!(
            answer.status == 200 && answer.text().contains("mine speaks"),
            "{protocol}: {}",
            answer.text()
        );
        let asked = upstream.last();
        let sent = asked.json();
        assert_eq!(asked.target, path, "{protocol}");
        assert!(asked.header(key).is_some_and(|value| value.ends_with("k-1")), "{}", asked.head);
        let temperature =
            sent.pointer("/temperature").or_else(|| sent.pointer("/generationConfig/temperature")).cloned();
        assert_eq!(temperature, Some(serde_json::json!(0.5)), "{protocol}");
    }
}

/// A number of tokens for thinking, in the words of each upstream's models; nothing where there is no word.
#[tokio::test]
async fn thinking_budgets_become_what_the_model_knows() {
    let upstream = Upstream::by(|request| says(request, "so")).await;
    let table = |name: &str| {
        format!("[backends.{name}]\ntype = \"{name}\"\napi_url = \"{}\"\napi_key = \"k\"\n", upstream.url())
    };
    let names = [
        "zai",
        "nvidia",
        "opencode-go",
        "internlm",
        "zenmux",
        "openrouter",
        "kimi-code",
        "minimax",
        "ollama",
    ];
    let custom = format!("[backends.own]\ntype = \"custom\"\nbase_url = \"{}\"\n", upstream.url());
    let lip = Lip::builder().config_toml(&(names.map(table).concat() + &custom)).start().await;
    let (on, off) = (json!({"type": "enabled"}), json!({"type": "disabled"}));
    for (model, budget, effort, thinking) in [
        ("zai:glm-5.3", 4096, json!("high"), &on),
        ("zai:glm-5.2", 1024, json!("high"), &on),
        ("zai:glm-4.6", 4096, Value::Null, &on),
        ("zai:glm-4.6", 0, Value::Null, &off),
        ("opencode-go:glm-5.3-flash", 1024, json!("low"), &Value::Null),
        ("opencode-go:kimi-k3", 4096, json!("high"), &Value::Null),
        ("opencode-go:deepseek-v4-pro", 4096, Value::Null, &Value::Null),
        ("nvidia:openai/gpt-oss-120b", 4096, json!("medium"), &Value::Null),
        ("nvidia:qwen/qwen3", 4096, Value::Null, &Value::Null),
        ("zenmux:some/model", 4096, json!("medium"), &Value::Null),
        ("openrouter:some/model", 9000, json!("high"), &Value::Null),
        ("kimi-code:k3", 4096, json!("high"), &Value::Null),
        ("minimax:MiniMax-M3", 4096, Value::Null, &json!({"type": "adaptive"})),
        ("ollama:qwen3", 4096, Value::Null, &Value::Null),
        ("own:model", 4096, Value::Null, &Value::Null),
        ("own:gpt-5", 4096, json!("medium"), &Value::Null),
    ] {
        let config = json!({"thinkingConfig": {"thinkingBudget": budget}});
        let body =
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": config});
        let path = format!("/v1beta/models/{model}:generateContent");
        let answer = lip.send(Call::post(&path, body.to_string())).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text());
        let sent = upstream.last().json();
        let of = |key: &str| sent.get(key).cloned().unwrap_or_default();
        assert_eq!(
            (&of("reasoning_effort"), &of("thinking")),
            (&effort, thinking),
            "{model} {budget}: {sent}"
        );
    }
}
