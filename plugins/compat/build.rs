//! Reads `profiles/*.toml`, checks them against the schema and writes what the library embeds: its manifest and the profiles.
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[allow(dead_code, reason = "most fields are for the library alone")]
#[path = "src/profile.rs"]
mod profile;

use profile::Profile;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=profiles");
    for file in ["src/profile.rs", "src/custom.json", "src/profile.schema.json"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut files: Vec<_> =
        fs::read_dir("profiles")?.map(|file| file.map(|f| f.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let (mut profiles, mut manifest) = (Map::new(), Vec::new());
    for file in files {
        let told = |why: String| format!("{}: {why}", file.display());
        let text = fs::read_to_string(&file)?;
        let raw: Value = toml::from_str(&text).map_err(|e| told(e.to_string()))?;
        let profile: Profile = toml::from_str(&text).map_err(|e| told(e.to_string()))?;
        profile.check().map_err(told)?;
        if file.file_stem().is_none_or(|stem| stem != profile.id.as_str()) {
            return Err(told(format!("the id \"{}\" is not the file's name", profile.id)).into());
        }
        manifest.push(connector(&profile, &raw));
        profiles.insert(profile.id, raw);
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("profiles.json"), Value::Object(profiles).to_string())?;
    fs::write(Path::new(&out).join("manifest.json"), Value::Array(manifest).to_string())?;
    fs::write(Path::new(&out).join("custom.json"), custom()?.to_string())?;
    Ok(())
}

/// The manifest of the family: what stands in `src/custom.json`, with the schema of profiles.
fn custom() -> Result<Value, Box<dyn Error>> {
    let read = |file: &str| -> Result<Value, Box<dyn Error>> {
        Ok(serde_json::from_str(&fs::read_to_string(file)?)?)
    };
    let (mut custom, schema) = (read("src/custom.json")?, read("src/profile.schema.json")?);
    let described = |what: &str, words: &str| -> Result<Value, Box<dyn Error>> {
        let mut part = schema.pointer(what).cloned().ok_or("the schema has no such part")?;
        part["description"] = json!(words);
        Ok(part)
    };
    let page = "see the README of plugins/compat.";
    let quirks = described(
        "/properties/routes/items/properties/quirks",
        &format!("How the server differs from the protocol; {page}"),
    )?;
    let profile = described("", &format!("A whole profile instead of the other keys; {page}"))?;
    custom["config"]["properties"]["quirks"] = quirks;
    custom["config"]["properties"]["profile"] = profile;
    custom["profile_schema"] = schema;
    Ok(custom)
}

/// The manifest's entry for a profile.
fn connector(profile: &Profile, raw: &Value) -> Value {
    let urls = profile.routes.iter().filter_map(|route| route.base_url.as_deref());
    let urls = urls.chain(profile.regions.values().flat_map(|places| places.values().map(String::as_str)));
    let hosts: BTreeSet<&str> = urls.chain([profile.base_url.as_str()]).filter_map(host).collect();
    let dialects: Vec<&str> = profile.routes.iter().map(|route| route.dialect.as_str()).collect();
    let mut config = json!({
        "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "More headers of every request."}
    });
    if profile.routes.iter().any(|route| route.base_url.is_some()) {
        config["base_urls"] = json!({"type": "object", "additionalProperties": {"type": "string"},
            "description": "Dialect → where it is spoken, such as `{ anthropic-messages = \"https://gw.example/v1\" }`. Dialects that are not named stay where `base_url` says."});
    }
    if !profile.regions.is_empty() {
        let regions: Vec<&String> = profile.regions.keys().collect();
        config["region"] =
            json!({"type": "string", "enum": regions, "description": "Another place of the same service."});
    }
    let mut entry = json!({
        "id": profile.id, "title": profile.title, "best_for": profile.best_for, "dialects": dialects,
        "auth": "api-key", "env": profile.env, "base_url": profile.base_url, "egress": hosts,
        "models": raw.pointer("/models/known").cloned().unwrap_or_else(|| json!([])),
        "config": {"type": "object", "properties": config},
    });
    let narrow = narrow(profile);
    if !narrow.is_empty() {
        entry["narrow"] = Value::Array(narrow);
    }
    let routes = raw.get("routes").and_then(Value::as_array).into_iter().flatten();
    if routes.map(|route| route.pointer("/quirks/allow")).any(|allow| allow.is_some()) {
        entry["drops_fields"] = json!(true);
    }
    let optional = [
        "docs",
        "strip_prefixes",
        "aliases",
        "translate",
        "error_in_200",
        "http1_only",
        "loop_guard",
        "disclaimers",
    ];
    for key in optional {
        if let Some(value) = raw.get(key) {
            entry[key] = value.clone();
        }
    }
    entry
}

/// Which dialects an instance speaks whose config has a key: a region those of its places, another base only those that
/// share the profile's own base, since the others' place is not known.
fn narrow(profile: &Profile) -> Vec<Value> {
    let region = |(region, places): (&String, &BTreeMap<String, String>)| {
        let routes = profile.routes.iter().filter(|route| places.contains_key(&route.dialect));
        let dialects: Vec<&str> = routes.map(|route| route.dialect.as_str()).collect();
        json!({"key": "region", "is": region, "dialects": dialects})
    };
    let mut rules: Vec<Value> = profile.regions.iter().map(region).collect();
    let at_base = profile.routes.iter().filter(|route| route.base_url.is_none());
    let at_base: Vec<&str> = at_base.map(|route| route.dialect.as_str()).collect();
    if at_base.len() < profile.routes.len() {
        let all: Vec<&str> = profile.routes.iter().map(|route| route.dialect.as_str()).collect();
        rules.insert(0, json!({"key": "base_urls", "dialects": all}));
        rules.insert(1, json!({"key": "base_url", "dialects": at_base}));
    }
    rules
}

fn host(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split('/').next()
}
