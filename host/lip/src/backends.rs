//! From settings, libraries and environment to the backends that turns can be sent to.
use crate::setup::Setup;
use crate::{access, bundles, dirs, trust};
use base::Secret;
use engine::{BackendSpec, ChatReasoning, Dialect, Manner, MaxTokensField, RequestOptions};
use http::{HeaderValue, Uri};
use loader::{Auth, ConnectorManifest, Plugin, Registry};
use serde::Deserialize;
use serde_json::{Map, Value};
use settings::{Backend, Env, Resolved, api_keys_from_env};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The connector that answers when nothing else can.
const EMBEDDED_DEFAULT: &str = "echo";
const API_KEY: &str = "api_key";
pub(crate) const BASE_URL: &str = "base_url";
/// Dialect → base URL, of connectors that speak several in different places.
pub(crate) const BASE_URLS: &str = "base_urls";

/// Which library the config names for which connector.
pub(crate) fn library_overrides(settings: &Resolved) -> BTreeMap<String, String> {
    let named = settings
        .backends()
        .iter()
        .filter_map(|b| Some((b.connector().to_owned(), b.values().plugin()?.to_owned())));
    named.collect()
}

/// All backends: the configured ones in their order, then one for every further connector.
pub(crate) fn specs(found: &Setup) -> Vec<BackendSpec> {
    let Setup { settings, registry, .. } = found;
    let configured: Vec<&Backend> = settings.backends().iter().filter(|b| b.values().enabled()).collect();
    let is_taken = |id: &str| settings.backends().iter().any(|b| b.name() == id);
    let further = registry.iter().filter(|(_, connector)| !connector.family && !is_taken(&connector.id));
    let further = further.map(|(_, connector)| connector.id.as_str());
    let further: Vec<&str> = further.chain(found.profiles.ids().filter(|id| !is_taken(id))).collect();
    let of =
        |name: &str, connector: &str, configured: Option<&Backend>| spec(name, connector, configured, found);
    let named = configured.iter().map(|b| of(b.name(), b.connector(), Some(b)));
    named.chain(further.into_iter().map(|id| of(id, id, None))).collect()
}

/// The backend `name`, which is there no longer: it says so to whoever comes.
pub(crate) fn departed(name: &str, found: &Setup) -> BackendSpec {
    spec(name, name, None, found)
}

/// The name of the default backend: as set, else the first configured one that is ready, else the embedded one.
pub(crate) fn default(settings: &Resolved, specs: &[BackendSpec]) -> Option<String> {
    let set = settings.default_backend().map(str::to_owned);
    let first_ready = || specs.iter().find(|s| s.configured && s.missing.is_none()).map(|s| s.name.clone());
    let embedded =
        || specs.iter().find(|s| s.name == EMBEDDED_DEFAULT && s.missing.is_none()).map(|s| s.name.clone());
    set.or_else(first_ready).or_else(embedded)
}

fn spec(name: &str, connector: &str, configured: Option<&Backend>, from: &Setup) -> BackendSpec {
    let Setup { settings, registry, env, .. } = from;
    // A profile is served by the connector of its family.
    let profile = from.profiles.get(connector);
    let connector = profile.map_or(connector, |profile| profile.family.as_str());
    let found = registry.get(connector);
    let manifest = profile.map(|profile| &profile.manifest).or(found.map(|(_, manifest)| manifest));
    let mut config = config(configured, manifest, env);
    if let Some(profile) = profile {
        config.insert("profile".to_owned(), profile.text.clone());
    }
    add_common(&mut config, settings, manifest);
    let keys = keys(configured, manifest, env);
    let secrets = secrets(manifest, env);
    // A connector whose key is optional must know whether there is one; never its value.
    let named = secrets.keys().map(String::as_str).chain((!keys.is_empty()).then_some(API_KEY));
    config.insert("secrets".to_owned(), named.collect());
    let needs_key = manifest.is_some_and(|m| needs_key(m, configured, &config));
    let missing = missing((name, connector), configured, manifest, needs_key && keys.is_empty(), registry)
        .or_else(|| access::refused(settings, manifest))
        .or_else(|| lacks_program(manifest, &config, env))
        .or_else(|| access::leads_inside(settings, manifest, &config));
    let mut egress = manifest.map(|m| m.egress.clone()).unwrap_or_default();
    let places = config.get(BASE_URLS).and_then(Value::as_object).into_iter().flat_map(Map::values);
    egress.extend(config.get(BASE_URL).into_iter().chain(places).filter_map(|url| place(url.as_str()?)));
    egress.extend(manifest.and_then(|m| place(m.base_url.as_deref()?)));
    egress.extend(further_places(manifest, &config));
    egress.extend(found.iter().flat_map(|(plugin, _)| trust::further_hosts(settings, plugin)));
    let narrowed = narrowed(manifest, &config);
    let own_models = configured.map(|b| b.values().models()).unwrap_or_default();
    let hints =
        manifest.iter().flat_map(|m| &m.models).filter(|hint| !hint.is_pattern()).map(|hint| hint.id.clone());
    let translation = translation(manifest, config.contains_key(BASE_URL));
    let config = Value::Object(config);
    // A configured one may be logged in to while the host runs.
    let is_out = missing.is_none() && configured.is_none();
    let logged_out =
        found.filter(|_| is_out).and_then(|(plugin, m)| lacks_login(from, plugin, (name, m), &config));
    BackendSpec {
        name: name.to_owned(),
        connector: connector.to_owned(),
        manifest: manifest.cloned(),
        plugin: found.map(|(plugin, _): (&Arc<Plugin>, _)| Arc::clone(plugin)),
        config,
        secrets,
        keys,
        missing,
        logged_out,
        egress,
        dialects_are_set: narrowed.is_some(),
        dialects: narrowed.or_else(|| manifest.map(|m| m.dialects.clone())).unwrap_or_default(),
        models: if own_models.is_empty() { hints.collect() } else { own_models.to_vec() },
        translation,
        strip_prefixes: manifest.map(|m| m.strip_prefixes.clone()).unwrap_or_default(),
        takes_loop_guard: manifest.is_none_or(|m| m.loop_guard),
        manner: manifest.map(|m| Manner::of(m)).unwrap_or_default(),
        user_agent: configured.and_then(|b| HeaderValue::from_str(b.values().user_agent()?).ok()),
        configured: configured.is_some(),
    }
}

/// Where further URLs of the config lead, which the manifest's `url_keys` names: those of identity servers, lists of endpoints.
fn further_places(manifest: Option<&Arc<ConnectorManifest>>, config: &Map<String, Value>) -> Vec<String> {
    let named = manifest.and_then(|m| m.more.get("url_keys")?.as_array()).into_iter().flatten();
    let mut open: Vec<&Value> = named.filter_map(|key| config.get(key.as_str()?)).collect();
    let mut places = Vec::new();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => places.extend(place(text)),
            Value::Array(list) => open.extend(list),
            Value::Object(table) => open.extend(table.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    places
}

/// How requests of other dialects are written for the connector: its manifest's `translate`.
fn translation(manifest: Option<&Arc<ConnectorManifest>>, is_elsewhere: bool) -> RequestOptions {
    let told = manifest.and_then(|m| m.more.get("translate"));
    let word = |key: &str| told.and_then(|t| t.get(key)).and_then(Value::as_str);
    let effort_models = told.and_then(|t| t.get("effort_models")?.as_array()).into_iter().flatten();
    RequestOptions {
        chat_reasoning: match word("chat_reasoning") {
            Some("content") => ChatReasoning::Content,
            Some("details") => ChatReasoning::Details,
            Some("plain") => ChatReasoning::Plain,
            Some("omit") => ChatReasoning::Omit,
            _ => ChatReasoning::AsCame,
        },
        max_tokens_field: match word("max_tokens_field") {
            Some("max-tokens") => MaxTokensField::MaxTokens,
            Some("max-completion-tokens") => MaxTokensField::MaxCompletionTokens,
            _ => MaxTokensField::AsCame,
        },
        max_tokens_default: told.and_then(|t| t.get("max_tokens_default")).and_then(Value::as_u64),
        effort_models: effort_models.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        chat_extras: told.and_then(|t| t.get("chat_extras")).and_then(Value::as_bool).unwrap_or(false),
        // At another address there is another server, which may want back what it said itself.
        signed_thinking: !is_elsewhere
            && told.and_then(|t| t.get("signed_thinking")).and_then(Value::as_bool).unwrap_or(false),
        ..RequestOptions::default()
    }
}

/// What the connector's `create` gets: the backend's own keys, and settings that its manifest takes from variables.
fn config(
    configured: Option<&Backend>,
    manifest: Option<&Arc<ConnectorManifest>>,
    env: &Env,
) -> Map<String, Value> {
    let mut config = configured.map(|b| b.extra().clone()).unwrap_or_default();
    for (key, variables) in manifest.iter().flat_map(|m| &m.env).filter(|(key, _)| !is_secret(key)) {
        if let Some(value) = variables.iter().find_map(|name| env.get(name)) {
            config.entry(key.clone()).or_insert_with(|| Value::from(value));
        }
    }
    if let Some(url) = configured.and_then(|b| b.values().api_url()) {
        config.insert(BASE_URL.to_owned(), Value::from(url));
    }
    config
}

/// The API keys in the order of use, each once: the config's, else those of the first variable that is set and its numbered
/// companions.
fn keys(
    configured: Option<&Backend>,
    manifest: Option<&Arc<ConnectorManifest>>,
    env: &Env,
) -> Vec<Secret<String>> {
    let own: Vec<_> =
        configured.iter().flat_map(|b| b.api_keys()).filter_map(|key| key.secret().cloned()).collect();
    if !own.is_empty() {
        return own;
    }
    let variables = manifest.and_then(|m| m.env.get(API_KEY)).into_iter().flatten();
    let found = variables.map(|name| api_keys_from_env(env, name)).find(|keys| !keys.is_empty());
    found.into_iter().flatten().map(|(_, secret)| secret).collect()
}

/// Further secrets that the manifest takes from variables.
fn secrets(manifest: Option<&Arc<ConnectorManifest>>, env: &Env) -> HashMap<String, Secret<String>> {
    let named =
        manifest.into_iter().flat_map(|m| &m.env).filter(|(key, _)| is_secret(key) && *key != API_KEY);
    let first = named
        .filter_map(|(key, variables)| Some((key.clone(), variables.iter().find_map(|name| env.get(name))?)));
    first.map(|(key, value)| (key, Secret::new(value.to_owned()))).collect()
}

/// Names in a manifest's `env` that hold secrets; everything else is plain configuration.
fn is_secret(key: &str) -> bool {
    ["key", "token", "secret", "password"]
        .iter()
        .any(|word| key == *word || key.ends_with(&format!("_{word}")))
}

/// What a manifest says of the program that its connector needs.
#[derive(Deserialize)]
struct Program {
    /// Keys of the config that name it, the first that is set counts; of a command line the first word does.
    keys: Vec<String>,
    /// What is looked for on `PATH` where none is set.
    name: Option<String>,
    /// What to do where it is not there.
    hint: String,
    /// What to do where nothing names it.
    unset: Option<String>,
}

/// The program of an agent must be there before anybody is sent to it.
fn lacks_program(
    manifest: Option<&Arc<ConnectorManifest>>,
    config: &Map<String, Value>,
    env: &Env,
) -> Option<String> {
    let (program, name) = named_program(manifest, config)?;
    let Some(name) = name else { return Some(program.unset.unwrap_or(program.hint)) };
    let found = find_program(&name, env).is_some();
    (!found).then(|| format!("the program \"{name}\" was not found; {}", lower(&program.hint)))
}

/// The program of the agent that this backend speaks to, where it is there.
pub(crate) fn program(spec: &BackendSpec, env: &Env) -> Option<PathBuf> {
    let (_, name) = named_program(spec.manifest.as_ref(), spec.config.as_object()?)?;
    find_program(&name?, env)
}

fn find_program(name: &str, env: &Env) -> Option<PathBuf> {
    which::which_in_global(name, env.get("PATH")).ok()?.next()
}

/// What the manifest says of a program, and the name of the one that is set.
fn named_program(
    manifest: Option<&Arc<ConnectorManifest>>,
    config: &Map<String, Value>,
) -> Option<(Program, Option<String>)> {
    let program = Program::deserialize(manifest?.more.get("program")?).ok()?;
    let word = |value: &Value| match value {
        Value::Array(words) => words.first().and_then(Value::as_str).map(str::to_owned),
        Value::String(line) if Path::new(line).is_file() => Some(line.clone()),
        value => value.as_str()?.split_whitespace().next().map(str::to_owned),
    };
    let set = program.keys.iter().find_map(|key| config.get(key).and_then(word));
    let name = set.or_else(|| program.name.clone());
    Some((program, name))
}

/// Somebody must have logged in, here or with the program that the provider's own is.
fn lacks_login(
    found: &Setup,
    plugin: &Arc<Plugin>,
    (name, manifest): (&str, &ConnectorManifest),
    config: &Value,
) -> Option<String> {
    // A vault that cannot be opened is told of by those who need it.
    let is_held = found.vault(None).is_ok_and(|vault| vault.holds(&manifest.id));
    if manifest.auth != Auth::OauthPersonal || is_held {
        return None;
    }
    let made = plugin.create(&manifest.id, name, config).map(Arc::new);
    match made.and_then(|instance| engine::account_files(&instance, dirs::home(&found.env).as_deref())) {
        Ok(files) if files.is_empty() => Some(format!("nobody is logged in; run lip login {name}")),
        Ok(_) => None,
        Err(fault) => Some(fault.public()),
    }
}

/// A sentence that goes on behind another one.
fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn missing(
    (name, connector): (&str, &str),
    configured: Option<&Backend>,
    manifest: Option<&Arc<ConnectorManifest>>,
    lacks_key: bool,
    registry: &Registry,
) -> Option<String> {
    let Some(manifest) = manifest else {
        if let Some(library) = bundles::library_of(connector) {
            return Some(format!(
                "the library {library} is not installed; put it into a plugins directory and run lip plugin reload"
            ));
        }
        let known: Vec<_> = registry.iter().map(|(_, connector)| connector.id.as_str()).collect();
        return Some(format!(
            "no loaded library has the connector \"{connector}\" (there are: {}); put its library into a plugins directory and run lip plugin reload",
            known.join(", ")
        ));
    };
    if !lacks_key {
        return None;
    }
    let asked = configured.map(Backend::missing_env).unwrap_or_default();
    let usual = manifest.env.get(API_KEY).and_then(|names| names.first().map(String::as_str));
    let variable = asked.first().copied().or(usual);
    let key = format!("backends.{name}.api_key");
    Some(match variable {
        Some(variable) => format!("{variable} is not set; set it, or {key} in the config"),
        None => format!("it has no API key; set {key} in the config"),
    })
}

/// Settings of the host, and what the file keeps directly under `backends`, for a connector that names it. The backend's own table and
/// variables win.
fn add_common(
    config: &mut Map<String, Value>,
    settings: &Resolved,
    manifest: Option<&Arc<ConnectorManifest>>,
) {
    let Some(more) = manifest.map(|m| &m.more).filter(|more| more.contains_key("common_keys")) else {
        return;
    };
    let named =
        more.get("common_keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for key in named {
        let setting = match key {
            "google_cloud_project" => settings.google_cloud_project().map(Value::from),
            _ => None,
        };
        if let Some(value) = settings.for_connectors().get(key).cloned().or(setting) {
            config.entry(key).or_insert(value);
        }
    }
}

/// Does it need a key? A backend whose config names one does; else the first of the manifest's `needs_key` rules that applies
/// says so; else the kind of authentication.
fn needs_key(
    manifest: &ConnectorManifest,
    configured: Option<&Backend>,
    config: &Map<String, Value>,
) -> bool {
    if configured.is_some_and(|backend| !backend.missing_env().is_empty()) {
        return true;
    }
    let rules = manifest.more.get("needs_key").and_then(Value::as_array);
    let rule = rules.into_iter().flatten().find(|rule| applies(rule, config));
    rule.and_then(|rule| rule.get("needs")?.as_bool()).unwrap_or(manifest.auth == Auth::ApiKey)
}

/// Does a rule of a manifest apply: has its `key` the value `is` (false: is not set; none: is set; no key: always)?
fn applies(rule: &Value, config: &Map<String, Value>) -> bool {
    let Some(key) = rule.get("key").and_then(Value::as_str) else { return true };
    let set = config.get(key).filter(|value| !value.is_null());
    match rule.get("is") {
        None => set.is_some(),
        Some(Value::Bool(false)) => set.is_none_or(|value| *value == false),
        Some(is) => set == Some(is),
    }
}

/// The dialects that this configuration leaves of the manifest's: the first rule of its `narrow` that applies.
fn narrowed(manifest: Option<&Arc<ConnectorManifest>>, config: &Map<String, Value>) -> Option<Vec<Dialect>> {
    let rules = manifest?.more.get("narrow")?.as_array()?;
    let rule = rules.iter().find(|rule| applies(rule, config))?;
    let ids = rule.get("dialects").and_then(Value::as_array)?;
    Some(ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect())
}

/// `host` or `host:port` of a URL.
pub(crate) fn place(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    Some(url.authority()?.as_str().rsplit('@').next()?.to_owned())
}
