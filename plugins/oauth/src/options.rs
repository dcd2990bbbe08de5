//! Keys of the config that several connectors have.
use lip_plugin::{Accounts, Create, Error, Result, Value};

const SECONDS_MAX: f64 = 864_000.0;

/// A URL without its last slash; `default` when the key is absent.
///
/// # Errors
/// `bad_config` when it is no URL.
pub(crate) fn url(with: &Create<'_>, key: &str, default: &str) -> Result<String> {
    let url = with.string(key)?.unwrap_or_else(|| default.to_owned());
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(Error::bad_config(key, "write a URL that begins with https://"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Whether there is an API key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Set,
    Missing,
}

impl Key {
    /// The host says which secrets there are.
    pub(crate) fn of(with: &Create<'_>) -> Self {
        let names = with.config.get("secrets").and_then(Value::as_array);
        let is_set = names.is_some_and(|names| names.iter().any(|name| name == "api_key"));
        if is_set { Self::Set } else { Self::Missing }
    }
}

/// Seconds as milliseconds; none when the key is absent.
///
/// # Errors
/// `bad_config` when it is no such number.
pub(crate) fn seconds_ms(with: &Create<'_>, key: &str) -> Result<Option<u64>> {
    with.seconds_ms(key, SECONDS_MAX)
}

/// `accounts`, `selection_strategy` and `refresh_buffer_seconds`.
///
/// # Errors
/// `bad_config` when one of them is wrong.
pub(crate) fn accounts(with: &Create<'_>) -> Result<Accounts> {
    let mut accounts = Accounts::default();
    accounts.only = with.account_names()?;
    accounts.strategy = with.string("selection_strategy")?;
    accounts.early_ms = seconds_ms(with, "refresh_buffer_seconds")?;
    Ok(accounts)
}

/// The file `name` in the directory `path`, unless `path` is a file itself.
pub(crate) fn file_in(path: &str, name: &str) -> String {
    match path.ends_with(".json") {
        true => path.to_owned(),
        false => format!("{}/{name}", path.trim_end_matches('/')),
    }
}
