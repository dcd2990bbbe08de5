//! `lip plugin status`: how the libraries of the host that runs stand.
use crate::{cli, operate, out, setup};
use clap::{ArgMatches, Command};
use serde_json::Value;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("status").about("Show the libraries of the host that runs").arg(cli::json_flag())
}

/// Tells how the libraries stand.
///
/// # Errors
/// No host there, or its own error.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, _) = setup::settings(matches)?;
    let told = operate::ask(&settings, "plugins", None)?;
    if matches.get_flag("json") {
        out::line(&told);
        return Ok(());
    }
    let plugins = list(&told, "plugins");
    let loaded = plugins.iter().filter(|row| row.get("generation").is_some());
    let head = ["LIBRARY", "GENERATION", "RETIRED", "RUNS", "TURNS", "OPEN", "CONNECTORS", "FILE"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(loaded.map(line)).collect();
    if rows.len() == 1 {
        out::line("no library is loaded");
    } else {
        out::line(out::table(&rows).trim_end());
    }
    for row in plugins {
        if let Some(sentence) = row.pointer("/refusal/sentence").and_then(Value::as_str) {
            out::line(sentence);
        }
        let path = text(row, "path");
        words(row, "warnings", &format!("warning: {path}: ")).for_each(out::line);
    }
    words(&told, "conflicts", "conflict: ").chain(words(&told, "notes", "note: ")).for_each(out::line);
    Ok(())
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn words(of: &Value, key: &str, before: &str) -> impl Iterator<Item = String> {
    list(of, key).iter().filter_map(Value::as_str).map(move |text| format!("{before}{text}"))
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or("-")
}

fn line(row: &Value) -> Vec<String> {
    let number = |at: &str| row.pointer(at).and_then(Value::as_u64).unwrap_or_default().to_string();
    let ids: Vec<&str> = list(row, "connectors").iter().filter_map(Value::as_str).collect();
    vec![
        format!("{} {}", text(row, "plugin"), text(row, "version")),
        number("/generation"),
        number("/retired"),
        text(row, "isolation").to_owned(),
        number("/stats/turns"),
        number("/stats/open_turns"),
        ids.join(", "),
        text(row, "path").to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_lines_also_where_nothing_is_known() {
        let row = json!({"plugin": "acme", "version": "1.0.0", "generation": 3, "retired": 2, "connectors": ["a", "b"],
            "path": "/p/x.so", "isolation": "child", "stats": {"turns": 7, "open_turns": 1}});
        assert_eq!(line(&row), ["acme 1.0.0", "3", "2", "child", "7", "1", "a, b", "/p/x.so"]);
        assert_eq!(line(&json!({})), ["- -", "0", "0", "-", "0", "0", "", "-"]);
    }
}
