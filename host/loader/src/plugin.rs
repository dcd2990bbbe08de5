//! A loaded library and the connector instances made from it.
use crate::host_fns;
use crate::library::Loaded;
use crate::manifest::{ConnectorManifest, Manifest};
use crate::module::Module;
use crate::refusal::Warning;
use crate::run;
use crate::trust::Standing;
use base::{Fault, Kind};
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref, TaskBox};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes an instance: the host's functions, the connector's id, the instance's name, its config as JSON.
pub type Factory = Box<dyn Fn(HostFns_Ref, &str, &str, Buf) -> Result<ConnectorBox, AbiError> + Send + Sync>;

/// A library in use. It stays mapped until the process ends.
pub struct Plugin {
    path: PathBuf,
    generation: usize,
    sha256: String,
    stamp: String,
    warnings: Vec<Warning>,
    standing: Standing,
    manifest: Manifest,
    module: Module,
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
        loaded: Loaded,
    ) -> Self {
        let Loaded { module, manifest } = loaded;
        Self { path, generation: 1, sha256, stamp, warnings, standing: Standing::default(), manifest, module }
    }

    /// The same as the generation `number` of its file.
    pub(crate) fn numbered(mut self, number: usize, warning: Option<Warning>) -> Self {
        self.generation = number;
        self.warnings.extend(warning);
        self
    }

    /// The same code for another file of the same content.
    pub(crate) fn at(&self, path: PathBuf, warnings: Vec<Warning>) -> Self {
        let (sha256, stamp) = (self.sha256.clone(), self.stamp.clone());
        let (manifest, module) = (self.manifest.clone(), self.module);
        let standing = Standing::default();
        Self { path, generation: 1, sha256, stamp, warnings, standing, manifest, module }
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

    /// Its manifest as it stands in the library.
    pub fn manifest_text(&self) -> String {
        self.module.manifest_text()
    }

    /// Makes its instances for a kit that drives them in place of the host.
    pub fn factory(self: &Arc<Self>) -> Factory {
        let plugin = Arc::clone(self);
        Box::new(move |host, connector, instance, config| {
            plugin.module.create(host, connector, instance, config)
        })
    }

    /// What it offers.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Makes an instance of `connector`, which the manifest lists, named `instance` in the config. `config`: a JSON object.
    /// Runs the author's `create`, which performs no IO.
    ///
    /// # Errors
    /// The library's own fault, among them a caught panic; [`Kind::NotFound`] when the manifest lists no such connector.
    pub fn create(
        self: &Arc<Self>,
        connector: &str,
        instance: &str,
        config: &Value,
    ) -> Result<Instance, Fault> {
        let missing =
            || Fault::host(Kind::NotFound, format!("{} has no connector \"{connector}\"", self.stamp));
        let manifest = Arc::clone(self.manifest.connector(connector).ok_or_else(missing)?);
        let config = Buf::from(config.to_string());
        let made = self.module.create(host_fns::table(), connector, instance, config);
        let object = made.map_err(|error| run::fault(&error))?;
        Ok(Instance { name: instance.to_owned(), manifest, object, plugin: Arc::clone(self) })
    }
}

/// One configured instance of a connector. Share it in an [`Arc`]; it may be dropped while its tasks run.
pub struct Instance {
    name: String,
    manifest: Arc<ConnectorManifest>,
    object: ConnectorBox,
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
    /// The library's own error when it refuses to start, among them a caught panic.
    pub fn start(&self, key: u64, what: &str, meta: Buf, body: Buf) -> Result<TaskBox, AbiError> {
        self.object.start(key, what.into(), meta, body).into_result()
    }

    /// Tells the library that no new task will be started. Running ones go on.
    pub fn shutdown(&self) {
        self.object.shutdown();
    }
}
