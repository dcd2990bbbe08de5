//! Which backends are ready: one key each, the real program, and what it lists of their models.
use serde_json::Value;
use stage::{Lip, LipBuilder, Reply, Upstream};

/// Names of the backends that are ready without anything.
const ALWAYS: [&str; 3] = ["echo", "hybrid", "ollama"];

async fn ready(builder: LipBuilder) -> Vec<String> {
    let output = builder.args("backends --json").run().await;
    assert!(output.success, "{output:?}");
    let list: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let ready = list.as_array().expect("a list").iter().filter(|backend| backend["ready"] == true);
    let mut names: Vec<String> = ready.map(|b| b["name"].as_str().expect("a name").to_owned()).collect();
    names.retain(|name| !ALWAYS.contains(&name.as_str()));
    names.sort();
    names
}

#[tokio::test]
async fn each_key_makes_its_backends_ready_and_no_other() {
    assert!(ready(Lip::builder()).await.is_empty());
    for (variable, backends) in [
        ("OPENAI_API_KEY", &["openai", "openai-responses"][..]),
        ("ANTHROPIC_API_KEY", &["anthropic"]),
        ("GEMINI_API_KEY", &["gemini"]),
        ("OPENROUTER_API_KEY", &["openrouter"]),
        ("NVIDIA_API_KEY", &["nvidia"]),
        ("ZENMUX_API_KEY", &["zenmux"]),
        ("ZAI_API_KEY", &["zai", "zai-coding-plan"]),
        ("ZAI_CODING_PLAN_API_KEY", &["zai-coding-plan"]),
        ("KIMI_API_KEY", &["kimi-code"]),
        ("MINIMAX_API_KEY", &["minimax"]),
        ("INTERNAI_API_KEY", &["internlm"]),
        ("OPENCODE_GO_API_KEY", &["opencode-go"]),
    ] {
        assert_eq!(ready(Lip::builder().env(variable, "k-1")).await, backends, "{variable}");
        assert_eq!(
            ready(Lip::builder().env(&format!("{variable}_1"), "k-1")).await,
            backends,
            "{variable}_1"
        );
        assert!(ready(Lip::builder().env(variable, "  ")).await.is_empty(), "{variable} is blank");
    }
}

#[tokio::test]
async fn every_backend_with_a_key_takes_several_in_turn() {
    let refusing =
        Upstream::by(|request| match request.headers.iter().any(|(_, value)| value.ends_with("k-2")) {
            true => crate::talk::says(request, "second"),
            false => Reply::json(401, r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#),
        })
        .await;
    let backends = [
        "openai",
        "openai-responses",
        "anthropic",
        "gemini",
        "openrouter",
        "nvidia",
        "zenmux",
        "zai",
        "zai-coding-plan",
        "kimi-code",
        "minimax",
        "internlm",
        "opencode-go",
    ];
    let table = |name: &&str| {
        let url = refusing.url();
        let url = if *name == "gemini" { url.trim_end_matches("/v1") } else { &url };
        format!("[backends.{name}]\napi_url = \"{url}\"\napi_keys = [\"k-1\", \"k-2\"]\n")
    };
    let lip = Lip::builder().config_toml(&backends.iter().map(table).collect::<String>()).start().await;
    for name in backends {
        let body =
            format!("{{\"model\":\"{name}:m\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}");
        let answer = lip.chat(body).await;
        assert!(answer.status == 200 && answer.text().contains("second"), "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn custom_backend_without_its_key_is_not_ready() {
    let custom = |more: &str| {
        let text =
            format!("[backends.mine]\ntype = \"custom\"\nbase_url = \"http://127.0.0.1:1/v1\"\n{more}\n");
        ready(Lip::builder().env("THERE", "k").config_toml(&text))
    };
    for (more, is_ready) in [
        ("", true),
        ("auth = \"none\"", true),
        ("api_key = \"env:THERE\"", true),
        ("api_key = \"k\"\nauth_header = \"x-key\"", true),
        ("api_key = \"env:GONE\"", false),
        ("api_keys = [\"env:GONE\", \"env:THERE\"]", true),
        ("auth = \"bearer\"", false),
        ("auth_header = \"x-key\"", false),
    ] {
        assert_eq!(custom(more).await == ["mine"], is_ready, "{more}");
    }
}

#[tokio::test]
async fn model_lists_are_kept_and_shown_when_a_backend_fails() {
    let list = |ids: &[&str]| {
        let ids: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
        Reply::json(200, &serde_json::json!({"object": "list", "data": ids}).to_string())
    };
    let failing = Reply::json(503, r#"{"error":{"message":"asleep"}}"#);
    let upstream = Upstream::in_turn(vec![list(&["a"]), list(&["a", "b"]), failing]).await;
    let state = tempfile::tempdir().expect("a folder");
    let models = |words: &'static str| {
        let builder = Lip::builder().args(words).openai(&upstream.url());
        builder.env("XDG_STATE_HOME", state.path().to_str().expect("a path")).run()
    };
    let first = models("models openai").await;
    assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("openai:a\n", "openai: 1 model\n"));
    let again = models("models openai").await;
    assert!(again.stdout == "openai:a\n" && again.stderr.contains("(--refresh asks again)"), "{again:?}");
    assert_eq!(upstream.requests().len(), 1);
    let refreshed = models("models openai --refresh").await;
    assert_eq!(
        (refreshed.stdout.as_str(), refreshed.stderr.as_str()),
        ("openai:a\nopenai:b\n", "openai: 2 models\n")
    );
    let failed = models("models openai --refresh").await;
    assert!(failed.success && failed.stdout == refreshed.stdout, "{failed:?}");
    let told: Vec<&str> = failed.stderr.lines().collect();
    assert!(
        told.len() == 1 && told[0].contains("asleep") && told[0].contains("2 models that it had"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn failing_list_falls_back_to_what_is_known() {
    let upstream = Upstream::always(Reply::json(500, r#"{"error":{"message":"asleep"}}"#)).await;
    let config = format!("[backends.zai]\napi_url = \"{}\"\napi_key = \"k\"\n", upstream.url());
    let output = Lip::builder().args("models zai").config_toml(&config).run().await;
    assert!(output.success && output.stdout.contains("zai:glm-5.3\n"), "{output:?}");
    assert!(output.stderr.contains("zai: ") && output.stderr.contains("known without asking"), "{output:?}");
}

#[tokio::test]
async fn second_door_tells_its_real_port() {
    let lip = Lip::builder().args("--anthropic-port 0").start().await;
    let summary = lip.stdout();
    let line =
        summary.lines().find_map(|line| line.trim().strip_prefix("anthropic http://")).expect("a line");
    let address: std::net::SocketAddr = line.parse().expect("an address");
    assert!(address.port() != 0 && address != lip.address, "{summary}");
    let answer = stage::send(address, stage::Call::get("/health")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn check_counts_backends_in_words() {
    for (config, words) in [
        ("[backends.echo]\n", "1 backend configured"),
        ("[backends.echo]\n[backends.ollama]\n", "2 backends configured"),
        ("", "0 backends configured"),
    ] {
        let output = Lip::builder().args("config check").config_toml(config).run().await;
        assert!(output.success && output.stdout.contains(words), "{output:?}");
    }
}

#[tokio::test]
async fn hybrid_settings_of_the_python_file_hold() {
    let yaml = "backends:\n  disable_hybrid_backend: true\n  openai:\n    type: openai\n";
    let lip = Lip::builder().config_yaml(yaml).start().await;
    let answer = lip.chat(r#"{"model":"hybrid:[echo:a,echo:b]","messages":[]}"#).await;
    assert_eq!((answer.status, &answer.error()["code"]), (400, &Value::from("hybrid_backend_disabled")));
}
