//! Where LIP looks for connector libraries and keeps its state on this machine.
use settings::Env;
use std::path::{Path, PathBuf};

/// The `plugins` folder beside the program: the bundled connectors.
pub(crate) fn bundled_plugins() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.join("plugins"))
}

/// The user's own connectors.
pub(crate) fn user_plugins(env: &Env) -> Option<PathBuf> {
    base(env, "XDG_DATA_HOME", ".local/share").map(|dir| dir.join("lip/plugins"))
}

/// The user's own profiles.
pub(crate) fn user_profiles(env: &Env) -> Option<PathBuf> {
    base(env, "XDG_CONFIG_HOME", ".config").map(|dir| dir.join("lip/profiles"))
}

/// The contents of libraries that are trusted.
pub(crate) fn plugins_lock(env: &Env) -> PathBuf {
    let chosen = base(env, "XDG_CONFIG_HOME", ".config").map(|dir| dir.join("lip/plugins.lock"));
    chosen.unwrap_or_else(|| state(env).join("plugins.lock"))
}

/// The hashes of client keys that `lip keys` makes.
pub(crate) fn keys(env: &Env) -> PathBuf {
    let chosen = base(env, "XDG_CONFIG_HOME", ".config").map(|dir| dir.join("lip/keys.toml"));
    chosen.unwrap_or_else(|| state(env).join("keys.toml"))
}

/// Private state: copies of libraries, verdicts.
pub(crate) fn state(env: &Env) -> PathBuf {
    let chosen = base(env, "XDG_STATE_HOME", ".local/state").map(|dir| dir.join("lip"));
    chosen
        .or_else(|| Some(bundled_plugins()?.with_file_name("lip-state")))
        .unwrap_or_else(|| PathBuf::from("lip-state"))
}

/// Accounts of people: their tokens, for this user's eyes only.
pub(crate) fn accounts(env: &Env) -> PathBuf {
    let chosen = base(env, "XDG_DATA_HOME", ".local/share").map(|dir| dir.join("lip/accounts"));
    chosen.unwrap_or_else(|| state(env).join("accounts"))
}

/// What turns used and cost.
pub(crate) fn usage(env: &Env) -> PathBuf {
    let chosen = base(env, "XDG_DATA_HOME", ".local/share").map(|dir| dir.join("lip/usage.db"));
    chosen.unwrap_or_else(|| state(env).join("usage.db"))
}

/// The user's home.
pub(crate) fn home(env: &Env) -> Option<PathBuf> {
    let home = env.get("HOME").or_else(|| env.get("USERPROFILE")).map(PathBuf::from);
    home.filter(|path| path.is_absolute())
}

fn base(env: &Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = env.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(Path::new(env.get("HOME").or_else(|| env.get("USERPROFILE"))?).join(below_home));
    set.or_else(home)
}
