//! `lip agents`: the agents of the host that runs, and an end for one of them. And the rules that agents are kept by.
use crate::{operate, out, setup};
use agents::{Policy, Rules};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use settings::{AgentPermissions, Resolved};

/// Variables that hold what clients present to this host: no agent's business.
const CLIENT_KEYS: [&str; 2] = ["API_KEYS", "LLM_INTERACTIVE_PROXY_API_KEY"];

/// The subcommand.
pub(crate) fn command(json: Arg) -> Command {
    Command::new("agents").about("List the agents of the host that runs").arg(json).subcommand(
        Command::new("stop").about("End one of them").arg(
            Arg::new("pid").required(true).value_parser(value_parser!(u32)).help("As lip agents lists it"),
        ),
    )
}

/// Lists them, or ends one.
///
/// # Errors
/// An error of the configuration, no host there, or no such agent.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    if let Some(("stop", own)) = matches.subcommand() {
        let (settings, _) = setup::settings(own)?;
        let pid = own.get_one::<u32>("pid").copied().unwrap_or_default();
        operate::ask(&settings, &format!("agents/{pid}/stop"), Some(&json!({})))?;
        out::line(format!("stopped {pid}"));
        return Ok(());
    }
    let (settings, _) = setup::settings(matches)?;
    let answer = operate::ask(&settings, "agents", None)?;
    if matches.get_flag("json") {
        out::line(answer);
        return Ok(());
    }
    let rows = answer.get("agents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        out::line("no agent runs");
        return Ok(());
    }
    let head = ["PID", "BACKEND", "STATE", "FOR", "MEMORY", "ENDS IN", "WORKSPACE", "MODEL", "SESSION"];
    let head = head.iter().map(|&word| word.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    out::line(out::table(&lines).trim_end());
    Ok(())
}

fn line(row: &Value) -> Vec<String> {
    let text = |key: &str| {
        row.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
    };
    let time = |key: &str| row.get(key).and_then(Value::as_f64).map_or_else(|| "-".to_owned(), span);
    let pid = row.get("pid").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let memory = row.get("memory_bytes").and_then(Value::as_u64);
    let memory = memory.map_or_else(|| "-".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000));
    vec![
        pid,
        text("backend"),
        text("state"),
        time("state_seconds"),
        memory,
        time("kill_in_seconds"),
        text("workspace"),
        text("model"),
        text("session"),
    ]
}

fn span(seconds: f64) -> String {
    match seconds as u64 {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

/// The rules of the pool.
pub(crate) fn rules(settings: &Resolved) -> Rules {
    let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Rules {
        idle_kill: (!settings.disable_stale_acp_agent_kills())
            .then(|| settings.stale_acp_agent_kill_idle_seconds()),
        agents_max: whole(settings.agents_max()),
        of_backend_max: whole(settings.agents_of_backend_max()),
        start: settings.agent_start_timeout(),
        silence: settings.agent_silence_timeout(),
        queue: settings.agent_queue_timeout(),
        permissions: match settings.agent_permissions() {
            AgentPermissions::Allow => Policy::Allow,
            AgentPermissions::Reject => Policy::Reject,
            AgentPermissions::Cancel => Policy::Cancel,
        },
        allows_system_dirs: settings.agents_in_system_dirs(),
        hidden_env: CLIENT_KEYS.map(str::to_owned).into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Rules::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_also_where_nothing_is_known() {
        let row = json!({"pid": 7, "backend": "b", "state": "idle", "state_seconds": 130.5, "kill_in_seconds": 7300,
            "memory_bytes": 2_500_000, "workspace": "/w", "model": "", "session": "s"});
        assert_eq!(line(&row), ["7", "b", "idle", "2 min", "2 MB", "2 h", "/w", "-", "s"]);
        assert_eq!(line(&json!({})), ["-"; 9]);
    }
}
