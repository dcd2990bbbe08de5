//! A configured backend: which connector answers for it, with which secrets, and whether it can.
use crate::manner::Manner;
use crate::passage::{self, Passage};
use crate::reach;
use base::{Fault, Kind, Retry, Secret};
use egress::Target;
use http::{HeaderMap, HeaderValue, Uri};
use lip_wire::Dialect;
use loader::run::SecretHeader;
use loader::{Auth, ConnectorManifest, Instance, Plugin};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What the config and the environment say of one backend.
#[derive(Debug)]
pub struct BackendSpec {
    /// The instance's name, such as `openai` or `openai.work`.
    pub name: String,
    /// The connector's id.
    pub connector: String,
    /// What it says of itself, or a profile says in its place; `None` without a library.
    pub manifest: Option<Arc<ConnectorManifest>>,
    /// The library that has it; `None` when no loaded library does.
    pub plugin: Option<Arc<Plugin>>,
    /// The JSON object that the connector's `create` gets. `base_url` is a string where it is set.
    pub config: Value,
    /// Further secrets by their name within the backend.
    pub secrets: HashMap<String, Secret<String>>,
    /// The API keys, in order: the secret named `api_key` is the one that the attempt was given.
    pub keys: Vec<Secret<String>>,
    /// Why it cannot be used, with the remedy; `None` when it can.
    pub missing: Option<String>,
    /// Why nobody would be served by its accounts when the host started, with the remedy: nobody was logged in.
    pub logged_out: Option<String>,
    /// Hosts that it may reach: the manifest's list and the configured base URL's.
    pub egress: Vec<String>,
    /// The dialects it accepts, in its order of preference.
    pub dialects: Vec<Dialect>,
    /// Were the dialects narrowed by the config?
    pub dialects_are_set: bool,
    /// Model names known without asking.
    pub models: Vec<String>,
    /// How requests of other dialects are written for it.
    pub translation: lip_wire::codec::RequestOptions,
    /// What its provider does not want in front of a model's name.
    pub strip_prefixes: Vec<String>,
    /// Does its provider take the header by which a host notices that it calls itself?
    pub takes_loop_guard: bool,
    /// The upstream's ways.
    pub manner: Manner,
    /// Its own `user-agent`, instead of the host's.
    pub user_agent: Option<http::HeaderValue>,
    /// Was it named in the config, on the command line, or is it there because its library is?
    pub configured: bool,
}

impl BackendSpec {
    /// Does `other` describe the same backend, of the same library? Whether somebody was logged in when either was written
    /// down does not count: that is known better by now.
    pub fn is_same(&self, other: &Self) -> bool {
        // Each by its name, so that a new one has to be thought of.
        let Self {
            name,
            connector,
            manifest,
            plugin,
            config,
            secrets,
            keys,
            missing,
            logged_out: _,
            egress,
            dialects,
            dialects_are_set,
            models,
            translation,
            strip_prefixes,
            takes_loop_guard,
            manner,
            user_agent,
            configured,
        } = self;
        let is_same_library = match (plugin, &other.plugin) {
            (Some(own), Some(theirs)) => Arc::ptr_eq(own, theirs),
            (own, theirs) => own.is_none() && theirs.is_none(),
        };
        is_same_library
            && (name, connector, manifest) == (&other.name, &other.connector, &other.manifest)
            && (config, secrets, keys) == (&other.config, &other.secrets, &other.keys)
            && (missing, egress, models) == (&other.missing, &other.egress, &other.models)
            && (dialects, dialects_are_set) == (&other.dialects, &other.dialects_are_set)
            && (translation, strip_prefixes) == (&other.translation, &other.strip_prefixes)
            && (takes_loop_guard, manner) == (&other.takes_loop_guard, &other.manner)
            && (user_agent, configured) == (&other.user_agent, &other.configured)
    }
}

/// A backend that turns can be sent to.
#[derive(Debug)]
pub struct Backend {
    spec: BackendSpec,
    instance: Mutex<Option<Arc<Instance>>>,
    passages: OnceLock<Vec<Passage>>,
    /// Has an account served since the host started?
    logged_in: AtomicBool,
    /// Has another one taken its place?
    retired: AtomicBool,
}

impl Drop for Backend {
    /// Nobody can start a task of its connector any more.
    fn drop(&mut self) {
        if let Some(instance) = self.instance.get_mut() {
            instance.shutdown();
        }
    }
}

impl Backend {
    /// A backend of this description. Its connector is created when it is first needed.
    pub const fn new(spec: BackendSpec) -> Self {
        let logged_in = AtomicBool::new(spec.logged_out.is_none());
        Self {
            spec,
            instance: Mutex::new(None),
            passages: OnceLock::new(),
            logged_in,
            retired: AtomicBool::new(false),
        }
    }

    /// The instance's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The description.
    pub const fn spec(&self) -> &BackendSpec {
        &self.spec
    }

    /// Can it be used?
    pub fn is_ready(&self) -> bool {
        self.missing().is_none()
    }

    /// Why it cannot be used, with the remedy. Who names it is served all the same once somebody has logged in.
    pub fn missing(&self) -> Option<&str> {
        let logged_out = self.spec.logged_out.as_deref().filter(|_| !self.logged_in.load(Ordering::Relaxed));
        self.spec.missing.as_deref().or(logged_out)
    }

    /// An account serves.
    pub(crate) fn is_logged_in(&self) {
        self.logged_in.store(true, Ordering::Relaxed);
    }

    /// Another one takes its place, or none. Open turns go on.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Has another one taken its place?
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// The connector, created on first use.
    ///
    /// # Errors
    /// What is missing, with the remedy; or the connector's own error.
    pub fn instance(&self) -> Result<Arc<Instance>, Fault> {
        if let Some(missing) = &self.spec.missing {
            let fault = Fault::host(
                Kind::Unavailable,
                format!("backend \"{}\" is not ready: {missing}", self.name()),
            );
            return Err(fault.code("backend_not_ready").retry(Retry::Elsewhere));
        }
        let Some(plugin) = &self.spec.plugin else {
            return Err(Fault::host(
                Kind::Unavailable,
                format!("backend \"{}\" has no library", self.name()),
            ));
        };
        if let Some(instance) = self.instance.lock().as_ref() {
            return Ok(Arc::clone(instance));
        }
        // Without the lock, since the connector's code may never come back. Of two that make one, the first is kept.
        let made = plugin.create(&self.spec.connector, &self.spec.name, &self.spec.config)?;
        Ok(Arc::clone(self.instance.lock().get_or_insert_with(|| Arc::new(made))))
    }

    /// What the connector says of itself to people who look at it, where it has been made. Runs its code: not for a thread that
    /// must not wait.
    pub fn status(&self) -> Option<Value> {
        let made = self.instance.lock().clone();
        made?.status()
    }

    /// A secret of this backend; `key` is the position of the API key in use.
    pub fn secret(&self, name: &str, key: usize) -> Option<&Secret<String>> {
        if name == "api_key" {
            return self.spec.keys.get(key).or_else(|| self.spec.keys.first());
        }
        self.spec.secrets.get(name)
    }

    /// Every secret of this backend.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret<String>> {
        self.spec.keys.iter().chain(self.spec.secrets.values())
    }

    /// May this backend send a request to `url`?
    pub fn may_reach(&self, url: &Uri) -> bool {
        reach::may(&self.spec.egress, url)
    }

    /// Where a request goes, if this backend may send requests there.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn target(&self, text: &str) -> Result<Target, String> {
        let name = self.name();
        let none = || format!("backend \"{name}\" built a URL that is none");
        let url: Uri = text.parse().map_err(|_| none())?;
        if !self.may_reach(&url) {
            let host = url.host().unwrap_or("nowhere");
            let library = self.spec.plugin.as_ref().and_then(|plugin| plugin.path().file_name());
            let library = library.map_or("<name>".into(), |name| name.to_string_lossy());
            return Err(format!(
                "backend \"{name}\" may not reach {host}: it is neither in its manifest nor its base_url; \
                 if it should, add it to plugins.library.\"{library}\".egress"
            ));
        }
        Target::of(url, self.spec.manner.http1_only).ok_or_else(none)
    }

    /// Completes `headers` with secrets; `key` is the position of the API key in use, `leased` has the tokens of accounts.
    ///
    /// # Errors
    /// Which secret is missing or cannot stand in a header.
    pub(crate) fn add_secrets(
        &self,
        headers: &mut HeaderMap,
        wanted: &[SecretHeader],
        key: usize,
        leased: impl Fn(&str) -> Option<Secret<String>>,
    ) -> Result<(), String> {
        let name = self.name();
        for SecretHeader { name: header, prefix, secret: wanted } in wanted {
            let secret = self.secret(wanted, key).cloned().or_else(|| leased(wanted));
            let secret = secret.ok_or_else(|| format!("backend \"{name}\" has no secret \"{wanted}\""))?;
            let value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose()));
            let mut value = value.map_err(|_| {
                format!(
                    "the secret \"{wanted}\" of backend \"{name}\" holds characters that no header may hold"
                )
            })?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(())
    }

    /// The turns that the connector leaves to the host, where they are known already.
    pub(crate) fn known_passages(&self) -> Option<&[Passage]> {
        self.passages.get().map(Vec::as_slice)
    }

    /// The turns that the connector leaves to the host; asks it where that has not been done.
    pub(crate) async fn passages(&self) -> Result<&[Passage], Fault> {
        if let Some(known) = self.known_passages() {
            return Ok(known);
        }
        let instance = self.instance()?;
        // Two that ask at the same time hear the same.
        let told = passage::of(self, &instance).await?;
        Ok(self.passages.get_or_init(|| told))
    }

    /// The name that the provider knows `model` by.
    pub fn model_on_wire<'a>(&self, model: &'a str) -> &'a str {
        let stripped = self.spec.strip_prefixes.iter().find_map(|prefix| model.strip_prefix(prefix.as_str()));
        stripped.filter(|rest| !rest.is_empty()).unwrap_or(model)
    }

    /// Does it serve with accounts that people log in to?
    pub fn keeps_accounts(&self) -> bool {
        self.spec.manifest.as_ref().is_some_and(|connector| connector.auth == Auth::OauthPersonal)
    }

    /// Does it answer by turns on other backends?
    pub(crate) fn is_virtual(&self) -> bool {
        self.spec.manifest.as_ref().is_some_and(|connector| connector.auth == Auth::Virtual)
    }

    /// The dialect that a turn in `client` goes out in: the client's own if the connector takes it for that model, else its
    /// first choice.
    pub fn dialect_for(&self, client: Dialect, model: &str) -> Option<Dialect> {
        let of_model = self.spec.manifest.as_ref().map(|connector| connector.dialects_for(model));
        // A configured narrowing wins over what the manifest says of models.
        let dialects = match of_model {
            Some(dialects) if !self.spec.dialects_are_set => dialects,
            _ => &self.spec.dialects,
        };
        if dialects.contains(&client) { Some(client) } else { dialects.first().copied() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn spec(name: &str, egress: &[&str]) -> BackendSpec {
        BackendSpec {
            name: name.to_owned(),
            connector: name.to_owned(),
            manifest: None,
            plugin: None,
            config: Value::Null,
            secrets: HashMap::new(),
            keys: vec![],
            dialects_are_set: false,
            missing: Some("OPENAI_API_KEY is not set".to_owned()),
            logged_out: None,
            egress: egress.iter().map(|s| (*s).to_owned()).collect(),
            dialects: vec![Dialect::OpenAiChat, Dialect::Gemini],
            models: vec![],
            translation: lip_wire::codec::RequestOptions::default(),
            strip_prefixes: vec!["acme/".to_owned()],
            takes_loop_guard: true,
            manner: Manner::default(),
            user_agent: None,
            configured: true,
        }
    }

    #[test]
    fn one_prefix_is_taken_off_the_model() {
        let backend = Backend::new(spec("a", &[]));
        for (model, want) in [
            ("acme/m", "m"),
            ("m", "m"),
            ("acme/acme/m", "acme/m"),
            ("acme/", "acme/"),
            ("other/m", "other/m"),
        ] {
            assert_eq!(backend.model_on_wire(model), want);
        }
    }

    #[test]
    fn backend_that_is_not_ready_says_why() {
        let fault = Backend::new(spec("a", &[])).instance().expect_err("not ready");
        assert!(fault.public().contains("OPENAI_API_KEY is not set"), "{fault}");
        assert_eq!(fault.status(), 503);
    }
}
