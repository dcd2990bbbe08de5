use crate::cursor::Cursor;
use crate::custom::Custom;
use crate::gemini::Gemini;
use lip_plugin::{Connector, Value, json, serde_json};
use lip_testkit::{Outcome, Reply, Stage};

const TURN: &str = r#"{"model":"m","turns":[{"role":"user","parts":[{"content":{"text":{"text":"hi"}}}]}]}"#;
const STATUS_IN: &str = r#"{"code":0,"stdout":"{\"isAuthenticated\":true}\n","stderr":""}"#;
const STATUS_OUT: &str = r#"{"code":0,"stdout":"{\"status\":\"unauthenticated\"}","stderr":""}"#;
const MODELS: &str = r#"{"code":0,"stdout":"\u001b[2mLoading models…\u001b[0m\n\ncomposer-2 - Composer 2\ncomposer-2-fast - Composer 2 Fast\ncursor-small - Small\ngpt-6 - GPT-6\ngpt-6 - again\nno label\na b - x\n","stderr":""}"#;

mod gemini {
    lip_testkit::conformance!(crate::gemini::Gemini);
}

mod cursor {
    use lip_testkit::conformance::Sample;
    /// Of `agent status` and of `agent models` alike.
    const BOTH: &str = r#"{"code":0,"stdout":"gpt-6 - GPT-6\n{\"isAuthenticated\":true}\n","stderr":""}"#;
    const SAMPLE: Sample = Sample::DIALECT.commanding(BOTH).listing(BOTH).asking_for("gpt-6");
    lip_testkit::conformance!(crate::cursor::Cursor, SAMPLE);
}

mod custom {
    use lip_testkit::conformance::Sample;
    const SAMPLE: Sample = Sample::DIALECT.configured(r#"{"command": ["agent"]}"#);
    lip_testkit::conformance!(crate::custom::Custom, SAMPLE);
}

fn ok(body: &'static str) -> Reply {
    Reply::text(200, body)
}

fn asked<C: Connector>(config: &Value, model: &str, replies: &[Reply]) -> Outcome {
    let mut stage = Stage::of::<C>().config(config).dialect("lip").model(model);
    for reply in replies {
        stage = stage.reply(reply.clone());
    }
    stage.turn(TURN).run()
}

/// The descriptions that the host was given, in order.
fn agents(seen: &Outcome) -> Vec<Value> {
    let agent = |text: &str| serde_json::from_str(text).unwrap_or_default();
    seen.requests.iter().filter_map(|request| request.header("agent").map(agent)).collect()
}

fn args(agent: &Value) -> Vec<&str> {
    agent["args"].as_array().map(|args| args.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

#[test]
fn gemini_is_started_for_its_model() {
    for (config, model, want) in [
        (json!({}), "", "gemini-2.5-flash"),
        (json!({}), "google/gemini-3-pro", "gemini-3-pro"),
        (json!({"model": "mine"}), "default", "mine"),
        (json!({"model": "mine"}), "gemini-3-pro", "gemini-3-pro"),
    ] {
        let seen = asked::<Gemini>(&config, model, &[ok("")]);
        let agent = &agents(&seen)[0];
        assert_eq!(args(agent), ["--acp", "--model", want]);
        assert_eq!((agent["model"].as_str(), &*seen.requests[0].body), (Some(want), TURN.as_bytes()));
        assert_eq!(agent["env"]["GEMINI_CLI_NO_RELAUNCH"], "true");
    }
}

#[test]
fn config_of_an_agent_reaches_the_host() {
    let config = json!({
        "workspace_path": "/w", "gemini_cli_executable": "/opt/gemini", "auto_accept": false, "process_timeout": 300,
        "show_tools": "off", "processes": 2, "keep_idle": true, "env": {"A": "b", "N": 1}, "acp_flag": "--experimental-acp",
    });
    let seen = asked::<Gemini>(&config, "m", &[ok("")]);
    let agent = &agents(&seen)[0];
    for (key, want) in [
        ("programs", json!(["/opt/gemini"])),
        ("workspace", json!("/w")),
        ("permissions", json!("reject")),
        ("silence_ms", json!(300_000)),
        ("show_tools", json!("off")),
        ("processes", json!(2)),
        ("keeps_idle", json!(true)),
        ("env", json!({"A": "b", "N": "1", "GEMINI_CLI_NO_RELAUNCH": "true"})),
        ("args", json!(["--experimental-acp", "--model", "m"])),
    ] {
        assert_eq!(agent[key], want, "{key}");
    }
}

#[test]
fn wrong_config_names_its_key() {
    for (config, key) in [
        (json!({"project_dir": "relative"}), "project_dir"),
        (json!({"permissions": "maybe"}), "permissions"),
        (json!({"auto_accept": 7}), "auto_accept"),
        (json!({"show_tools": true}), "show_tools"),
        (json!({"silence_timeout": -1}), "silence_timeout"),
        (json!({"env": ["A"]}), "env"),
        (json!({"command": []}), "command"),
        (json!({"command": 7}), "command"),
        (json!({}), "command"),
    ] {
        let error = asked::<Custom>(&config, "", &[ok("")])
            .error
            .map(|error| format!("{error:?}"))
            .unwrap_or_default();
        assert!(error.contains(&format!("{key}: ")), "{config}: {error}");
    }
}

#[test]
fn any_command_line_is_an_agent() {
    let of = |config: &Value, model: &str| agents(&asked::<Custom>(config, model, &[ok("")])).remove(0);
    let agent = of(&json!({"command": ["opencode", "acp"]}), "mock/mock-1");
    assert_eq!((args(&agent), agent["chooses_model"].as_bool()), (vec!["acp"], Some(true)));
    assert_eq!((&agent["programs"][0], &agent["model"]), (&json!("opencode"), &json!("mock/mock-1")));
    let agent = of(&json!({"command": "qwen --acp --model {model}", "model": "q"}), "default");
    assert_eq!(
        (args(&agent), agent["chooses_model"].as_bool()),
        (vec!["--acp", "--model", "q"], Some(false))
    );
    let agent = of(&json!({"command": ["x"]}), "");
    assert_eq!((agent["model"].as_str(), agent["permissions"].is_null()), (Some(""), true));
}

#[test]
fn cursor_uses_its_login_and_its_own_names() {
    let replies = [ok(STATUS_IN), ok(MODELS), ok("")];
    for (model, cli) in [
        ("", "composer-2[fast=false]"),
        ("cursor/composer-2-fast", "composer-2-fast"),
        ("cursor/small", "cursor-small"),
        ("gpt-6", "gpt-6"),
    ] {
        let config = json!({"cursor_api_endpoint": "https://e", "cursor_cli_extra_args": "--x y"});
        let seen = asked::<Cursor>(&config, model, &replies);
        let agents = agents(&seen);
        assert_eq!(args(&agents[0]), ["status", "--format", "json"]);
        assert_eq!(args(&agents[1]), ["-e", "https://e", "--x", "y", "--list-models"]);
        assert_eq!(
            args(&agents[2]),
            ["-e", "https://e", "--x", "y", "--model", cli, "--trust", "acp"],
            "{model}"
        );
        assert!(
            agents.iter().all(|agent| agent["env_remove"] == json!(["CURSOR_API_KEY", "CURSOR_AUTH_TOKEN"]))
        );
        assert_eq!(agents[2]["answers"]["cursor/ask_question"]["outcome"]["outcome"], "skipped");
    }
}

#[test]
fn cursor_never_puts_another_model_in_its_place() {
    let seen = asked::<Cursor>(&json!({}), "cursor/gone", &[ok(STATUS_IN), ok(MODELS), ok("")]);
    let error = format!("{:?}", seen.error);
    assert!(error.contains("\"not_found\"") && error.contains("composer-2"), "{error}");
    assert_eq!(seen.requests.len(), 2);
    // Where it lists nothing, names are passed on.
    let empty = r#"{"code":1,"stdout":"","stderr":"try again"}"#;
    let seen = asked::<Cursor>(&json!({}), "cursor/new", &[ok(STATUS_IN), ok(empty), ok("")]);
    assert_eq!(agents(&seen)[2]["model"], "cursor-new");
}

#[test]
fn cursor_without_a_login_says_so_or_uses_the_key() {
    let seen = asked::<Cursor>(&json!({}), "", &[ok(STATUS_OUT), ok("")]);
    assert!(format!("{:?}", seen.error).contains("status: Some(401)"), "{:?}", seen.error);
    let config = json!({"secrets": ["cursor_api_key"]});
    let seen = asked::<Cursor>(&config, "", &[ok(STATUS_OUT), ok(MODELS), ok("")]);
    assert_eq!(agents(&seen)[2]["env_remove"], json!([]));
}
