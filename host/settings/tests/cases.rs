//! Settings as a user meets them: one row = what was written where, and what comes of it.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic, also in its helpers")]

use settings::{CliOverrides, Env, File, Format, Resolved, resolve};

/// What comes of a configuration: each asked key as `key = value @ source`, warnings, or all errors.
fn outcome(file: (&str, &str), env: &str, flags: &str, keys: &str) -> String {
    let (name, text) = file;
    let file = File {
        name,
        format: Format::of(name),
        text,
    };
    let env: Env = env
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .collect();
    let mut cli = CliOverrides::default();
    for flag in flags.split_whitespace() {
        let (long, value) = flag.split_once('=').unwrap_or((flag, "true"));
        cli = cli.with(long, value).unwrap();
    }
    match resolve(Some(&file), &env, &cli) {
        Ok(resolved) => shown(&resolved, keys),
        Err(refused) => refused.to_string(),
    }
}

fn shown(resolved: &Resolved, keys: &str) -> String {
    let rows = resolved.explain();
    let mut lines: Vec<String> = Vec::new();
    for key in keys.split_whitespace() {
        let row = rows.iter().find(|row| row.key == key);
        lines.push(row.map_or_else(
            || format!("{key} is not shown"),
            |row| format!("{} @ {}", row.value.as_deref().unwrap_or("-"), row.source),
        ));
    }
    lines.extend(
        resolved
            .warnings()
            .iter()
            .map(|warning| format!("warning: {warning}")),
    );
    lines.join("\n")
}

fn check(file: (&str, &str), env: &str, flags: &str, keys: &str, expected: &str) {
    let outcome = outcome(file, env, flags, keys);
    assert_eq!(
        outcome, expected,
        "\nfile: {}\nenv: {env}\nflags: {flags}",
        file.1
    );
}

const NONE: (&str, &str) = ("lip.toml", "");

#[test]
fn every_source_outranks_the_one_below() {
    let file = ("lip.toml", "port = 1\n");
    for (file, env, flags, expected) in [
        (NONE, "", "", "8000 @ default"),
        (file, "", "", "1 @ lip.toml:1:1"),
        (file, "LIP_PORT=2", "", "2 @ environment LIP_PORT"),
        (file, "APP_PORT=2", "", "2 @ environment APP_PORT"),
        (file, "APP_PORT=3 LIP_PORT=2", "", "2 @ environment LIP_PORT"),
        (file, "LIP_PORT=2", "port=3", "3 @ --port"),
        (file, "LIP_PORT=", "", "1 @ lip.toml:1:1"),
        (NONE, "", "port=3", "3 @ --port"),
        (("lip.toml", "port = 0"), "", "", "0 @ lip.toml:1:1"),
    ] {
        check(file, env, flags, "port", expected);
    }
}

#[test]
fn values_are_read_from_texts_and_trees() {
    for (file, env, flags, key, expected) in [
        (NONE, "", "", "host", "127.0.0.1 @ default"),
        (("l.toml", "host = '::1'"), "", "", "host", "::1 @ l.toml:1:1"),
        (("l.toml", "host = '[::1]'"), "", "", "host", "::1 @ l.toml:1:1"),
        (
            NONE,
            "LOG_LEVEL=WARNING",
            "",
            "log_level",
            "warn @ environment LOG_LEVEL",
        ),
        (
            ("l.yaml", "logging: {level: CRITICAL}"),
            "",
            "",
            "log_level",
            "error @ l.yaml:1:11",
        ),
        (
            ("l.toml", "[logging]\nformat = 'json'"),
            "",
            "",
            "log_format",
            "json @ l.toml:2:1",
        ),
        (
            ("l.toml", "[limits]\nrequest_body_bytes = '2 MB'"),
            "",
            "",
            "limits.request_body_bytes",
            "2000000 @ l.toml:2:1",
        ),
        (
            ("l.toml", "limits.request_body_bytes = 2048"),
            "",
            "",
            "limits.request_body_bytes",
            "2KiB @ l.toml:1:8",
        ),
        (
            NONE,
            "LIP_LIMITS_REQUEST_BODY_BYTES=1GiB",
            "",
            "limits.request_body_bytes",
            "1GiB @ environment LIP_LIMITS_REQUEST_BODY_BYTES",
        ),
        (
            ("l.toml", "timeouts.connect = 0.25"),
            "",
            "",
            "timeouts.connect",
            "0.25 @ l.toml:1:10",
        ),
        (
            ("l.yaml", "stream:\n  commit_after: 0\n"),
            "",
            "",
            "stream.commit_after",
            "0 @ l.yaml:2:3",
        ),
        (
            ("l.toml", "usage.ask_upstream = true"),
            "",
            "",
            "usage.ask_upstream",
            "true @ l.toml:1:7",
        ),
        (
            NONE,
            "LIP_USAGE_ASK_UPSTREAM=YES",
            "",
            "usage.ask_upstream",
            "true @ environment LIP_USAGE_ASK_UPSTREAM",
        ),
        (
            ("l.toml", "plugins_dir = 'a'"),
            "",
            "",
            "plugins_dir",
            "a @ l.toml:1:1",
        ),
        (
            ("l.toml", "plugins_dir = ['a', 'b']"),
            "",
            "",
            "plugins_dir",
            "a, b @ l.toml:1:1",
        ),
        (NONE, "", "plugins-dir=a:b", "plugins_dir", "a:b @ --plugins-dir"),
        (
            ("l.yaml", "default_backend: openai"),
            "",
            "",
            "default_backend",
            "openai @ l.yaml:1:1",
        ),
        (
            ("l.yaml", "backends:\n  default_backend: gemini\n"),
            "",
            "",
            "default_backend",
            "gemini @ l.yaml:2:3",
        ),
        (
            NONE,
            "LLM_BACKEND=zai",
            "",
            "default_backend",
            "zai @ environment LLM_BACKEND",
        ),
        (
            ("l.toml", "auth.api_keys = ['a', 'b', 'a']"),
            "",
            "",
            "auth.api_keys",
            "***, *** @ l.toml:1:6",
        ),
        (
            ("l.toml", "auth.api_keys = 'env:K'"),
            "K=abc",
            "",
            "auth.api_keys",
            "*** (env:K) @ l.toml:1:6",
        ),
        (
            NONE,
            "API_KEYS=a,b LLM_INTERACTIVE_PROXY_API_KEY=c",
            "",
            "auth.api_keys",
            "***, ***, *** @ environment API_KEYS, LLM_INTERACTIVE_PROXY_API_KEY",
        ),
        (NONE, "", "api-keys=a,b", "auth.api_keys", "***, *** @ --api-keys"),
        (
            ("l.yaml", "host: null\nport: ~\nauth:\n"),
            "",
            "",
            "host",
            "127.0.0.1 @ default",
        ),
        (("l.yaml", ""), "", "", "port", "8000 @ default"),
        (("l.json", "{\"port\": 9}"), "", "", "port", "9 @ l.json:1:2"),
        (("l.toml", "\u{feff}port = 9"), "", "", "port", "9 @ l.toml:1:1"),
        (
            NONE,
            "",
            "",
            "identity.user_agent",
            concat!("lip/", env!("CARGO_PKG_VERSION"), " @ default"),
        ),
    ] {
        check(file, env, flags, key, expected);
    }
}

#[test]
fn plugin_directories_of_the_environment_are_separated_like_path() {
    let (env, expected) = if cfg!(windows) {
        ("LIP_PLUGINS_DIR=a;b", "a, b")
    } else {
        ("LIP_PLUGINS_DIR=a:b", "a, b")
    };
    check(
        NONE,
        env,
        "",
        "plugins_dir",
        &format!("{expected} @ environment LIP_PLUGINS_DIR"),
    );
}

#[test]
fn wrong_values_say_place_expected_found_and_remedy() {
    for (file, env, flags, expected) in [
        (
            ("l.toml", "port = 'x'"),
            "",
            "",
            "error: l.toml:1:8: port: expected a whole number from 0 to 65535, found \"x\"",
        ),
        (
            ("l.toml", "port = '80'"),
            "",
            "",
            "error: l.toml:1:8: port: expected a whole number from 0 to 65535, found \"80\"\n  hint: remove the quotes",
        ),
        (
            ("l.toml", "port = 65536"),
            "",
            "",
            "error: l.toml:1:8: port: expected a whole number from 0 to 65535, found 65536",
        ),
        (
            ("l.toml", "port = -1"),
            "",
            "",
            "error: l.toml:1:8: port: expected a whole number from 0 to 65535, found -1",
        ),
        (
            ("l.toml", "port = 8.5"),
            "",
            "",
            "error: l.toml:1:8: port: expected a whole number from 0 to 65535, found 8.5",
        ),
        (
            ("l.toml", "port = 99999999999999999999"),
            "",
            "",
            "error: l.toml:1:8: port: expected a whole number from 0 to 65535, found 100000000000000000000",
        ),
        (
            NONE,
            "LIP_PORT=http",
            "",
            "error: environment LIP_PORT: port: expected a whole number from 0 to 65535, found \"http\"",
        ),
        (
            NONE,
            "",
            "port=70000",
            "error: --port: port: expected a whole number from 0 to 65535, found \"70000\"",
        ),
        (
            ("l.yaml", "host: 1\n"),
            "",
            "",
            "error: l.yaml:1:7: host: expected a text, found 1\n  hint: put it in quotes",
        ),
        (
            ("l.toml", "host = 'http://x'"),
            "",
            "",
            "error: l.toml:1:8: host: expected an IP address or a host name, without scheme and port, found \"http://x\"",
        ),
        (
            ("l.toml", "log_level = 'loud'"),
            "",
            "",
            "error: l.toml:1:13: log_level: expected one of error, warn, info, debug, trace, found \"loud\"",
        ),
        (
            ("l.toml", "usage.ask_upstream = 'true'"),
            "",
            "",
            "error: l.toml:1:22: usage.ask_upstream: expected true or false, found \"true\"\n  hint: remove the quotes",
        ),
        (
            ("l.toml", "limits.request_body_bytes = 1"),
            "",
            "",
            "error: l.toml:1:29: limits.request_body_bytes: expected a number of bytes such as 1048576 or \"1MiB\" \
          from 1024 to 4294967296, found 1",
        ),
        (
            ("l.toml", "timeouts.idle = nan"),
            "",
            "",
            "error: l.toml:1:17: timeouts.idle: expected seconds from 0.001 to 86400, found NaN",
        ),
        (
            ("l.toml", "timeouts = 5"),
            "",
            "",
            "error: l.toml:1:12: timeouts: expected a table, found a whole number",
        ),
        (
            ("l.toml", "plugins_dir = [1]"),
            "",
            "",
            "error: l.toml:1:16: plugins_dir: expected a text, found 1\n  hint: put it in quotes",
        ),
        (
            ("l.toml", "auth.api_keys = [{}]"),
            "",
            "",
            "error: l.toml:1:18: auth.api_keys: expected a list of texts, found a table",
        ),
        (
            ("l.toml", "auth.api_keys = ['a b']"),
            "",
            "",
            "error: l.toml:1:18: auth.api_keys: a key has printable ASCII characters only, without blanks",
        ),
        (
            ("l.toml", "auth.api_keys = ['${KEY}']"),
            "",
            "",
            "error: l.toml:1:18: auth.api_keys: a key does not begin with $\n  hint: name the variable as \"env:NAME\"",
        ),
        (
            ("l.toml", "auth.api_keys = ['env:K']"),
            "",
            "",
            "error: l.toml:1:6: auth.api_keys: the variable K is not set\n  hint: set K, or remove the entry",
        ),
        (
            NONE,
            "STALE_ACP_AGENT_KILL_IDLE_SECONDS=604801",
            "",
            "error: environment STALE_ACP_AGENT_KILL_IDLE_SECONDS: stale_acp_agent_kill_idle_seconds: \
          expected seconds from 1 to 604800, found \"604801\"",
        ),
        (
            NONE,
            "",
            "stale-acp-agent-kill-idle-seconds=0.5",
            "error: --stale-acp-agent-kill-idle-seconds: stale_acp_agent_kill_idle_seconds: \
          expected seconds from 1 to 604800, found \"0.5\"",
        ),
        (
            ("l.toml", "command_prefix = '!!'"),
            "",
            "",
            "error: l.toml:1:18: command_prefix: expected 2 to 10 printable ASCII characters without blanks, \
          not one character twice, found \"!!\"",
        ),
        (
            ("l.toml", "tls.cert = 'c.pem'"),
            "",
            "",
            "error: l.toml:1:5: tls.cert: needs tls.key\n  hint: set tls.key",
        ),
        (
            ("l.yaml", "- a\n"),
            "",
            "",
            "error: l.yaml:1:1: the file is not a table of settings",
        ),
        (
            ("l.toml", "port = 1\nhost = 2\n"),
            "LIP_LOG_LEVEL=x",
            "",
            "error: l.toml:2:8: host: expected a text, found 2\n  hint: put it in quotes\n\
          error: environment LIP_LOG_LEVEL: log_level: expected one of error, warn, info, debug, trace, found \"x\"",
        ),
    ] {
        check(file, env, flags, "", expected);
    }
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    let listed = "\n  hint: lip config show lists every setting";
    for (file, expected) in [
        (("l.toml", "\nprot = 1"), "error: l.toml:2:1: unknown setting \"prot\"\n  hint: did you mean port?".to_owned()),
        (("l.toml", "api_keys = []"),
         "error: l.toml:1:1: unknown setting \"api_keys\"\n  hint: did you mean auth.api_keys?".to_owned()),
        (("l.yaml", "limits:\n  request_body_byte: 1"),
         "error: l.yaml:2:3: unknown setting \"limits.request_body_byte\"\n  \
          hint: did you mean limits.request_body_bytes?".to_owned()),
        (("l.toml", "[backend.openai]"), "error: l.toml:1:2: unknown setting \"backend\"\n  hint: did you mean backends?".to_owned()),
        (("l.toml", "wholly_else = 1"), format!("error: l.toml:1:1: unknown setting \"wholly_else\"{listed}")),
        (("l.toml", "config = 'x'"), format!("error: l.toml:1:1: unknown setting \"config\"{listed}")),
        (("l.toml", "a = 1\nb = 2"),
         format!("error: l.toml:1:1: unknown setting \"a\"{listed}\nerror: l.toml:2:1: unknown setting \"b\"{listed}")),
        (("l.toml", "default_backend = 'a'\nbackends.default_backend = 'b'"),
         "error: l.toml:2:10: backends.default_backend: is set twice, first at l.toml:1:1\n  hint: keep one".to_owned()),
        (("l.toml", "[backends]\nopenai = 5"),
         "error: l.toml:2:10: backends: expected a table for backend \"openai\", found a whole number".to_owned()),
        (("l.toml", "[backends]\ndefault_backnd = 'x'"),
         "error: l.toml:2:18: backends: expected a table for backend \"default_backnd\", found a text\n  \
          hint: did you mean backends.default_backend?".to_owned()),
    ] {
        check(file, "", "", "", &expected);
    }
}

#[test]
fn settings_of_the_python_proxy_are_one_warning_each() {
    let text = "compaction:\n  enabled: true\n  token_threshold: 5\nsession:\n  cleanup_interval: 5\n\
                identity:\n  title: {mode: default}\nlogging:\n  request_logging: true\n\
                backends:\n  disable_hybrid_backend: true\n  openai:\n    credentials_path: x\n";
    let ignored = "is a setting of the Python proxy that LIP does not have; it is ignored";
    let expected = [
        format!("warning: c.yaml:1:1: compaction: {ignored}"),
        format!("warning: c.yaml:5:3: session.cleanup_interval: {ignored}\n  hint: use session.ttl"),
        format!("warning: c.yaml:7:3: identity.title: {ignored}"),
        format!("warning: c.yaml:9:3: logging.request_logging: {ignored}\n  hint: use log_level = \"debug\""),
        format!("warning: c.yaml:11:3: backends.disable_hybrid_backend: {ignored}"),
        format!("warning: c.yaml:13:5: backends.openai.credentials_path: {ignored}"),
    ];
    check(("c.yaml", text), "", "", "", &expected.join("\n"));
}

#[test]
fn settings_of_later_versions_are_checked_and_warned_about() {
    let warning = "is not available in this version\n  hint: it is checked and otherwise ignored";
    for (file, env, flags, keys, expected) in [
        (
            ("l.yaml", "command_prefix: '/!'"),
            "",
            "",
            "command_prefix",
            format!("/! @ l.yaml:1:1\nwarning: l.yaml:1:1: command_prefix: {warning}"),
        ),
        (
            NONE,
            "DISABLE_STALE_ACP_AGENT_KILLS=true",
            "",
            "disable_stale_acp_agent_kills",
            format!(
                "true @ environment DISABLE_STALE_ACP_AGENT_KILLS\n\
                  warning: environment DISABLE_STALE_ACP_AGENT_KILLS: disable_stale_acp_agent_kills: {warning}"
            ),
        ),
        (
            NONE,
            "DISABLE_STALE_ACP_AGENT_KILLS=true",
            "disable-stale-acp-agent-kills=false",
            "disable_stale_acp_agent_kills",
            format!(
                "false @ --disable-stale-acp-agent-kills\n\
                  warning: environment DISABLE_STALE_ACP_AGENT_KILLS: disable_stale_acp_agent_kills: {warning}\n\
                  warning: --disable-stale-acp-agent-kills: disable_stale_acp_agent_kills: {warning}"
            ),
        ),
        (
            NONE,
            "",
            "model-alias=^gpt-(.*)=openrouter:openai/gpt-\\1",
            "model_aliases",
            format!(
                "^gpt-(.*) = openrouter:openai/gpt-\\1 @ --model-alias\nwarning: --model-alias: model_aliases: {warning}"
            ),
        ),
        (
            NONE,
            "MODEL_ALIASES=[{\"pattern\":\"a\",\"replacement\":\"b\"}]",
            "",
            "model_aliases",
            format!(
                "a = b @ environment MODEL_ALIASES\nwarning: environment MODEL_ALIASES: model_aliases: {warning}"
            ),
        ),
        (
            (
                "l.toml",
                "[failover_routes]\nbest = ['a:b', 'c:d']\nother = { policy = 'k', elements = 'x:y' }",
            ),
            "",
            "",
            "failover_routes",
            format!(
                "best = a:b|c:d, other = x:y @ l.toml:1:2\nwarning: l.toml:1:2: failover_routes: {warning}"
            ),
        ),
    ] {
        check(file, env, flags, keys, &expected);
    }
}

#[test]
fn access_modes_guard_the_listener() {
    let not_loopback = "is not a loopback address, and single-user mode listens on loopback only";
    let keyless =
        "use host 127.0.0.1; or --multi-user-mode with at least one client key (auth.api_keys or API_KEYS)";
    for (file, env, flags, keys, expected) in [
        (
            NONE,
            "",
            "host=0.0.0.0",
            "",
            format!("error: --host: host: 0.0.0.0 {not_loopback}\n  hint: {keyless}"),
        ),
        (
            NONE,
            "API_KEYS=a",
            "host=0.0.0.0",
            "",
            format!(
                "error: --host: host: 0.0.0.0 {not_loopback}\n  hint: use host 127.0.0.1; or --multi-user-mode"
            ),
        ),
        (
            NONE,
            "",
            "host=example.org",
            "",
            format!("error: --host: host: example.org {not_loopback}\n  hint: {keyless}"),
        ),
        (
            NONE,
            "",
            "host=127.8.9.1",
            "host",
            "127.8.9.1 @ --host".to_owned(),
        ),
        (
            NONE,
            "",
            "host=::ffff:127.0.0.1",
            "host",
            "::ffff:127.0.0.1 @ --host".to_owned(),
        ),
        (
            NONE,
            "",
            "host=localhost",
            "host",
            "localhost @ --host".to_owned(),
        ),
        (
            NONE,
            "",
            "multi-user-mode",
            "",
            "error: --multi-user-mode: access_mode: multi-user mode needs at least one client key\n  \
          hint: set auth.api_keys, API_KEYS or LLM_INTERACTIVE_PROXY_API_KEY"
                .to_owned(),
        ),
        (
            NONE,
            "API_KEYS=a",
            "multi-user-mode host=0.0.0.0",
            "access_mode",
            "multi_user @ --multi-user-mode".to_owned(),
        ),
        (
            ("l.yaml", "access_mode: {mode: multi_user}"),
            "API_KEYS=a",
            "",
            "access_mode",
            "multi_user @ l.yaml:1:15".to_owned(),
        ),
        (
            ("l.toml", "multi_user_mode = true"),
            "API_KEYS=a",
            "",
            "access_mode",
            "multi_user @ l.toml:1:1".to_owned(),
        ),
        (
            ("l.toml", "single_user_mode = true"),
            "",
            "",
            "access_mode",
            "single_user @ l.toml:1:1".to_owned(),
        ),
        (
            ("l.toml", "access_mode = 'multi-user'"),
            "API_KEYS=a",
            "single-user-mode",
            "access_mode",
            "single_user @ --single-user-mode".to_owned(),
        ),
    ] {
        check(file, env, flags, keys, &expected);
    }
}

#[test]
fn misspelled_variables_are_told() {
    check(
        NONE,
        "LIP_PROT=1",
        "",
        "port",
        "8000 @ default\nwarning: environment LIP_PROT: sets nothing\n  hint: did you mean LIP_PORT?",
    );
    check(NONE, "LIP_SOMETHING_ELSE=1", "", "port", "8000 @ default");
}
