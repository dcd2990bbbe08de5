//! Accounts that many hosts share need all that these need to share them.
use crate::problem::{Problems, Severity};
use crate::secrets::ApiKey;
use crate::table::Values;

/// Without the key nothing can be sealed, and what is shared is renewed by those who share their state.
pub(crate) fn check(values: &Values, problems: &mut Problems) {
    let keys = &values.accounts_key;
    for name in keys.value.iter().filter(|key| key.secret().is_none()).filter_map(ApiKey::env_name) {
        let message = format!("the variable {name} is not set");
        let hint = format!("set {name}, or remove the entry");
        problems.push(Severity::Error, &keys.source, "accounts.key", message, Some(hint));
    }
    let Some(database) = values.accounts_database() else { return };
    let source = &values.accounts_database.source;
    let mut error = |message: &str, hint: &str| {
        let (message, hint) = (message.to_owned(), Some(hint.to_owned()));
        problems.push(Severity::Error, source, "accounts.database", message, hint);
    };
    let is_server = ["postgres://", "postgresql://"].iter().any(|scheme| database.starts_with(scheme));
    if !is_server {
        error(
            "accounts that many hosts share are kept in PostgreSQL",
            "write postgres://user:password@host/database",
        );
    }
    if keys.value.is_empty() {
        error(
            "accounts in a database are sealed, and there is no key",
            "set LIP_ACCOUNTS_KEY to 32 random bytes in base64, the same for all hosts: openssl rand -base64 32",
        );
    }
    if values.state().is_none() {
        error(
            "hosts that share accounts share their state, too",
            "set state to the Redis or Valkey of these hosts; or remove accounts.database",
        );
    }
}
