//! Finds, checks, loads and runs connector libraries. The only room of the host with `unsafe`. Knows no HTTP and no config.
//!
//! The way of a file: [`discover`] lists it, [`file`] reads it once, [`object`] and [`stamp`] judge its bytes, [`store`]
//! keeps a private copy, [`probe`] loads that copy in a child process, [`cages`] says where it runs, [`library`] maps it here,
//! [`cage`] in a worker, [`manifest`] reads what it offers; [`generations`] remembers all that was loaded. [`registry`] then says
//! which library owns which connector, and [`plugin`] makes instances.
mod c_module;
#[cfg(target_os = "linux")]
pub mod cage;
#[cfg(not(target_os = "linux"))]
#[path = "cage_elsewhere.rs"]
pub mod cage;
mod cages;
pub mod discover;
mod error_in_200;
mod file;
mod generations;
mod guest;
mod host_fns;
pub mod layout;
mod library;
mod look;
pub mod manifest;
mod module;
mod nap;
mod object;
mod outcome;
mod passages;
pub mod plugin;
pub mod probe;
pub mod refusal;
pub mod registry;
pub mod run;
mod stamp;
pub mod stats;
mod stir;
mod store;
pub mod survey;
mod sys;
pub mod trust;
mod watchdog;

pub use cages::{Cages, Isolation, Rules, RulesOf};
pub use discover::{Options, Writable, discover};
pub use error_in_200::{ErrorIn200, FoundError};
pub use generations::{Generations, RETIRED_MAX, RETIRED_WARNED};
pub use look::Look;
pub use manifest::{Auth, ConnectorManifest, Manifest, ModelHint};
pub use outcome::{Discovery, Kept, Note, Outcome};
pub use passages::Passage;
pub use plugin::{Factory, Instance, Plugin};
pub use probe::Prober;
pub use refusal::{Refusal, Refused, Warning};
pub use registry::{Conflict, Registry};
