//! Sets up one task of a connector as a sentence: what is configured, what the upstream answers, what is asked.
use crate::drive::Drive;
use crate::effects::World;
use crate::host::Source;
use crate::trouble::Trouble;
use crate::{Failed, Outcome, Reply, host, manifest};
use lip_abi::abi_stable::std_types::RResult;
use lip_abi::{Buf, ConnectorBox};
use lip_plugin::glue::Entry;
use lip_plugin::{Account, Connector, Value, json};

/// One connector, one task, one scripted world.
#[derive(Debug)]
pub struct Stage {
    source: Source,
    connector: String,
    instance: String,
    config: Buf,
    world: World,
    what: String,
    meta: Value,
    body: Buf,
    cancel_after: Option<usize>,
    trouble: Trouble,
    /// The envelope, where it is not made of `meta`.
    raw: Option<String>,
    /// Is there an account, if the test names none and the connector needs one?
    is_logged_in: bool,
    /// What is kept with that account.
    fields: Value,
}

impl Stage {
    /// A stage for the first connector of `C`'s manifest. Each secret that the manifest names is `testkit-secret-<name>`.
    pub fn of<C: Connector>() -> Self {
        let first = manifest::all(C::MANIFEST).into_iter().next().unwrap_or_default();
        Self::new(Source::Built(Entry::of::<C>()), &first)
    }

    /// A stage for the connector that this manifest is of.
    pub(crate) fn new(source: Source, manifest: &Value) -> Self {
        let stage = Self {
            source,
            connector: String::new(),
            instance: String::new(),
            config: "{}".into(),
            world: World { now_unix_ms: host::START_UNIX_MS, ..World::default() },
            what: "turn".to_owned(),
            meta: json!({"session": "testkit", "random": 0}),
            body: Buf::empty(),
            cancel_after: None,
            trouble: Trouble::None,
            raw: None,
            is_logged_in: true,
            fields: json!({}),
        };
        stage.manifest(manifest.clone())
    }

    /// Another connector of a manifest that lists several.
    #[must_use]
    pub fn connector<C: Connector>(self, id: &str) -> Self {
        let found = manifest::all(C::MANIFEST).into_iter().find(|m| manifest::id(m) == id);
        self.manifest(found.unwrap_or_else(|| json!({ "id": id })))
    }

    fn manifest(mut self, manifest: Value) -> Self {
        let named = |name: String| (name.clone(), format!("{SECRET}{name}"));
        // Its users write the key into the config where the manifest names no variable.
        let is_keyed = manifest.get("auth").and_then(Value::as_str) == Some("api-key")
            || manifest.get("family").is_some();
        let names = manifest::secrets(&manifest).into_iter().chain(is_keyed.then(|| "api_key".to_owned()));
        self.world.secrets = names.map(named).collect();
        self.connector = manifest::id(&manifest).to_owned();
        self.instance.clone_from(&self.connector);
        let dialect = manifest::strings(&manifest, "dialects").into_iter().next();
        self.world.manifest = manifest;
        self.world.urls.clear();
        self.envelope("dialect", dialect.unwrap_or_default())
    }

    fn envelope(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(meta) = &mut self.meta {
            meta.insert(key.to_owned(), value.into());
        }
        self
    }

    /// The instance's config.
    #[must_use]
    pub fn config(mut self, config: &Value) -> Self {
        let url = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
        self.world.base_url = url("base_url");
        self.world.urls =
            manifest::strings(&self.world.manifest, "url_keys").iter().filter_map(|key| url(key)).collect();
        self.config = config.to_string().into();
        self
    }

    /// Sets a secret.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.world.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes all secrets away.
    #[must_use]
    pub fn no_secrets(mut self) -> Self {
        self.world.secrets.clear();
        self.is_logged_in = false;
        self
    }

    /// An account that is logged in: its tokens, of which each renewal brings the next, and what is kept with it.
    #[must_use]
    pub fn account(mut self, name: &str, tokens: &[&str], fields: &Value) -> Self {
        self.world.accounts.add(name, tokens, fields);
        self
    }

    /// What is kept with the account that the stage has if the test names none.
    #[must_use]
    pub(crate) fn usual_fields(mut self, fields: &str) -> Self {
        self.fields = lip_plugin::serde_json::from_str(fields).unwrap_or_default();
        self
    }

    /// What the browser brings that a login waits for.
    #[must_use]
    pub fn browser(mut self, query: Value) -> Self {
        self.world.accounts.query = Some(query);
        self
    }

    /// Asks for a new token of this account.
    #[must_use]
    pub fn refresh(mut self, account: &Account) -> Self {
        self.body = json!(account).to_string().into();
        self.task("refresh")
    }

    /// Asks for a login by this method.
    #[must_use]
    pub fn login(mut self, method: &str, options: &Value) -> Self {
        self.body =
            json!({"method": method, "options": options, "random": "5a".repeat(32)}).to_string().into();
        self.task("login")
    }

    /// Reads an account from a file of this format.
    #[must_use]
    pub fn read_account(mut self, format: &str, file: impl Into<Buf>) -> Self {
        self.body = file.into();
        self.envelope("format", format).task("account_read")
    }

    /// Writes an account into a file of this format.
    #[must_use]
    pub fn write_account(mut self, format: &str, file: impl Into<Buf>, account: &Account) -> Self {
        self.body = file.into();
        self.envelope("format", format).envelope("account", json!(account)).task("account_write")
    }

    /// Answers the next request that it fits. Replies are served in order, each once.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.world.replies.push_back(reply);
        self
    }

    /// A value that the instance stored earlier (`session` empty: for all sessions).
    #[must_use]
    pub fn stored(mut self, session: &str, key: &str, value: impl Into<Buf>) -> Self {
        self.world.values.insert((session.to_owned(), key.to_owned()), (value.into(), None));
        self
    }

    /// Asks for a turn with this body.
    #[must_use]
    pub fn turn(mut self, body: impl Into<Buf>) -> Self {
        self.body = body.into();
        self.task("turn")
    }

    /// Asks for the models.
    #[must_use]
    pub fn models(self) -> Self {
        self.task("models")
    }

    /// Asks for any task by name.
    #[must_use]
    pub fn task(mut self, what: &str) -> Self {
        self.what = what.to_owned();
        self
    }

    /// The client wants a stream.
    #[must_use]
    pub fn stream(self) -> Self {
        self.envelope("stream", true)
    }

    /// The model, as the host names it.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        self.envelope("model", model)
    }

    /// The random bits of the turn; 0 if nothing is said.
    #[must_use]
    pub fn random(self, bits: u64) -> Self {
        self.envelope("random", bits)
    }

    /// The dialect of the body, if not the manifest's first.
    #[must_use]
    pub fn dialect(self, dialect: &str) -> Self {
        self.envelope("dialect", dialect)
    }

    /// Headers of the client that belong to the dialect.
    #[must_use]
    pub fn client_headers(self, headers: &[(&str, &str)]) -> Self {
        self.envelope("headers", json!(headers))
    }

    /// Drops the task after it has been resumed `steps` times, if it has not ended before.
    #[must_use]
    pub const fn cancel_after(mut self, steps: usize) -> Self {
        self.cancel_after = Some(steps);
        self
    }

    /// Another name of the instance than the connector's id.
    #[must_use]
    pub fn instance(mut self, name: &str) -> Self {
        self.instance = name.to_owned();
        self
    }

    /// Answers every request that no other reply fits, as often as it comes.
    #[must_use]
    pub fn always(mut self, reply: Reply) -> Self {
        self.world.always = Some(reply);
        self
    }

    /// The same for turns on other backends that want a stream.
    pub(crate) fn always_streamed(mut self, reply: Reply) -> Self {
        self.world.always_streamed = Some(reply);
        self
    }

    /// What every command of an agent comes to that a turn runs, if it is not answered as all else is.
    pub(crate) fn command_output(mut self, output: Option<Reply>) -> Self {
        self.world.command_output = output;
        self
    }

    /// The config as it stands, also if it is no JSON.
    #[must_use]
    pub(crate) fn raw_config(mut self, config: impl Into<Buf>) -> Self {
        self.config = config.into();
        self
    }

    /// The envelope of the task as it stands, also if it is no JSON. Nothing of it is set afterwards.
    #[must_use]
    pub(crate) fn raw_envelope(mut self, envelope: &str) -> Self {
        self.raw = Some(envelope.to_owned());
        self
    }

    pub(crate) fn trouble(mut self, trouble: Trouble) -> Self {
        self.trouble = trouble;
        self
    }

    /// Asks for a connector that the library may not have.
    pub(crate) fn asking_for(mut self, connector: &str) -> Self {
        self.connector = connector.to_owned();
        self
    }

    /// Makes the instance only: its error, if it has one.
    pub fn create(self) -> Option<Failed> {
        self.made().err()
    }

    pub(crate) fn made(&self) -> Result<ConnectorBox, Failed> {
        let config = self.config.clone();
        host::create(&self.source, &self.connector, &self.instance, config).map_err(Failed::from)
    }

    /// Makes the instance and asks how it is; null when it says nothing.
    ///
    /// # Errors
    /// Its error, if it cannot be made.
    pub fn status(self) -> Result<Value, Failed> {
        let instance = self.made()?;
        Ok(lip_plugin::serde_json::from_slice(&instance.status()).unwrap_or_default())
    }

    /// Runs the task to its end.
    pub fn run(self) -> Outcome {
        host::take_log();
        host::set_clock(self.world.now_unix_ms);
        let mut seen = match self.made() {
            Err(error) => failed(error),
            Ok(instance) if self.trouble == Trouble::Orphan => {
                let begun = self.begin(&instance);
                drop(instance);
                begun.map_or_else(failed, Drive::run)
            }
            Ok(instance) => self.begin(&instance).map_or_else(failed, Drive::run),
        };
        seen.log = host::take_log();
        seen
    }

    /// Runs the task on an instance that is there already.
    pub(crate) fn on(self, instance: &ConnectorBox) -> Outcome {
        self.begin(instance).map_or_else(failed, Drive::run)
    }

    /// Runs the tasks of these stages on one instance, that of the first, one step of each in turn.
    pub(crate) fn together(stages: Vec<Self>) -> Vec<Outcome> {
        host::take_log();
        let made = stages.first().map(Self::made);
        let instance = match made {
            None => return Vec::new(),
            Some(Err(error)) => return vec![failed(error)],
            Some(Ok(instance)) => instance,
        };
        let mut seen: Vec<Option<Outcome>> = Vec::new();
        let mut open: Vec<Option<Drive>> = Vec::new();
        for stage in stages {
            let (drive, end) = match stage.begin(&instance) {
                Ok(drive) => (Some(drive), None),
                Err(error) => (None, Some(failed(error))),
            };
            open.push(drive);
            seen.push(end);
        }
        while open.iter().any(Option::is_some) {
            for (drive, seen) in open.iter_mut().zip(&mut seen) {
                let Some(end) = drive.as_mut().and_then(Drive::step) else { continue };
                *seen = drive.take().map(|drive| drive.finish(end));
            }
        }
        seen.into_iter().flatten().collect()
    }

    fn begin(mut self, instance: &ConnectorBox) -> Result<Drive, Failed> {
        if self.is_logged_in && self.world.accounts.is_empty() && manifest::is_personal(&self.world.manifest)
        {
            self.world.accounts.add("testkit", &[&format!("{SECRET}token")], &self.fields);
        }
        if self.what != "turn" {
            self.world.command_output = None;
        }
        let key = host::new_key();
        let meta = self.raw.unwrap_or_else(|| self.meta.to_string()).into();
        match instance.start(key, self.what.as_str().into(), meta, self.body) {
            RResult::RErr(error) => Err(Failed::from(error)),
            RResult::ROk(task) => {
                let drive = Drive::new(task, key, self.world, self.trouble);
                Ok(drive.cancel_after(self.cancel_after))
            }
        }
    }
}

fn failed(error: Failed) -> Outcome {
    Outcome { error: Some(error), ..Outcome::default() }
}

/// How the value of each secret begins that a stage makes up.
pub(crate) const SECRET: &str = "testkit-secret-";
