//! What the connectors of an installation say of themselves, as `lip plugin inspect --json` tells it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// A connector and the library that brings it.
#[derive(Deserialize)]
pub(super) struct Told {
    pub(super) plugin: String,
    pub(super) version: String,
    pub(super) connector: Connector,
}

/// The keys of a manifest that pages show.
#[derive(Deserialize)]
pub(super) struct Connector {
    pub(super) id: String,
    #[serde(default)]
    pub(super) family: bool,
    pub(super) title: String,
    pub(super) best_for: String,
    pub(super) auth: String,
    pub(super) dialects: Vec<String>,
    pub(super) models: Vec<Model>,
    pub(super) env: BTreeMap<String, Vec<String>>,
    pub(super) base_url: Option<String>,
    pub(super) egress: Vec<String>,
    pub(super) docs: Option<String>,
    pub(super) disclaimers: Vec<String>,
    /// A JSON schema of the connector's own settings.
    #[serde(default)]
    pub(super) config: Value,
}

/// A model that is known without asking, or a pattern of names.
#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) id: String,
    #[serde(default)]
    pub(super) dialects: Vec<String>,
    pub(super) context_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
}

/// Asks the program, with its own libraries and nobody's settings; sorted by id.
pub(super) fn read(staged: &Path) -> Result<Vec<Told>, String> {
    let (program, bundles) = (staged.join("lip"), staged.join("bundles"));
    let kept = ["PATH", "HOME", "TMPDIR", "SYSTEMROOT"];
    let output = Command::new(&program)
        // What was built a moment ago is nothing to remember.
        .args(["plugin", "inspect", "--json", "--plugin-lock", "off", "--plugins-dir"])
        .arg(staged.join("plugins"))
        .args(bundles.is_dir().then_some("--plugins-dir"))
        .args(bundles.is_dir().then_some(&bundles))
        .env_clear()
        .envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .output()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    if !output.status.success() {
        return Err(format!("lip plugin inspect failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let mut told: Vec<Told> = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("what lip plugin inspect says is not understood: {e}"))?;
    told.sort_by(|a, b| a.connector.id.cmp(&b.connector.id));
    Ok(told)
}
