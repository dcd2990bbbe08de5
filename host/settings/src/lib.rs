//! Pure: one table of every setting (key, flag, env, type, unit, default, doc, since) → parser, CLI, env, schema,
//! docs. Knows no file system, no process environment and no clock: texts and variables are arguments.
//!
//! ```
//! use settings::{CliOverrides, Env, File, Format, resolve};
//!
//! let file = File { name: "lip.toml", format: Format::Toml, text: "port = 9000\n[backends.openai]\n" };
//! let env = Env::from_iter([("LIP_LOG_LEVEL", "debug")]);
//! let resolved = resolve(Some(&file), &env, &CliOverrides::default())?;
//! assert_eq!(resolved.port(), 9000);
//! assert_eq!(resolved.backends()[0].connector(), "openai");
//! assert_eq!(resolved.source("port").map(ToString::to_string).as_deref(), Some("lip.toml:1:1"));
//! # Ok::<(), settings::Refused>(())
//! ```
mod accounts;
mod backends;
mod choices;
mod cli;
mod clients;
mod cluster;
mod env;
mod file;
pub mod generate;
mod hosts;
mod instances;
mod libraries;
mod numbers;
mod problem;
mod python;
mod read;
mod reload;
mod resolve;
mod routes;
mod row;
mod schema;
mod secrets;
mod suggest;
mod table;
mod texts;
mod toml_tree;
mod tree;
mod yaml_tree;

pub use backends::{Backend, BackendValues};
pub use choices::{
    AccessMode, AgentPermissions, Durable, Isolation, LogFormat, LogLevel, PluginLock, Unpriced, WithoutState,
};
pub use cli::{CliOverrides, clap_args, overrides};
pub use clients::{ClientKey, ClientValues, is_client_name};
pub use env::{Env, api_keys_from_env};
pub use file::{File, Format};
pub use libraries::{Library, LibraryValues, plain_name};
pub use problem::{Problem, Refused, Severity, Source};
pub use resolve::{KeysFile, Resolved, Row, config_path, read_keys, resolve, resolve_with};
pub use routes::{FailoverRoute, ModelAlias};
pub use row::{Applies, Flag, Setting, Shape, Status, Takes};
pub use schema::read as read_with_schema;
pub use secrets::ApiKey;
pub use table::Values;
pub use tree::Pos;

/// Every setting of the host, in the order of the docs.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    table::TABLE.iter().map(|row| &row.setting)
}

/// Every known field of a backend, with keys below `backends.<name>`.
pub fn all_of_backend() -> impl Iterator<Item = &'static Setting> {
    backends::BACKEND_TABLE.iter().map(|row| &row.setting)
}

/// Every field of a client key's table, with keys below `auth.keys.<name>`.
pub fn all_of_client() -> impl Iterator<Item = &'static Setting> {
    clients::CLIENT_TABLE.iter().map(|row| &row.setting)
}

/// Every field of a library's table, with keys below `plugins.library.<name>`.
pub fn all_of_library() -> impl Iterator<Item = &'static Setting> {
    libraries::LIBRARY_TABLE.iter().map(|row| &row.setting)
}
