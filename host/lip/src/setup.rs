//! From the command line to everything a subcommand needs: settings, libraries, backends.
use crate::profiles::Profiles;
use crate::shared_accounts::{self, Commons};
use crate::{access, agents, backends, dirs, rules, state, trust};
use ::agents::{Agents, native::Native};
use clap::ArgMatches;
use engine::{BackendSpec, Backends, Edges, Engine};
use events::pricing::Pricing;
use events::witness::Witness;
use http::HeaderValue;
use ledger::price::Prices;
use loader::trust::Policy;
use loader::{Discovery, Generations, Isolation, Look, Options, Outcome, Registry, Rules};
use parking_lot::Mutex;
use settings::{CliOverrides, ClientKey, Env, File, Format, KeysFile, Refused, Resolved, Values};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stores::link::Link;
use vault::{SystemClock, Vault};

/// Everything that has been read and found.
pub(crate) struct Setup {
    pub(crate) settings: Arc<Resolved>,
    pub(crate) env: Arc<Env>,
    /// What was given on the command line.
    cli: Arc<CliOverrides>,
    pub(crate) shelf: Arc<Shelf>,
    /// How the libraries looked from outside before they were found.
    pub(crate) look: Look,
    pub(crate) discovery: Discovery,
    pub(crate) registry: Registry,
    pub(crate) profiles: Profiles,
}

/// Where libraries come from; the same for as long as the process lives.
pub(crate) struct Shelf {
    pub(crate) folders: Vec<PathBuf>,
    options: Options,
    /// All that this process has loaded.
    generations: Mutex<Generations>,
}

impl Shelf {
    fn new(folders: Vec<PathBuf>, options: Options) -> Arc<Self> {
        Arc::new(Self { folders, options, generations: Mutex::default() })
    }
}

/// The settings alone.
///
/// # Errors
/// Every error of the file, the environment and the command line, in words.
pub(crate) fn settings(matches: &ArgMatches) -> Result<(Resolved, Env), String> {
    let env = environment();
    Ok((resolved(&env, &settings::overrides(matches))?, env))
}

/// Where `lip keys` keeps the hashes of keys, whatever else is wrong with the configuration: without a key, some are not good.
///
/// # Errors
/// The configuration file cannot be read, or names a database of an unknown kind.
pub(crate) fn keys_place(matches: &ArgMatches) -> Result<access::KeysPlace, String> {
    let env = environment();
    let mut place = None;
    // Its mistakes are told by whoever serves with it.
    let _ = resolved_with(&env, &settings::overrides(matches), |values| {
        place = Some(access::keys_place(values, &env));
        KeysFile::Missing
    })?;
    place.unwrap_or_else(|| Ok(access::KeysPlace::File(access::keys_file(None, &env))))
}

fn environment() -> Env {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
}

/// The settings that the file, the environment and the command line make together.
fn resolved(env: &Env, cli: &CliOverrides) -> Result<Resolved, String> {
    resolved_with(env, cli, |values| access::read_keys_file(values.keys_file(), env))?
        .map_err(|refused| refused.to_string())
}

fn resolved_with(
    env: &Env,
    cli: &CliOverrides,
    keys_file: impl FnOnce(&Values) -> KeysFile,
) -> Result<Result<Resolved, Refused>, String> {
    let Some((path, source)) = settings::config_path(env, cli) else {
        return Ok(settings::resolve_with(None, env, cli, keys_file));
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{source}: {name} cannot be read: {e}"))?;
    let file = File { name: &name, format: Format::of(&name), text: &text };
    Ok(settings::resolve_with(Some(&file), env, cli, keys_file))
}

/// Settings, and the libraries that they lead to.
///
/// # Errors
/// As for [`settings`]; a bad library is no error.
pub(crate) fn setup(matches: &ArgMatches) -> Result<Setup, String> {
    let (settings, env) = settings(matches)?;
    let folders = trust::folders(&settings, &env);
    let options = trust::options(&settings, &env)?;
    let shelf = Shelf::new(folders, options);
    Ok(Setup::found(Given::new(settings, env, matches), shelf))
}

/// As [`setup`], with every library in this process: its clock may be stopped.
///
/// # Errors
/// As for [`setup`].
pub(crate) fn in_process(matches: &ArgMatches) -> Result<Setup, String> {
    let (settings, env) = settings(matches)?;
    let folders = trust::folders(&settings, &env);
    let mut options = trust::options(&settings, &env)?;
    options.cages.isolation = Isolation::Inproc;
    options.cages.rules = Arc::new(|_| Rules::default());
    Ok(Setup::found(Given::new(settings, env, matches), Shelf::new(folders, options)))
}

/// The same with the libraries of the folder that `file` lies in, and no others. Whoever names a file trusts it.
///
/// # Errors
/// As for [`setup`].
pub(crate) fn beside(matches: &ArgMatches, file: &Path) -> Result<Setup, String> {
    let (settings, env) = settings(matches)?;
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let options = Options { trust: Policy::default(), ..trust::options(&settings, &env)? };
    let shelf = Shelf::new(vec![folder.to_owned()], options);
    Ok(Setup::found(Given::new(settings, env, matches), shelf))
}

/// The same with the library `file` and no other.
///
/// # Errors
/// As for [`setup`]; the file is no library that can be loaded.
pub(crate) fn only(matches: &ArgMatches, file: &Path) -> Result<Setup, String> {
    let mut found = beside(matches, file)?;
    let is_it = |path: &Path| path.file_name() == file.file_name();
    if let Some(refused) = found.discovery.refused().find(|refused| is_it(&refused.path)) {
        return Err(refused.to_string());
    }
    found.discovery.outcomes.retain(|outcome| match outcome {
        Outcome::Loaded(plugin) => is_it(plugin.path()),
        Outcome::Kept(_) | Outcome::Refused(_) => false,
    });
    if found.discovery.plugins().next().is_none() {
        return Err(format!("{} is no library that can be loaded", file.display()));
    }
    found.registry = Registry::build(found.discovery.plugins(), None, &BTreeMap::new());
    found.profiles = Profiles::read(&found.settings, &found.registry, &found.env);
    Ok(found)
}

/// What everything else follows from.
struct Given {
    settings: Arc<Resolved>,
    env: Arc<Env>,
    cli: Arc<CliOverrides>,
}

impl Given {
    fn new(settings: Resolved, env: Env, matches: &ArgMatches) -> Self {
        let cli = Arc::new(settings::overrides(matches));
        Self { settings: Arc::new(settings), env: Arc::new(env), cli }
    }
}

impl Setup {
    fn found(given: Given, shelf: Arc<Shelf>) -> Self {
        crate::log::start(&given.settings);
        let look = Look::at(&shelf.folders);
        let discovery = shelf.generations.lock().discover(&shelf.folders, &shelf.options);
        let found = Self::with(given, shelf, look, discovery);
        for problem in &found.profiles.problems {
            tracing::warn!(%problem, "a profile is left out");
        }
        found
    }

    fn with(given: Given, shelf: Arc<Shelf>, look: Look, discovery: Discovery) -> Self {
        let Given { settings, env, cli } = given;
        let bundled = dirs::bundled_plugins();
        let overrides = backends::library_overrides(&settings);
        let registry = Registry::build(discovery.plugins(), bundled.as_deref(), &overrides);
        let profiles = Profiles::read(&settings, &registry, &env);
        Self { settings, env, cli, shelf, look, discovery, registry, profiles }
    }

    fn given(&self, settings: Arc<Resolved>) -> Given {
        Given { settings, env: Arc::clone(&self.env), cli: Arc::clone(&self.cli) }
    }

    /// Everything once more with the settings in use: what has changed in the folders since then.
    pub(crate) fn again(&self) -> Self {
        Self::found(self.given(Arc::clone(&self.settings)), Arc::clone(&self.shelf))
    }

    /// The settings once more: the file may have changed.
    ///
    /// # Errors
    /// As for [`settings`].
    pub(crate) fn settings_again(&self) -> Result<Resolved, String> {
        resolved(&self.env, &self.cli)
    }

    /// The same libraries with the settings in use and these client keys of the database, or none that are known.
    pub(crate) fn sharing(&self, keys: Option<Vec<ClientKey>>) -> Self {
        let given = self.given(Arc::new(self.settings.sharing(keys)));
        Self::with(given, Arc::clone(&self.shelf), self.look.clone(), self.discovery.clone())
    }

    /// The same libraries with other settings; those that were touched since are looked for.
    pub(crate) fn under(&self, settings: Resolved) -> Self {
        let given = self.given(Arc::new(settings));
        let look = Look::at(&self.shelf.folders);
        if look != self.look {
            return Self::found(given, Arc::clone(&self.shelf));
        }
        Self::with(given, Arc::clone(&self.shelf), look, self.discovery.clone())
    }

    /// The backends, and the default one's name.
    pub(crate) fn backends(&self) -> (Vec<BackendSpec>, Option<String>) {
        let specs = backends::specs(self);
        let of_backends = specs.iter().flat_map(|spec| spec.keys.iter().chain(spec.secrets.values()));
        crate::log::hide(of_backends.chain(&self.settings.secrets()), access::clients(&self.settings));
        let default = backends::default(&self.settings, &specs);
        (specs, default)
    }

    /// Where accounts are kept; under locks of `state` those that hosts share.
    ///
    /// # Errors
    /// A key of theirs that is none.
    pub(crate) fn vault(&self, state: Option<&Arc<Link>>) -> Result<Vault, String> {
        let folder = self.settings.accounts_dir().map_or_else(|| dirs::accounts(&self.env), Path::to_owned);
        let vault = Vault::open(folder, Arc::new(SystemClock));
        let shared = shared_accounts::of(&self.settings, state)?;
        Ok(match shared {
            Some(table) => vault.sharing(Arc::new(Commons(table))),
            None => vault,
        })
    }

    /// The engine over the configured backends, whose turns nobody is told of.
    ///
    /// # Errors
    /// As for [`Self::engine_for`].
    pub(crate) fn engine(&self) -> Result<Engine, String> {
        self.engine_for(Vec::new(), None, None)
    }

    /// The engine over the configured backends; `witnesses` are told of every turn, `prices` are known, and `state` is shared.
    ///
    /// # Errors
    /// A default backend that does not exist.
    pub(crate) fn engine_for(
        &self,
        witnesses: Vec<Arc<dyn Witness>>,
        prices: Option<Arc<Prices>>,
        state: Option<Arc<Link>>,
    ) -> Result<Engine, String> {
        let (specs, default) = self.backends();
        let backends = Backends::new(specs, default.as_deref()).map_err(|fault| fault.public())?;
        let user_agent = HeaderValue::from_str(self.settings.user_agent())
            .map_err(|_| "identity.user_agent holds characters that no header may hold".to_owned())?;
        let deadlines = egress::Deadlines {
            connect: self.settings.connect_timeout(),
            head: self.settings.head_timeout(),
            idle: self.settings.idle_timeout(),
        };
        let edges = Edges {
            egress: egress::Egress::to(access::places(&self.settings), deadlines),
            agents: Agents::new(agents::rules(&self.settings), Native::new()),
            vault: self.vault(state.as_ref())?,
            home: dirs::home(&self.env),
            user_agent,
            host_id: host_id(),
            witnesses,
            prices: prices.map(|prices| prices as Arc<dyn Pricing>),
            hide: Some(crate::log::hide_tokens),
            state,
            cluster: state::cluster(&self.settings),
        };
        Ok(Engine::new(backends, rules::of(&self.settings)?, edges))
    }
}

/// Unique to this process: its id and the moment it began.
fn host_id() -> HeaderValue {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let id = format!("lip-{:x}-{:x}", std::process::id(), since.as_nanos() as u64);
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("lip"))
}
