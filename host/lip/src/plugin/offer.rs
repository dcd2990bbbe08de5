//! What a library offers and asks for, as people must know it before they install it.
use loader::survey::Surveyed;
use loader::trust::Policy;
use loader::{Options, Plugin};
use serde_json::{Value, json};
use std::fs;

/// What a library says of itself once it is loaded.
pub(crate) struct Offer {
    pub(crate) manifest: Value,
}

/// Loads a copy of a library, in a folder of its own, and asks it. Whoever calls this trusts it.
///
/// # Errors
/// Why it cannot be loaded.
pub(crate) fn of_bytes(file: &str, bytes: &[u8], options: &Options) -> Result<Offer, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    fs::write(folder.path().join(file), bytes).map_err(|error| format!("no temporary file: {error}"))?;
    let options = Options { trust: Policy::default(), ..options.clone() };
    let found = loader::discover(&[folder.path().to_owned()], &options);
    if let Some(refused) = found.refused().next() {
        return Err(format!("{file}: {}", refused.sentence()));
    }
    let plugin = found
        .plugins()
        .next()
        .ok_or_else(|| format!("{file}: its name does not end like a library's here"))?;
    Ok(Offer { manifest: manifest(plugin) })
}

fn manifest(plugin: &Plugin) -> Value {
    let manifest = plugin.manifest();
    let connectors: Vec<&loader::ConnectorManifest> = manifest.connectors.iter().map(|one| &**one).collect();
    json!({"plugin": manifest.plugin, "version": manifest.version, "abi": manifest.abi, "connectors": connectors})
}

/// What the connectors of a manifest may do, a line each, with warnings.
pub(crate) fn lines(manifest: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for connector in manifest["connectors"].as_array().into_iter().flatten() {
        let text = |key: &str| plain(connector[key].as_str().unwrap_or_default());
        let list = |value: &Value| {
            let all = value.as_array().into_iter().flatten().filter_map(Value::as_str).map(plain);
            all.collect::<Vec<_>>().join(", ")
        };
        let variables = connector["env"].as_object().into_iter().flatten().map(|(_, names)| list(names));
        let variables = variables.collect::<Vec<_>>().join(", ");
        let hosts = list(&connector["egress"]);
        lines.push(format!("connector {}: {}", text("id"), text("title")));
        lines.push(format!(
            "  may reach: {}",
            if hosts.is_empty() { "the configured base_url only" } else { &hosts }
        ));
        lines.push(format!(
            "  takes secrets from: {}",
            if variables.is_empty() { "no variable" } else { &variables }
        ));
        lines.push(format!("  authentication: {}", text("auth")));
        let wide = hosts
            .split(", ")
            .find(|host| host.strip_prefix("*.").is_some_and(|domain| !domain.contains('.')));
        if let Some(wide) = wide {
            lines.push(format!("  warning: {wide} means every host of a whole top-level domain"));
        }
        if connector["reads_secret"] == true {
            lines
                .push("  warning: it reads the secrets themselves, not only headers made of them".to_owned());
        }
    }
    lines
}

/// What is known of a file before it is loaded, a line each.
pub(crate) fn facts(surveyed: &loader::trust::Facts, target: &str) -> Vec<String> {
    let signer = match &surveyed.signer {
        Some(signer) => format!("signed by {}, who says: {}", signer.key, signer.comment),
        None => "not signed by a trusted key".to_owned(),
    };
    vec![
        format!(
            "{} for {target}: {} {}, ABI {}",
            surveyed.file, surveyed.plugin, surveyed.version, surveyed.abi
        ),
        format!("  sha256 {}", surveyed.sha256),
        format!("  {signer}"),
    ]
}

/// Text from a stranger: what could move the cursor is left out.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Whether a file would be let in as it lies there, in words.
pub(crate) fn standing(surveyed: &Surveyed) -> String {
    match &surveyed.standing {
        Ok(standing) => crate::trust::words(standing.by).to_owned(),
        Err(refusal) => format!("{refusal}; {}", refusal.remedy()),
    }
}
