//! `lip plugin list`.
use crate::{cli, out, setup, trust};
use clap::{ArgMatches, Command};
use loader::{Outcome, Plugin};
use serde_json::{Value, json};

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("list").about("List loaded and refused libraries").arg(cli::json_flag())
}

/// Lists loaded and refused libraries, and ids that more than one claims.
///
/// # Errors
/// An error of the configuration.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    if matches.get_flag("json") {
        let plugins: Vec<Value> = found.discovery.outcomes.iter().map(as_json).collect();
        let notes: Vec<_> = found.discovery.notes.iter().map(ToString::to_string).collect();
        let conflicts: Vec<_> = found.registry.conflicts().iter().map(ToString::to_string).collect();
        out::line(json!({"plugins": plugins, "notes": notes, "conflicts": conflicts}));
        return Ok(());
    }
    let rows: Vec<_> = found.discovery.plugins().map(|plugin| row(plugin)).collect();
    if !rows.is_empty() {
        out::line(out::table(&rows).trim_end());
    }
    for plugin in found.discovery.plugins() {
        for warning in plugin.warnings() {
            out::line(format!("warning: {}: {warning}", plugin.path().display()));
        }
    }
    for refused in found.discovery.refused() {
        out::line(format!("refused: {refused}"));
    }
    for conflict in found.registry.conflicts() {
        out::line(format!("conflict: {conflict}"));
    }
    for note in &found.discovery.notes {
        out::line(format!("note: {note}"));
    }
    Ok(())
}

fn ids(plugin: &Plugin) -> Vec<&str> {
    plugin.manifest().connectors.iter().map(|connector| connector.id.as_str()).collect()
}

/// Why it is trusted, and who signed it.
pub(crate) fn trust_words(plugin: &Plugin) -> String {
    let standing = plugin.trust();
    let words = trust::words(standing.by).to_owned();
    match &standing.signer {
        Some(signer) => format!("{words}, signed by {}", signer.key),
        None => words,
    }
}

fn row(plugin: &Plugin) -> Vec<String> {
    let manifest = plugin.manifest();
    let library = format!("{} {}", manifest.plugin, manifest.version);
    vec![
        library,
        ids(plugin).join(", "),
        format!("abi {}", manifest.abi),
        trust_words(plugin),
        plugin.path().display().to_string(),
    ]
}

fn as_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Loaded(plugin) => json!({
            "state": "loaded",
            "path": plugin.path(),
            "sha256": plugin.sha256(),
            "plugin": plugin.manifest().plugin,
            "version": plugin.manifest().version,
            "abi": plugin.manifest().abi,
            "connectors": ids(plugin),
            "trust": trust::code(plugin.trust().by),
            "signed_by": plugin.trust().signer.as_ref().map(|signer| &signer.key),
            "warnings": plugin.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Outcome::Kept(kept) => json!({
            "state": "kept",
            "path": kept.refused.path,
            "code": kept.refused.reason.code(),
            "sentence": kept.to_string(),
        }),
        Outcome::Refused(refused) => json!({
            "state": "refused",
            "path": refused.path,
            "code": refused.reason.code(),
            "sentence": refused.sentence(),
        }),
    }
}
