//! What the subcommands say, and which setting wins.
use serde_json::Value;
use stage::{Lip, Output, Reply, Upstream, n_bundled};

async fn ok(command: &str) -> Output {
    let output = Lip::builder().args(command).run().await;
    assert!(output.success, "{command}: {output:?}");
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[tokio::test]
async fn version_and_help_are_told() {
    let version = ok("--version").await.stdout;
    let number = version.trim().strip_prefix("lip ").unwrap();
    assert_eq!(number.split('.').count(), 3, "{version}");
    let help = ok("--help").await.stdout;
    for word in [
        "serve",
        "plugin",
        "backends",
        "models",
        "config",
        "completions",
        "--default-backend",
        "--plugins-dir",
        "--log-level",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
}

#[tokio::test]
async fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = ok(&format!("completions {shell}")).await.stdout;
        assert!(script.contains("default-backend"), "{shell}");
    }
}

#[tokio::test]
async fn plugins_are_listed_for_people_and_machines() {
    let table = ok("plugin list").await.stdout;
    assert_eq!(table.lines().filter(|line| line.contains("abi ")).count(), n_bundled(), "{table}");
    let list = json(&ok("plugin list --json").await);
    let plugins = list["plugins"].as_array().unwrap();
    for id in ["echo", "openai"] {
        assert!(plugins.iter().any(|p| p["connectors"][0] == id), "{id} in {list}");
    }
    assert!(
        plugins.iter().all(|p| p["state"] == "loaded" && p["sha256"].as_str().unwrap().len() == 64),
        "{list}"
    );
    assert!(list["conflicts"].as_array().unwrap().is_empty(), "{list}");
}

#[tokio::test]
async fn backends_say_what_they_lack() {
    let table = ok("backends").await.stdout;
    assert!(
        table.lines().any(|line| line.contains("echo") && line.contains("ready") && line.starts_with('*')),
        "{table}"
    );
    assert!(
        table.lines().any(|line| line.contains("openai") && line.contains("OPENAI_API_KEY is not set")),
        "{table}"
    );
    let list = json(&ok("backends --json").await);
    let openai = list.as_array().unwrap().iter().find(|b| b["name"] == "openai").unwrap();
    assert_eq!((&openai["ready"], &openai["type"]), (&Value::Bool(false), &Value::from("openai")));
}

#[tokio::test]
async fn models_are_asked_live() {
    let upstream =
        Upstream::always(Reply::json(200, r#"{"object":"list","data":[{"id":"gpt-live"}]}"#)).await;
    let output = Lip::builder().args("models").openai(&upstream.url()).run().await;
    assert!(output.success && output.stdout.lines().any(|line| line == "openai:gpt-live"), "{output:?}");
    assert!(output.stdout.lines().any(|line| line == "echo:echo"), "{output:?}");
    let only = ok("models echo").await.stdout;
    assert_eq!(only.lines().collect::<Vec<_>>(), ["echo:echo", "echo:echo-reasoner"]);
    let none = Lip::builder().args("models nowhere").run().await;
    assert!(!none.success && none.stderr.contains("nowhere"), "{none:?}");
}

#[tokio::test]
async fn models_of_a_backend_that_fails_are_a_warning() {
    let upstream = Upstream::always(Reply::json(401, r#"{"error":{"message":"no"}}"#)).await;
    let output = Lip::builder().args("models").openai(&upstream.url()).run().await;
    assert!(output.success && output.stdout.contains("echo:echo"), "{output:?}");
    assert!(output.stderr.contains("openai"), "{output:?}");
}

#[tokio::test]
async fn unknown_key_is_an_error_with_place_and_suggestion() {
    for command in ["config check", "serve --port 0", "plugin list", "backends"] {
        let output = Lip::builder().args(command).config_toml("\n\ndefault_backnd = \"echo\"\n").run().await;
        assert!(!output.success && output.stdout.is_empty(), "{command}: {output:?}");
        for words in ["lip.toml:3:1", "unknown setting \"default_backnd\"", "did you mean default_backend?"] {
            assert!(output.stderr.contains(words), "{command}: {words}: {}", output.stderr);
        }
        assert!(!output.stderr.contains("error: error:"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn setting_of_the_python_proxy_is_one_warning() {
    let config = "compaction:\n  enabled: true\n  token_threshold: 5\n";
    let output = Lip::builder().args("config check").config_yaml(config).run().await;
    assert!(output.success, "{output:?}");
    let warnings: Vec<&str> = output.stderr.lines().filter(|line| line.contains("warning")).collect();
    assert_eq!(warnings.len(), 1, "{}", output.stderr);
    assert!(warnings[0].contains("lip.yaml:1:1") && warnings[0].contains("compaction"), "{}", warnings[0]);
    let lip = Lip::builder().config_yaml(config).start().await;
    assert_eq!(lip.stdout().matches("compaction").count(), 1, "{}", lip.stdout());
}

#[tokio::test]
async fn backends_of_unknown_type_are_a_warning_that_lists_the_known() {
    let config = "[backends.x]\ntype = \"opneai\"\n";
    let output = Lip::builder().args("config check").config_toml(config).run().await;
    assert!(output.success, "{output:?}");
    assert!(output.stderr.contains("opneai") && output.stderr.contains("openai"), "{}", output.stderr);
}

#[tokio::test]
async fn default_backend_that_does_not_exist_is_an_error() {
    let output = Lip::builder().args("--default-backend opneai --port 0").run().await;
    assert!(!output.success && output.stdout.is_empty(), "{output:?}");
    assert!(output.stderr.contains("opneai") && output.stderr.contains("openai"), "{}", output.stderr);
}

#[tokio::test]
async fn config_that_cannot_be_read_is_an_error_that_names_it() {
    let output = Lip::builder().args("--config nowhere.toml --port 0").run().await;
    assert!(!output.success && output.stderr.contains("nowhere.toml"), "{output:?}");
}

#[tokio::test]
async fn flag_wins_over_variable_and_variable_over_file() {
    let shown = |output: &Output| {
        let line = output.stdout.lines().find(|line| line.starts_with("log_level")).unwrap().to_owned();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let file = "log_level = \"warn\"\n";
    let builder = || Lip::builder().args("config show");
    let cases = [
        (builder(), "log_level info default"),
        (builder().config_toml(file), "log_level warn"),
        (builder().config_toml(file).env("LOG_LEVEL", "error"), "log_level error environment LOG_LEVEL"),
        (
            builder().config_toml(file).env("LOG_LEVEL", "error").args("--log-level debug"),
            "log_level debug --log-level",
        ),
    ];
    for (builder, expected) in cases {
        let output = builder.run().await;
        assert!(shown(&output).starts_with(expected), "{expected}: {output:?}");
    }
}

#[tokio::test]
async fn served_default_obeys_the_same_order() {
    let file = "default_backend = \"a\"\n[backends.a]\ntype = \"echo\"\n[backends.b]\ntype = \"echo\"\n[backends.c]\ntype = \"echo\"\n";
    let builder = || Lip::builder().config_toml(file);
    for (builder, expected) in [
        (builder(), "default   a"),
        (builder().env("LLM_BACKEND", "b"), "default   b"),
        (builder().env("LLM_BACKEND", "b").args("--default-backend c"), "default   c"),
    ] {
        let summary = builder.start().await.stdout();
        assert!(summary.lines().any(|line| line.trim_end().ends_with(expected)), "{expected} in {summary}");
    }
}

#[tokio::test]
async fn serve_may_be_left_out() {
    let lip = Lip::builder().args("serve --log-level warn").start().await;
    assert_eq!(lip.send(stage::Call::get("/health")).await.status, 200);
}

#[tokio::test]
async fn flags_count_before_and_after_the_subcommand() {
    for command in
        ["--log-level warn config show", "config --log-level warn show", "config show --log-level warn"]
    {
        let shown = ok(command).await.stdout;
        let line = shown.lines().find(|line| line.starts_with("log_level")).unwrap();
        assert!(line.contains("warn") && line.contains("--log-level"), "{command}: {line}");
    }
    let empty = tempfile::tempdir().unwrap();
    for command in ["serve", "backends"] {
        let output =
            Lip::builder().args("--host 0.0.0.0").plugins_dir(empty.path()).args(command).run().await;
        assert!(output.stderr.contains("0.0.0.0"), "{command}: {output:?}");
    }
}
