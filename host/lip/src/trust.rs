//! What the settings say about whom to trust, in the loader's words.
use crate::dirs;
use loader::trust::{Keys, Locking, Policy, TrustedBy};
use loader::{Options, Plugin, Prober, Writable};
use settings::{AccessMode, Env, PluginLock, Resolved};
use std::path::{Path, PathBuf};

/// How to look for libraries.
///
/// # Errors
/// As for [`policy`]; or this program's own file cannot be found.
pub(crate) fn options(settings: &Resolved, env: &Env) -> Result<Options, String> {
    let writable = match settings.access_mode() {
        AccessMode::SingleUser => Writable::Warn,
        AccessMode::MultiUser => Writable::Refuse,
    };
    let prober =
        Prober::this_program().map_err(|e| format!("this program's own file cannot be found: {e}"))?;
    let cages = crate::cages::of(settings, dirs::bundled_plugins())?;
    Ok(Options { state_dir: dirs::state(env), writable, prober, trust: policy(settings, env)?, cages })
}

/// The policy of this configuration.
///
/// # Errors
/// A key that is none.
pub(crate) fn policy(settings: &Resolved, env: &Env) -> Result<Policy, String> {
    Ok(Policy {
        locking: locking(settings.plugins_lock(), settings.access_mode()),
        lock_file: lock_file(settings, env),
        bundled_dir: dirs::bundled_plugins(),
        signature_required: settings.plugins_require_signature(),
        keys: Keys::read(settings.plugins_trusted_keys())?,
    })
}

/// Where the lock file is.
pub(crate) fn lock_file(settings: &Resolved, env: &Env) -> PathBuf {
    settings.plugins_lock_file().map_or_else(|| dirs::plugins_lock(env), Path::to_owned)
}

const fn locking(lock: PluginLock, mode: AccessMode) -> Locking {
    match (lock, mode) {
        (PluginLock::Off, _) => Locking::Off,
        (PluginLock::Require, _) => Locking::RequireAll,
        (PluginLock::Auto, AccessMode::SingleUser) => Locking::AddNew,
        (PluginLock::Auto, AccessMode::MultiUser) => Locking::Require,
    }
}

/// The hosts that the settings allow to a library beside those of its manifest.
pub(crate) fn further_hosts(settings: &Resolved, plugin: &Plugin) -> Vec<String> {
    let file = plugin.path().file_name().unwrap_or_default().to_string_lossy();
    settings.library(&file).egress().to_vec()
}

/// Why a library was let in, in words.
pub(crate) const fn words(by: TrustedBy) -> &'static str {
    match by {
        TrustedBy::Nobody => "not locked: locking is off",
        TrustedBy::Place => "came with the program",
        TrustedBy::Lock => "locked",
        TrustedBy::FirstUse => "new",
    }
}

/// The same for machines.
pub(crate) const fn code(by: TrustedBy) -> &'static str {
    match by {
        TrustedBy::Nobody => "unlocked",
        TrustedBy::Place => "bundled",
        TrustedBy::Lock => "locked",
        TrustedBy::FirstUse => "new",
    }
}

/// The folders that are looked into.
pub(crate) fn folders(settings: &Resolved, env: &Env) -> Vec<PathBuf> {
    match settings.plugins_dir() {
        [] => dirs::bundled_plugins().into_iter().chain(dirs::user_plugins(env)).collect(),
        chosen => chosen.to_vec(),
    }
}
