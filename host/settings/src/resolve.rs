//! Brings file, environment and command line together: command line > environment > file > default, per setting.
use core::net::IpAddr;

use base::Secret;

use serde_json::{Map, Value as Json};

use crate::{
    accounts,
    backends::{BACKEND_TABLE, Backend},
    choices::AccessMode,
    cli::CliOverrides,
    clients::{CLIENT_TABLE, ClientKey},
    cluster,
    env::Env,
    file::{File, Format, Named, apply_keys, warn_if_later},
    libraries::{LIBRARY_TABLE, Library, LibraryValues},
    problem::{Problem, Problems, Refused, Severity, Source},
    read::{Raw, Reader},
    secrets::ApiKey,
    suggest::suggestion,
    table::{TABLE, Values},
};

/// A configuration that the host can run with. Reads like [`Values`].
#[derive(Clone, Debug)]
pub struct Resolved {
    pub(crate) values: Values,
    backends: Vec<Backend>,
    pub(crate) libraries: Vec<Library>,
    pub(crate) clients: Vec<ClientKey>,
    /// Those of the database. None: it was not read yet.
    pub(crate) shared: Option<Vec<ClientKey>>,
    for_connectors: Map<String, Json>,
    warnings: Vec<Problem>,
}

/// One line of `lip config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The path of the setting.
    pub key: String,
    /// The value; `***` for secrets, `None` when it is not set.
    pub value: Option<String>,
    /// Where it came from.
    pub source: Source,
}

impl std::ops::Deref for Resolved {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

impl Resolved {
    /// The configured backends in the order of the file, disabled ones included.
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// What is set for single libraries, in the order of the file.
    pub fn libraries(&self) -> &[Library] {
        &self.libraries
    }

    /// What is set for the library `file_name`, such as `liblip_acme.so`; the defaults where nothing is.
    pub fn library(&self, file_name: &str) -> LibraryValues {
        let found = self.libraries.iter().find(|library| library.is_of(file_name));
        found.map(|library| library.values.clone()).unwrap_or_default()
    }

    /// Fields that the file keeps directly under `backends`, for the connectors whose manifest names them.
    pub const fn for_connectors(&self) -> &Map<String, Json> {
        &self.for_connectors
    }

    /// What is odd but not wrong.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The client keys that have names, of which only hashes are known: those of the configuration, and those of the database but for
    /// names that the configuration has given away.
    pub fn clients(&self) -> impl Iterator<Item = &ClientKey> + Clone {
        let shared = self.shared.iter().flatten();
        let is_free = move |key: &&ClientKey| self.clients.iter().all(|own| own.name != key.name);
        self.clients.iter().chain(shared.filter(is_free))
    }

    /// Must clients show a key?
    pub fn needs_client_key(&self) -> bool {
        !self.clients.is_empty() || !self.auth_api_keys().is_empty() || self.keys_database()
    }

    /// Are the client keys of the database known, where there are such?
    pub const fn shared_are_known(&self) -> bool {
        self.shared.is_some()
    }

    /// The same, with these client keys of the database.
    #[must_use]
    pub fn sharing(&self, keys: Option<Vec<ClientKey>>) -> Self {
        Self { shared: keys, ..self.clone() }
    }

    /// The same, with the client keys of the database that `other` has.
    #[must_use]
    pub fn sharing_with(self, other: &Self) -> Self {
        Self { shared: other.shared.clone(), ..self }
    }

    /// The keys that clients may present and that stand in the configuration themselves.
    pub fn client_keys(&self) -> Vec<Secret<String>> {
        self.auth_api_keys().iter().filter_map(|key| key.secret().cloned()).collect()
    }

    /// Every secret of the configuration, for redaction.
    pub fn secrets(&self) -> Vec<Secret<String>> {
        let of_backends =
            self.backends.iter().flat_map(Backend::api_keys).filter_map(|key| key.secret().cloned());
        let of_cluster = self.cluster_secret().and_then(|secret| secret.secret().cloned());
        let of_accounts = self.accounts_key().iter().filter_map(|key| key.secret().cloned());
        self.client_keys().into_iter().chain(of_accounts).chain(of_backends).chain(of_cluster).collect()
    }

    /// Where the value of `key` came from; `None` for an unknown key.
    pub fn source(&self, key: &str) -> Option<&Source> {
        TABLE.iter().find(|row| row.setting.key == key).map(|row| (row.show)(&self.values).1)
    }

    /// Every setting with value and source, then the fields of each library and backend that are set.
    pub fn explain(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for row in TABLE {
            let (value, source) = (row.show)(&self.values);
            rows.push(Row { key: row.setting.key.to_owned(), value, source: source.clone() });
        }
        for library in &self.libraries {
            for row in LIBRARY_TABLE {
                let (value, source) = (row.show)(&library.values);
                if *source != Source::Default {
                    let key = format!("plugins.library.{}.{}", library.name, row.setting.key);
                    rows.push(Row { key, value, source: source.clone() });
                }
            }
        }
        for client in &self.clients {
            for row in CLIENT_TABLE {
                let (value, source) = (row.show)(&client.values);
                if *source != Source::Default {
                    let key = format!("auth.keys.{}.{}", client.name, row.setting.key);
                    rows.push(Row { key, value, source: source.clone() });
                }
            }
        }
        for backend in &self.backends {
            let key = |field: &str| format!("backends.{}.{field}", backend.name);
            let source = backend.source.clone();
            rows.push(Row { key: key("type"), value: Some(backend.connector().to_owned()), source });
            for row in BACKEND_TABLE.iter().filter(|row| row.setting.key != "type") {
                let (value, source) = (row.show)(&backend.values);
                if *source != Source::Default {
                    rows.push(Row { key: key(row.setting.key), value, source: source.clone() });
                }
            }
            // What connectors call their secrets is unknown here, so no value is shown.
            for name in backend.extra.json.keys() {
                rows.push(Row {
                    key: key(name),
                    value: Some("***".to_owned()),
                    source: backend.source.clone(),
                });
            }
        }
        rows
    }
}

/// The configuration file that was asked for, and by whom; needed before the rest can be resolved.
pub fn config_path(env: &Env, cli: &CliOverrides) -> Option<(std::path::PathBuf, Source)> {
    let mut values = Values::default();
    // Problems are reported by `resolve`, which reads the same row again.
    let mut ignored = Problems::default();
    apply_env(&mut values, env, &mut ignored);
    apply_cli(&mut values, env, cli, &mut ignored);
    let source = values.config.source.clone();
    values.config.value.map(|path| (path, source))
}

/// The file of `lip keys` as its reader has found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysFile {
    /// There is none.
    Missing,
    /// Its name, and what stands in it.
    Read(String, String),
    /// Why it cannot be read or trusted, with its name.
    Refused(String),
}

/// The client keys of the file of `lip keys`.
///
/// # Errors
/// All errors of the file at once.
pub fn read_keys(file: &File<'_>) -> Result<Vec<ClientKey>, Refused> {
    let (mut problems, mut found) = (Problems::default(), Vec::new());
    apply_keys(file, &Env::default(), &mut problems, &mut found);
    problems.verdict().map(|_| found)
}

/// Resolves every setting, without a file of `lip keys`.
///
/// # Errors
/// All errors at once, each with its place, what was expected, what was found and what to do.
pub fn resolve(file: Option<&File<'_>>, env: &Env, cli: &CliOverrides) -> Result<Resolved, Refused> {
    resolve_with(file, env, cli, |_| KeysFile::Missing)
}

/// Resolves every setting. `keys_file` reads the file of `lip keys` where the values say, or else at its usual place.
///
/// # Errors
/// As for [`resolve`].
pub fn resolve_with(
    file: Option<&File<'_>>,
    env: &Env,
    cli: &CliOverrides,
    keys_file: impl FnOnce(&Values) -> KeysFile,
) -> Result<Resolved, Refused> {
    let mut problems = Problems::default();
    let mut values = Values::default();
    let mut for_connectors = Map::new();
    let apply = |file| crate::file::apply(file, &mut values, env, &mut problems, &mut for_connectors);
    let Named { backends, libraries, mut clients } = file.map(apply).unwrap_or_default();
    apply_env(&mut values, env, &mut problems);
    apply_cli(&mut values, env, cli, &mut problems);
    let keys_source = values.keys_file.source.clone();
    match keys_file(&values) {
        KeysFile::Read(name, text) => {
            let file = File { name: &name, format: Format::of(&name), text: &text };
            apply_keys(&file, env, &mut problems, &mut clients);
        }
        KeysFile::Refused(why) => problems.push(Severity::Error, &keys_source, "auth.keys_file", why, None),
        KeysFile::Missing => {}
    }
    check_access(&values, clients.is_empty(), &mut problems);
    accounts::check(&values, &mut problems);
    check_tls(&values, &mut problems);
    cluster::check(&values, &mut problems);
    check_signatures(&values, &mut problems);
    check_env_names(env, &mut problems);
    let warnings = problems.verdict()?;
    Ok(Resolved { values, backends, libraries, clients, shared: None, for_connectors, warnings })
}

fn apply_env(values: &mut Values, env: &Env, problems: &mut Problems) {
    for row in TABLE {
        let names = row.setting.env_names();
        let mut set: Vec<(&str, &str)> =
            names.iter().filter_map(|name| Some((name.as_str(), env.get(name)?))).collect();
        if !row.setting.env_joined {
            set.truncate(1);
        }
        let Some((spelled, _)) = set.first() else { continue };
        let name = set.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let text = set.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(",");
        let source = Source::Env(name);
        let key = row.setting.key.to_owned();
        warn_if_later(&row.setting, &key, &source, problems);
        let mut reader = Reader { key, spelled, setting: &row.setting, source, env, problems };
        (row.apply)(values, &Raw::Env(&text), &mut reader);
    }
}

fn apply_cli(values: &mut Values, env: &Env, cli: &CliOverrides, problems: &mut Problems) {
    for given in &cli.given {
        let setting = &given.row.setting;
        let source = Source::Flag(format!("--{}", given.flag.long));
        let key = setting.key.to_owned();
        warn_if_later(setting, &key, &source, problems);
        let mut reader = Reader { key, spelled: given.flag.long, setting, source, env, problems };
        (given.row.apply)(values, &Raw::Cli(&given.values), &mut reader);
    }
}

/// Characters of a client key that nobody guesses, whoever made it up.
pub(crate) const KEY_BYTES_GOOD: usize = 16;

/// Single-user listens on loopback only; multi-user needs a client key.
fn check_access(values: &Values, has_no_clients: bool, problems: &mut Problems) {
    let keys = &values.auth_api_keys;
    let has_no_key = keys.value.is_empty() && has_no_clients;
    for name in keys.value.iter().filter(|key| key.secret().is_none()).filter_map(ApiKey::env_name) {
        let hint = format!("set {name}, or remove the entry");
        let message = format!("the variable {name} is not set");
        problems.push(Severity::Error, &keys.source, "auth.api_keys", message, Some(hint));
    }
    match values.access_mode() {
        AccessMode::SingleUser if !is_loopback(values.host()) => {
            let message = format!(
                "{} is not a loopback address, and single-user mode listens on loopback only",
                values.host()
            );
            let hint = if has_no_key {
                "use host 127.0.0.1; or --multi-user-mode with at least one client key (auth.api_keys or API_KEYS)"
            } else {
                "use host 127.0.0.1; or --multi-user-mode"
            };
            problems.push(Severity::Error, &values.host.source, "host", message, Some(hint.to_owned()));
        }
        AccessMode::SingleUser if values.operations_bind().is_some_and(|address| !is_local(address)) => {
            let message = "it is not a loopback address, and single-user mode listens on loopback only";
            let hint = "use 127.0.0.1; or --multi-user-mode".to_owned();
            problems.push(
                Severity::Error,
                &values.operations_bind.source,
                "operations.bind",
                message,
                Some(hint),
            );
        }
        AccessMode::MultiUser if has_no_key && !values.keys_database() => {
            let hint = "lip keys new NAME makes one; or set auth.api_keys, API_KEYS or LLM_INTERACTIVE_PROXY_API_KEY";
            let message = "multi-user mode needs at least one client key";
            problems.push(
                Severity::Error,
                &values.access_mode.source,
                "access_mode",
                message,
                Some(hint.to_owned()),
            );
        }
        AccessMode::MultiUser => {
            let is_short = |key: &ApiKey| key.secret().is_some_and(|key| key.expose().len() < KEY_BYTES_GOOD);
            if keys.value.iter().any(is_short) {
                let message =
                    format!("a client key of fewer than {KEY_BYTES_GOOD} characters may be guessed");
                let hint = Some("lip keys new NAME makes one that cannot".to_owned());
                problems.push(Severity::Warning, &keys.source, "auth.api_keys", message, hint);
            }
        }
        AccessMode::SingleUser => {}
    }
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

fn is_local(address: &str) -> bool {
    address.parse().is_ok_and(|address: core::net::SocketAddr| is_loopback(&address.ip().to_string()))
}

fn check_tls(values: &Values, problems: &mut Problems) {
    let (given, source, missing) = match (values.tls_cert(), values.tls_key()) {
        (Some(_), None) => ("tls.cert", &values.tls_cert.source, "tls.key"),
        (None, Some(_)) => ("tls.key", &values.tls_key.source, "tls.cert"),
        (Some(_), Some(_)) | (None, None) => return,
    };
    problems.push(Severity::Error, source, given, format!("needs {missing}"), Some(format!("set {missing}")));
}

fn check_signatures(values: &Values, problems: &mut Problems) {
    if values.plugins_require_signature() && values.plugins_trusted_keys().is_empty() {
        let hint = "set plugins.trusted_keys to the public keys of those whose libraries you use".to_owned();
        let source = &values.plugins_require_signature.source;
        let message = "needs at least one trusted key";
        problems.push(Severity::Error, source, "plugins.require_signature", message, Some(hint));
    }
}

/// A misspelled variable is silently without effect, so close misses are told.
fn check_env_names(env: &Env, problems: &mut Problems) {
    let known: Vec<String> = TABLE.iter().flat_map(|row| row.setting.env_names()).collect();
    let lower: Vec<String> = known.iter().map(|name| name.to_lowercase()).collect();
    for name in env.names().filter(|name| name.starts_with("LIP_") && !known.iter().any(|k| k == name)) {
        if let Some(meant) = suggestion(&name.to_lowercase(), lower.iter().map(String::as_str)) {
            let hint = Some(format!("did you mean {}?", meant.to_uppercase()));
            problems.push(Severity::Warning, &Source::Env(name.to_owned()), "", "sets nothing", hint);
        }
    }
}
