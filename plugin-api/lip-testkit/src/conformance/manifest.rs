//! Checks of what a connector says of itself and of how it reads its config.
use super::subject::{Kit, Subject, Verdict, Wrong, ensure};
use crate::{Stage, manifest};
use lip_plugin::{Value, json};

const AUTH: [&str; 5] = ["api-key", "oauth-personal", "local-agent", "none", "virtual"];

/// The manifest is JSON and says who the connector is, what it speaks and where it may go.
pub fn manifest_is_valid(kit: &Kit) -> Verdict {
    let manifests = kit.manifests();
    let text = || "MANIFEST is no JSON object or list of objects".to_owned();
    ensure(manifests.iter().any(Value::is_object), text, "paste it into a JSON checker")?;
    manifests.iter().try_for_each(one_manifest)
}

fn one_manifest(manifest: &Value) -> Verdict {
    let id = manifest::id(manifest);
    let told = |what: &str| format!("manifest of \"{id}\": {what}");
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    ensure(
        !id.is_empty() && id.starts_with(char::is_alphanumeric) && id.chars().all(legal),
        || told("id"),
        "lower-case letters, digits, `.`, `_` and `-`",
    )?;
    let text = |key: &str| manifest.get(key).and_then(Value::as_str).unwrap_or_default();
    ensure(!text("title").is_empty(), || told("title"), "a title names the provider for people")?;
    let dialects = manifest::strings(manifest, "dialects");
    ensure(
        !dialects.is_empty(),
        || told("dialects"),
        "list the dialects that the upstream speaks, the best first",
    )?;
    ensure(
        AUTH.contains(&text("auth")),
        || told("auth"),
        "one of api-key, oauth-personal, local-agent, none, virtual",
    )?;
    let has_key = manifest::secrets(manifest).iter().any(|name| name == "api_key");
    let keyed = text("auth") != "api-key" || has_key || manifest.get("family").is_some();
    ensure(keyed, || told("env"), "auth api-key needs env.api_key: the variable that holds the key")?;
    let upper = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let env = manifest.get("env").and_then(Value::as_object);
    let names = env.into_iter().flatten().flat_map(|(_, names)| variables(names));
    ensure({ names }.all(|n| !n.is_empty() && upper(n)), || told("env"), "a variable is A-Z, 0-9 and _")?;
    let host = |entry: &String| !entry.is_empty() && !entry.contains(['/', ' ', '@']);
    let egress = manifest::strings(manifest, "egress");
    ensure(egress.iter().all(host), || told("egress"), "list bare hosts, such as api.acme.example")
}

fn variables(names: &Value) -> Vec<&str> {
    match names {
        Value::Array(list) => list.iter().map(|name| name.as_str().unwrap_or_default()).collect(),
        one => vec![one.as_str().unwrap_or_default()],
    }
}

/// An instance can be made without any config: the environment may hold all that it needs.
pub fn empty_config_creates(kit: &Kit) -> Verdict {
    for subject in kit.subjects() {
        if let Some(error) = subject.stage().create() {
            let what = subject.says(format!("create fails without config: {}", error.message));
            return Err(Wrong {
                what,
                hint: "give every key a default; keys and secrets come from the host",
            });
        }
    }
    Ok(())
}

/// Whatever stands in the config, `create` answers with an instance or with a sentence.
pub fn odd_config_is_no_panic(kit: &Kit) -> Verdict {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let odd = [
        json!(7),
        json!(-1.5),
        json!(""),
        json!("\u{0}\r\n"),
        json!(null),
        json!([]),
        json!({}),
        json!([1]),
        deep,
    ];
    let shared =
        ["base_url", "api_url", "api_key", "headers", "models", "timeout", "organization", "project"];
    for subject in kit.subjects() {
        let declared = subject.manifest.pointer("/config/properties").and_then(Value::as_object);
        let keys = shared
            .into_iter()
            .map(str::to_owned)
            .chain(declared.into_iter().flatten().map(|(k, _)| k.clone()));
        let in_key = keys.flat_map(|key| odd.iter().map(move |value| json!({ key.clone(): value })));
        for config in in_key.chain(odd.iter().cloned()) {
            refused_well(&subject, subject.stage().config(&config), &config)?;
        }
    }
    Ok(())
}

fn refused_well(subject: &Subject, stage: Stage, config: &Value) -> Verdict {
    let Some(error) = stage.create() else {
        return Ok(());
    };
    let told = || subject.says(format!("create with {config} gives {}: \"{}\"", error.code, error.message));
    let sentence = error.code != "panic" && !error.code.is_empty() && !error.message.is_empty();
    ensure(sentence, told, "return Error::new(\"bad_config\", …) with the key and the remedy")
}

/// A configured `base_url` is where requests go.
pub fn configured_base_url_is_used(kit: &Kit) -> Verdict {
    let base = "http://127.0.0.1:9/base";
    for subject in kit.subjects().iter().filter(|s| !s.turn(s.good()).requests.is_empty()) {
        let stage = subject.stage().config(&json!({ "base_url": base })).reply(subject.good());
        let seen = stage.turn(subject.request).run();
        let urls: Vec<&str> = seen.requests.iter().map(|request| request.url.as_str()).collect();
        let all = !urls.is_empty() && urls.iter().all(|url| url.starts_with(base));
        let told = || subject.says(format!("with base_url {base} it calls {urls:?}"));
        ensure(all, told, "take the base from Create::base_url and append paths to it")?;
    }
    Ok(())
}
