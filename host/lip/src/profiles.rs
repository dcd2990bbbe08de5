//! Profiles of providers: files of the user's, each of which makes a backend through the library that understands them. Which
//! library that is, its manifest says; what a profile may hold, its schema says.
use crate::{backends, dirs};
use loader::{ConnectorManifest, Registry};
use serde_json::{Map, Value, json};
use settings::{Env, File, Format, Problem, Resolved, Severity, Source, read_with_schema};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One profile.
pub(crate) struct Profile {
    /// The connector that serves it.
    pub(crate) family: String,
    /// What the host has to know of it.
    pub(crate) manifest: Arc<ConnectorManifest>,
    /// The whole of it, for the connector.
    pub(crate) text: Value,
}

/// The profiles that are good, and what is wrong with the others.
#[derive(Default)]
pub(crate) struct Profiles {
    list: Vec<Profile>,
    /// Each with its place.
    pub(crate) problems: Vec<Problem>,
}

impl Profiles {
    /// Reads all profiles. A bad one is left out and never stops the host.
    pub(crate) fn read(settings: &Resolved, registry: &Registry, env: &Env) -> Self {
        let folders: Vec<PathBuf> = match settings.profiles_dir() {
            [] => dirs::user_profiles(env).into_iter().filter(|folder| folder.is_dir()).collect(),
            chosen => chosen.to_vec(),
        };
        let mut profiles = Self::default();
        for folder in folders {
            match files(&folder) {
                Ok(files) => files.iter().for_each(|file| profiles.add(file, registry)),
                Err(error) => profiles.wrong(&folder, format!("cannot be read: {error}"), None),
            }
        }
        profiles
    }

    /// The profile with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Profile> {
        self.list.iter().find(|profile| profile.manifest.id == id)
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|profile| profile.manifest.id.as_str())
    }

    fn add(&mut self, path: &Path, registry: &Registry) {
        let understands = |manifest: &&Arc<ConnectorManifest>| manifest.more.contains_key("profile_schema");
        let Some(family) = registry.iter().map(|(_, manifest)| manifest).find(understands) else {
            let hint = Some("lip plugin list says which libraries are loaded".to_owned());
            return self.wrong(path, "no loaded library understands profiles", hint);
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.wrong(path, format!("cannot be read: {error}"), None),
        };
        let name = path.display().to_string();
        let file = File { name: &name, format: Format::Toml, text: &text };
        let schema = family.more.get("profile_schema").unwrap_or(&Value::Null);
        let profile = match read_with_schema(&file, schema) {
            Ok(profile) => profile,
            Err(problems) => return self.problems.extend(problems),
        };
        let id = profile.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if path.file_stem().is_none_or(|stem| stem != id.as_str()) {
            let hint = Some(format!("rename the file to {id}.toml, or the id"));
            return self.wrong(path, format!("the id \"{id}\" is not the file's name"), hint);
        }
        if registry.get(&id).is_some() || self.get(&id).is_some() {
            let hint = Some("give it another id".to_owned());
            return self.wrong(path, format!("there is a backend \"{id}\" already"), hint);
        }
        match ConnectorManifest::read(manifest(&profile)) {
            Ok(manifest) => {
                let family = family.id.clone();
                self.list.push(Profile { family, manifest: Arc::new(manifest), text: profile });
            }
            Err(why) => self.wrong(path, why, None),
        }
    }

    fn wrong(&mut self, path: &Path, message: impl Into<String>, hint: Option<String>) {
        let (key, source) = (path.display().to_string(), Source::Default);
        self.problems.push(Problem { severity: Severity::Error, source, key, message: message.into(), hint });
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    files.sort();
    Ok(files)
}

/// The manifest that a profile amounts to.
fn manifest(profile: &Value) -> Value {
    let routes = || profile.get("routes").and_then(Value::as_array).into_iter().flatten();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let regions = profile.get("regions").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let regions = regions.filter_map(Value::as_object).flat_map(Map::values);
    let urls =
        routes().map(|route| route.get("base_url")).chain(regions.map(Some)).chain([profile.get("base_url")]);
    let hosts: BTreeSet<String> = urls.filter_map(text).filter_map(|url| backends::place(&url)).collect();
    let needs_no_key = routes().all(|route| route.get("auth").is_some_and(|auth| auth == "none"));
    let dialects: Vec<_> = routes().filter_map(|route| route.get("dialect")).collect();
    let mut manifest = json!({
        "dialects": dialects, "egress": hosts, "auth": if needs_no_key { "none" } else { "api-key" },
        "models": profile.pointer("/models/known").cloned().unwrap_or_else(|| json!([])),
    });
    let same = [
        "id",
        "title",
        "best_for",
        "docs",
        "disclaimers",
        "env",
        "base_url",
        "strip_prefixes",
        "translate",
        "error_in_200",
        "http1_only",
        "loop_guard",
    ];
    for key in same {
        if let Some(value) = profile.get(key) {
            manifest[key] = value.clone();
        }
    }
    manifest
}
