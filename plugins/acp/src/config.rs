//! What the config of every agent may say. The older names are those of LIP's Python predecessor.
use lip_plugin::{Agent, Create, Error, Result, Value};
use std::collections::BTreeMap;

/// A day: a longer wait is a mistake.
const SECONDS_MAX: f64 = 86_400.0;
const PROCESSES_MAX: f64 = 10_000.0;

/// The model's name that leaves the choice to the agent.
const UNNAMED: [&str; 2] = ["", "default"];

/// Describes an agent as far as the config of any agent does.
///
/// # Errors
/// `bad_config` with the key.
pub(crate) fn described(with: &Create<'_>) -> Result<Agent> {
    let mut agent = Agent::default();
    agent.workspace = workspace(with)?;
    agent.permissions = permissions(with)?;
    agent.show_tools = one_of(with, "show_tools", &["reasoning", "text", "off"])?;
    agent.start_ms = ms(with, &["start_timeout"])?;
    agent.silence_ms = ms(with, &["silence_timeout", "process_timeout"])?;
    agent.processes = with.number("processes", PROCESSES_MAX)?.map(|n| n as u64);
    agent.keeps_idle = with.flag("keep_idle", false)?;
    agent.env = variables(with)?;
    agent.env_remove = with.strings("env_remove")?;
    Ok(agent)
}

/// The model that a turn wants; none: the agent's own choice, or the config's.
pub(crate) fn wanted<'a>(turn: &'a str, config: Option<&'a str>) -> Option<&'a str> {
    let named = |name: &&str| !UNNAMED.contains(name);
    Some(turn).filter(named).or(config).filter(named)
}

/// The first of these keys that is set.
pub(crate) fn first(with: &Create<'_>, keys: &[&str]) -> Result<Option<String>> {
    for key in keys {
        if let Some(text) = with.string(key)?.filter(|text| !text.trim().is_empty()) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

fn workspace(with: &Create<'_>) -> Result<Option<String>> {
    for key in ["project_dir", "workspace_path"] {
        let Some(text) = first(with, &[key])? else { continue };
        // `C:\…` on Windows.
        let is_absolute = text.starts_with(['/', '\\']) || text.get(1..2) == Some(":");
        return match is_absolute {
            true => Ok(Some(text)),
            false => Err(Error::bad_config(key, "write an absolute directory")),
        };
    }
    Ok(None)
}

fn permissions(with: &Create<'_>) -> Result<Option<String>> {
    let set = one_of(with, "permissions", &["allow", "reject", "cancel"])?;
    if set.is_some() || with.config.get("auto_accept").is_none_or(Value::is_null) {
        return Ok(set);
    }
    let word = if with.flag("auto_accept", true)? { "allow" } else { "reject" };
    Ok(Some(word.to_owned()))
}

fn one_of(with: &Create<'_>, key: &str, words: &[&str]) -> Result<Option<String>> {
    let Some(text) = with.string(key)? else { return Ok(None) };
    match words.contains(&&*text) {
        true => Ok(Some(text)),
        false => Err(Error::bad_config(key, format!("write one of {}", words.join(", ")))),
    }
}

fn ms(with: &Create<'_>, keys: &[&str]) -> Result<Option<u64>> {
    for key in keys {
        if let Some(seconds) = with.number(key, SECONDS_MAX)? {
            return Ok(Some((seconds * 1000.0) as u64));
        }
    }
    Ok(None)
}

fn variables(with: &Create<'_>) -> Result<BTreeMap<String, String>> {
    let wrong = || Error::bad_config("env", "write a table of variables and texts");
    let table = match with.config.get("env") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(table)) => table,
        Some(_) => return Err(wrong()),
    };
    let pair = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(wrong()),
        };
        Ok((name.clone(), value))
    };
    table.iter().map(pair).collect()
}
