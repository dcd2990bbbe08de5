//! A loaded library and the connector instances made from it.
use crate::cage::{self, Limits};
#[cfg(target_os = "linux")]
use crate::cage::{Beginning, RemoteInstance, RemoteTask};
use crate::cages::{Caged, Code, Isolation};
use crate::guest::visit;
use crate::host_fns;
use crate::manifest::{ConnectorManifest, Manifest};
use crate::refusal::Warning;
use crate::run::{self, Work};
use crate::stats::{Snapshot, Stats};
use crate::trust::Standing;
use base::{Fault, Kind};
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes an instance: the host's functions, the connector's id, the instance's name, its config as JSON.
pub type Factory = Box<dyn Fn(HostFns_Ref, &str, &str, Buf) -> Result<ConnectorBox, AbiError> + Send + Sync>;

/// The most that is read of what an instance says of itself.
const STATUS_BYTES_MAX: usize = 64 << 10;

/// A library in use. What is mapped in this process stays so until it ends.
pub struct Plugin {
    path: PathBuf,
    generation: usize,
    sha256: String,
    stamp: String,
    warnings: Vec<Warning>,
    standing: Standing,
    manifest: Manifest,
    text: Arc<str>,
    code: Code,
    stats: Arc<Stats>,
    limits: Limits,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn new(
        path: PathBuf,
        sha256: String,
        stamp: String,
        warnings: Vec<Warning>,
        caged: Caged,
    ) -> Self {
        let Caged { code, manifest, text, stats, limits } = caged;
        let (text, standing) = (text.into(), Standing::default());
        Self { path, generation: 1, sha256, stamp, warnings, standing, manifest, text, code, stats, limits }
    }

    /// The same as the generation `number` of its file.
    pub(crate) fn numbered(mut self, number: usize, warning: Option<Warning>) -> Self {
        self.generation = number;
        self.warnings.extend(warning);
        self
    }

    /// The same code for another file of the same content.
    pub(crate) fn at(&self, path: PathBuf, warnings: Vec<Warning>) -> Self {
        let Self { sha256, stamp, manifest, text, code, stats, limits, .. } = self;
        let (sha256, stamp, manifest) = (sha256.clone(), stamp.clone(), manifest.clone());
        let (text, code, stats, limits) = (Arc::clone(text), code.clone(), Arc::clone(stats), *limits);
        let standing = Standing::default();
        Self { path, generation: 1, sha256, stamp, warnings, standing, manifest, text, code, stats, limits }
    }

    pub(crate) fn standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// Why it was let in.
    pub fn trust(&self) -> &Standing {
        &self.standing
    }

    /// The file as it was found. What is mapped is a private copy.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which content of its file it is, counted from 1 on since this process began.
    pub const fn generation(&self) -> usize {
        self.generation
    }

    /// SHA-256 of the file, 64 hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Name and version from the stamp in the file.
    pub fn stamp(&self) -> &str {
        &self.stamp
    }

    /// What its user should know.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What it offers.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it says of itself, as JSON.
    pub fn manifest_text(&self) -> &str {
        &self.text
    }

    /// Where it runs.
    pub const fn isolation(&self) -> Isolation {
        match self.code {
            Code::Here(_) => Isolation::Inproc,
            #[cfg(target_os = "linux")]
            Code::There(_) => Isolation::Child,
        }
    }

    /// The process of its worker, while there is one.
    pub fn worker(&self) -> Option<u32> {
        match &self.code {
            Code::Here(_) => None,
            #[cfg(target_os = "linux")]
            Code::There(cage) => cage.pid(),
        }
    }

    /// What it has done and cost.
    pub fn stats(&self) -> Snapshot {
        self.stats.now()
    }

    /// Makes its instances for callers that wait, such as a kit that drives them in place of the host.
    pub fn factory(&self) -> Factory {
        let factory = self.own_factory();
        Box::new(move |host, connector, instance, config| factory.create(host, connector, instance, config))
    }

    fn own_factory(&self) -> cage::Factory {
        match &self.code {
            Code::Here(module) => cage::Factory::here(*module),
            #[cfg(target_os = "linux")]
            Code::There(cage) => cage::Factory::there(Arc::clone(cage)),
        }
    }

    /// Tries whether an instance can be made, and lets go of it. Blocks for as long as a worker takes to start.
    ///
    /// # Errors
    /// As for [`Plugin::create`].
    pub fn try_create(&self, connector: &str, instance: &str, config: &Value) -> Result<(), Fault> {
        self.connector(connector)?;
        let config = Buf::from(config.to_string());
        let made = self.own_factory().create(host_fns::table(), connector, instance, config);
        made.map(drop).map_err(|error| run::fault(&error))
    }

    fn connector(&self, id: &str) -> Result<&Arc<ConnectorManifest>, Fault> {
        let missing = || Fault::host(Kind::NotFound, format!("{} has no connector \"{id}\"", self.stamp));
        self.manifest.connector(id).ok_or_else(missing)
    }

    /// Makes an instance of `connector`, which the manifest lists, named `instance` in the config. `config`: a JSON object.
    /// Runs the author's `create`, which performs no IO; in a worker that is done before the first task.
    ///
    /// # Errors
    /// The library's own fault, among them a caught panic; [`Kind::NotFound`] when the manifest lists no such connector.
    pub fn create(
        self: &Arc<Self>,
        connector: &str,
        instance: &str,
        config: &Value,
    ) -> Result<Instance, Fault> {
        let manifest = Arc::clone(self.connector(connector)?);
        let config = config.to_string();
        let object = match &self.code {
            Code::Here(module) => {
                self.is_free()?;
                let create = || module.create(host_fns::table(), connector, instance, Buf::from(config));
                let made = visit(self.stats.seats(), create);
                Object::Here(made.map_err(|error| run::fault(&error))?)
            }
            #[cfg(target_os = "linux")]
            Code::There(cage) => Object::There(Arc::new(cage.instance(connector, instance, config))),
        };
        Ok(Instance { name: instance.to_owned(), manifest, object, plugin: Arc::clone(self) })
    }

    /// Is none of its steps stuck?
    fn is_free(&self) -> Result<(), Fault> {
        if !self.stats.seats().is_stuck() {
            return Ok(());
        }
        let sentence =
            format!("{} is stuck: a step of it takes longer than {:?}", self.stamp, self.limits.step);
        let fault = Fault::plugin(Kind::Unavailable, sentence).code("plugin_stuck");
        Err(fault.retry(base::Retry::Elsewhere))
    }

    pub(crate) fn count(&self) -> Result<Turn, Fault> {
        self.is_free()?;
        let open = self.stats.started();
        let turn = Turn(Arc::clone(&self.stats));
        if self.isolation() == Isolation::Child && open > self.limits.open_turns as u64 {
            let sentence = format!("as many turns as {} may have are open", self.stamp);
            let fault = Fault::host(Kind::Unavailable, sentence).code("plugin_busy");
            return Err(fault
                .retry(base::Retry::Elsewhere)
                .hint("plugins.library.<name>.open_turns says how many may be"));
        }
        Ok(turn)
    }
}

/// One task of a library, counted while it is open.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Stats>);

impl Turn {
    pub(crate) fn stats(&self) -> &Stats {
        &self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.ended();
    }
}

enum Object {
    Here(ConnectorBox),
    #[cfg(target_os = "linux")]
    There(Arc<RemoteInstance>),
}

/// One configured instance of a connector. Share it in an [`Arc`]; it may be dropped while its tasks run.
pub struct Instance {
    name: String,
    manifest: Arc<ConnectorManifest>,
    object: Object,
    plugin: Arc<Plugin>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("name", &self.name)
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Its name in the config, such as `openai` or `openai.work`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its connector is.
    pub fn manifest(&self) -> &Arc<ConnectorManifest> {
        &self.manifest
    }

    /// The library it came from.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Starts the task `key`. `what`: `turn`, `models`, `count_tokens`, …; `meta`: the JSON envelope; `body`: the request in
    /// its dialect.
    ///
    /// # Errors
    /// The library's own error when it refuses to start, among them a caught panic. One in a worker refuses later.
    pub(crate) fn start(&self, key: u64, what: &str, meta: Buf, body: Buf) -> Result<Work, AbiError> {
        match &self.object {
            Object::Here(object) => {
                let start = || object.start(key, what.into(), meta, body);
                visit(self.plugin.stats.seats(), start).into_result().map(Work::Here)
            }
            #[cfg(target_os = "linux")]
            Object::There(instance) => {
                let beginning = Beginning { key, what: what.to_owned(), meta, body };
                Ok(Work::There(RemoteTask::new(instance, beginning)))
            }
        }
    }

    /// What the instance says of itself to people who look at it: JSON, if it says anything. One in a worker is not asked. Runs
    /// the library's code: not for a thread that must not wait.
    pub fn status(&self) -> Option<Value> {
        match &self.object {
            Object::Here(object) => {
                let said = visit(self.plugin.stats.seats(), || object.status());
                if said.len() > STATUS_BYTES_MAX {
                    return None;
                }
                serde_json::from_slice(&said).ok().filter(Value::is_object)
            }
            #[cfg(target_os = "linux")]
            Object::There(_) => None,
        }
    }

    /// Tells the library that no new task will be started. Running ones go on.
    pub fn shutdown(&self) {
        match &self.object {
            Object::Here(object) => visit(self.plugin.stats.seats(), || object.shutdown()),
            #[cfg(target_os = "linux")]
            Object::There(instance) => instance.shutdown(),
        }
    }
}
