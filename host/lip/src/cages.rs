//! From the settings to the cage of each library.
use loader::cage::Limits;
use loader::{Cages, Isolation, Rules};
use settings::{AccessMode, Resolved};
use std::path::PathBuf;
use std::sync::Arc;

/// The cages that `settings` ask for; `bundled`: the folder of the libraries that came with the program.
///
/// # Errors
/// The system does not say where this program is.
pub(crate) fn of(settings: &Resolved, bundled: Option<PathBuf>) -> Result<Cages, String> {
    let program =
        loader::probe::this_program().map_err(|e| format!("this program's own file cannot be found: {e}"))?;
    let many = settings.access_mode() == AccessMode::MultiUser;
    let (isolation, trusted_dir) = match named(settings.plugins_isolation()) {
        Some(isolation) => (isolation, None),
        None if many => (Isolation::Child, bundled),
        None => (Isolation::Inproc, None),
    };
    let libraries = settings.libraries().to_vec();
    let rules = move |file_name: &str| {
        let Some(library) = libraries.iter().find(|library| library.is_of(file_name)) else {
            return Rules::default();
        };
        let values = library.values();
        let limits = Limits {
            memory: values.memory(),
            cpu: values.cpu(),
            step: values.step(),
            open_turns: usize::try_from(values.open_turns()).unwrap_or(usize::MAX),
        };
        Rules { isolation: values.isolation().and_then(named), limits }
    };
    Ok(Cages { program, isolation, trusted_dir, rules: Arc::new(rules) })
}

fn named(isolation: settings::Isolation) -> Option<Isolation> {
    match isolation {
        settings::Isolation::Auto => None,
        settings::Isolation::Inproc => Some(Isolation::Inproc),
        settings::Isolation::Child => Some(Isolation::Child),
    }
}
