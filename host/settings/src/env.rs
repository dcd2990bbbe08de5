//! Environment variables as data. Never asks the process for them.
use std::{collections::BTreeMap, fmt};

use base::Secret;

/// A snapshot of environment variables. `Debug` prints names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The value of `name`; an empty one counts as not set, because shells and containers set those by accident.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The keys of a pool: `NAME`, then `NAME_1`, `NAME_2` … by ascending number, each with the variable that holds it.
/// Blank values and values seen before are left out.
pub fn api_keys_from_env(env: &Env, base_name: &str) -> Vec<(String, Secret<String>)> {
    let numbered = |name: &str| -> Option<u32> {
        let digits = name.strip_prefix(base_name)?.strip_prefix('_')?;
        // `+1` would parse as a number, too.
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let mut names: Vec<(Option<u32>, &str)> =
        env.names()
            .filter_map(|name| {
                if name == base_name { Some((None, name)) } else { Some((Some(numbered(name)?), name)) }
            })
            .collect();
    names.sort_unstable();
    let mut keys: Vec<(String, Secret<String>)> = Vec::new();
    for (_, name) in names {
        let Some(value) = env.get(name).map(str::trim).filter(|value| !value.is_empty()) else {
            continue;
        };
        if keys.iter().all(|(_, seen)| seen.expose() != value) {
            keys.push((name.to_owned(), Secret::new(value.to_owned())));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_pool_is_ordered_and_deduplicated() {
        let env = Env::from_iter([
            ("X_API_KEY_10", "ten"),
            ("X_API_KEY_2", "two"),
            ("X_API_KEY", "bare"),
            ("X_API_KEY_3", "bare"),
            ("X_API_KEY_4", " "),
            ("X_API_KEY_+5", "plus"),
            ("X_API_KEY_", "nothing"),
            ("X_API_KEY_1_OLD", "old"),
            ("XX_API_KEY_1", "other"),
        ]);
        let found = api_keys_from_env(&env, "X_API_KEY");
        let found: Vec<_> = found.iter().map(|(name, key)| (name.as_str(), key.expose().as_str())).collect();
        assert_eq!(found, [("X_API_KEY", "bare"), ("X_API_KEY_2", "two"), ("X_API_KEY_10", "ten")]);
    }

    #[test]
    fn env_debug_hides_values() {
        let env = Env::from_iter([("OPENAI_API_KEY", "sk-canary")]);
        assert_eq!(format!("{env:?}"), r#"{"OPENAI_API_KEY"}"#);
    }
}
