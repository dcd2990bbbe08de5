//! The one library of a folder, found, checked and loaded as the host does it.
use crate::Failure;
use loader::{Cages, Isolation, Options, Plugin, Prober, Writable, discover};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads the library in `folder` into the cage that `isolation` names. `state`: a folder for its private copy.
///
/// The calling program must hand its arguments to `loader::probe::intercept` and `loader::cage::intercept` first: probes
/// and workers are started with it.
///
/// # Errors
/// There is none, or it is refused.
pub fn load(folder: &PathBuf, state: &Path, isolation: Isolation) -> Result<Arc<Plugin>, Failure> {
    let program = loader::probe::this_program()?;
    let options = Options {
        state_dir: state.to_owned(),
        writable: Writable::Warn,
        prober: Prober::this_program()?,
        trust: loader::trust::Policy::default(),
        cages: Cages { program, isolation, ..Cages::inproc() },
    };
    let found = discover(std::slice::from_ref(folder), &options);
    let plugin = found.plugins().next().cloned();
    plugin.ok_or_else(|| format!("no library: {:?}", found.outcomes).into())
}
