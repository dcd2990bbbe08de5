//! Checks of what a library says of itself.
use super::subject::{Kit, Verdict, ensure};
use crate::manifest;
use lip_plugin::Value;

const AUTH: [&str; 5] = ["api-key", "oauth-personal", "local-agent", "none", "virtual"];
const DIALECTS: [&str; 6] =
    ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "ollama", "lip"];
/// As long as an id may be.
const ID_CHARS_MAX: usize = 64;

fn told(manifest: &Value, what: &str) -> String {
    format!("manifest of \"{}\": {what}", manifest::id(manifest))
}

fn text<'a>(manifest: &'a Value, key: &str) -> &'a str {
    manifest.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The manifest is JSON: one connector or a list of them.
pub fn manifest_is_json(kit: &Kit) -> Verdict {
    let manifests = kit.manifests();
    let wrong = || "MANIFEST is no JSON object or list of objects".to_owned();
    let holds = !manifests.is_empty() && manifests.iter().all(Value::is_object);
    ensure(holds, wrong, "paste it into a JSON checker")
}

/// Ids can be written in a model name, and differ.
pub fn ids_are_legal(kit: &Kit) -> Verdict {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let ids: Vec<&str> = kit.manifests().iter().map(manifest::id).collect();
    for (at, id) in ids.iter().enumerate() {
        let is_legal = id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && id.chars().all(legal)
            && id.len() <= ID_CHARS_MAX;
        ensure(
            is_legal,
            || format!("id \"{id}\" is none"),
            "lower-case letters, digits, `.`, `_` and `-`, at most 64",
        )?;
        let is_new = ids.iter().position(|other| other == id) == Some(at);
        ensure(is_new, || format!("id \"{id}\" is there twice"), "one connector, one id")?;
    }
    Ok(())
}

/// People read a title, and links are links.
pub fn titles_are_given(kit: &Kit) -> Verdict {
    kit.manifests().iter().try_for_each(|manifest| {
        let has_title = !text(manifest, "title").trim().is_empty();
        ensure(has_title, || told(manifest, "title"), "a title names the provider for people")?;
        let is_link = manifest
            .get("docs")
            .is_none_or(|docs| docs.as_str().is_some_and(|docs| docs.starts_with("https://")));
        ensure(is_link, || told(manifest, "docs"), "write an https URL, or leave it out")
    })
}

/// The dialects are LIP's.
pub fn dialects_are_known(kit: &Kit) -> Verdict {
    kit.manifests().iter().try_for_each(|manifest| {
        let dialects = manifest::strings(manifest, "dialects");
        let some = || told(manifest, "dialects");
        ensure(!dialects.is_empty(), some, "list the dialects that the upstream speaks, the best first")?;
        let stranger = dialects.iter().find(|dialect| !DIALECTS.contains(&dialect.as_str()));
        let strange = || told(manifest, &format!("dialects: {stranger:?} is none of {DIALECTS:?}"));
        ensure(stranger.is_none(), strange, "check the spelling of `dialects`")
    })
}

/// It is known how the upstream knows its user.
pub fn auth_is_known(kit: &Kit) -> Verdict {
    kit.manifests().iter().try_for_each(|manifest| {
        let auth = text(manifest, "auth");
        let known = AUTH.contains(&auth);
        ensure(
            known,
            || told(manifest, "auth"),
            "one of api-key, oauth-personal, local-agent, none, virtual",
        )?;
        let has_key = manifest::secrets(manifest).iter().any(|name| name == "api_key");
        let keyed = auth != "api-key" || has_key || manifest.get("family").is_some();
        let wrong = || told(manifest, "auth api-key without env.api_key");
        ensure(keyed, wrong, "env.api_key names the variable that holds the key")
    })
}

/// Every shell can set the variables.
pub fn variables_are_legal(kit: &Kit) -> Verdict {
    let upper = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let legal = |name: &str| upper(name) && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    kit.manifests().iter().try_for_each(|manifest| {
        let env = manifest.get("env").and_then(Value::as_object);
        let mut names = env.into_iter().flatten().flat_map(|(_, names)| variables(names));
        let wrong = names.find(|name| !legal(name));
        ensure(wrong.is_none(), || told(manifest, &format!("env: {wrong:?}")), "a variable is A-Z, 0-9 and _")
    })
}

fn variables(names: &Value) -> Vec<&str> {
    match names {
        Value::Array(list) => list.iter().map(|name| name.as_str().unwrap_or_default()).collect(),
        one => vec![one.as_str().unwrap_or_default()],
    }
}

/// Hosts, and nothing else.
pub fn egress_is_hosts(kit: &Kit) -> Verdict {
    let host = |entry: &String| {
        let name = entry.strip_prefix("*.").unwrap_or(entry);
        !name.is_empty() && !name.contains(['/', ' ', '@', '*', '?', '#']) && name != "."
    };
    kit.manifests().iter().try_for_each(|manifest| {
        let wrong = manifest::strings(manifest, "egress").into_iter().find(|entry| !host(entry));
        let said = || told(manifest, &format!("egress: {wrong:?}"));
        ensure(wrong.is_none(), said, "list bare hosts, such as api.acme.example or *.acme.example")
    })
}

/// The base URL of the manifest is one.
pub fn base_url_is_a_url(kit: &Kit) -> Verdict {
    kit.manifests().iter().try_for_each(|manifest| {
        let Some(url) = manifest.get("base_url") else {
            return Ok(());
        };
        let authority = url.as_str().and_then(manifest::authority);
        let wrong = || told(manifest, &format!("base_url {url} is no URL"));
        ensure(authority.is_some(), wrong, "write https://, a host and a path")
    })
}

/// Models have names.
pub fn models_are_named(kit: &Kit) -> Verdict {
    kit.manifests().iter().try_for_each(|manifest| {
        let list =
            manifest.get("models").map_or(&[][..], |list| list.as_array().map_or(&[Value::Null][..], |l| l));
        let name = |model: &Value| model.as_str().or_else(|| model.get("id")?.as_str()).map(str::to_owned);
        let legal = |name: &String| !name.is_empty() && name.matches('*').count() <= 1;
        let wrong = list.iter().find(|model| !name(model).is_some_and(|name| legal(&name)));
        let said = || told(manifest, &format!("models: {wrong:?}"));
        ensure(wrong.is_none(), said, "a list of names or of objects with an id; one * at most")
    })
}

/// The config's description is a schema.
pub fn config_is_a_schema(kit: &Kit) -> Verdict {
    kit.manifests().iter().try_for_each(|manifest| {
        let Some(config) = manifest.get("config") else {
            return Ok(());
        };
        let is_object = config.get("type").and_then(Value::as_str) == Some("object");
        let hint = "a JSON schema: an object with `properties`, each of them an object";
        ensure(is_object, || told(manifest, "config: its type is not \"object\""), hint)?;
        let properties = config.get("properties").map(|all| all.as_object().cloned());
        let is_map = !matches!(properties, Some(None));
        ensure(is_map, || told(manifest, "config: `properties` is no object"), hint)?;
        let mut all = properties.flatten().into_iter().flatten();
        let wrong = all.find(|(_, schema)| !schema.is_object() && !schema.is_boolean());
        ensure(wrong.is_none(), || told(manifest, &format!("config: {wrong:?}")), hint)
    })
}
