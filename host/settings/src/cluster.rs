//! Do the settings fit together by which hosts hand turns on to each other?
use crate::{
    choices::AccessMode,
    problem::{Problems, Severity, Source},
    resolve::KEY_BYTES_GOOD,
    secrets::ApiKey,
    table::Values,
};

const ADDRESS: &str = "cluster.address";
const SECRET: &str = "cluster.secret";

/// An address and a secret need each other, and a state in which hosts find each other.
pub(crate) fn check(values: &Values, problems: &mut Problems) {
    let (address, secret) = (values.cluster_address(), values.cluster_secret());
    let (key, source, needs) = match (address, secret) {
        (None, None) => return,
        (Some(_), None) => (ADDRESS, &values.cluster_address.source, Some(SECRET)),
        (None, Some(_)) => (SECRET, &values.cluster_secret.source, Some(ADDRESS)),
        (Some(_), Some(_)) => {
            (ADDRESS, &values.cluster_address.source, values.state().is_none().then_some("state"))
        }
    };
    if let Some(needs) = needs {
        let hint = Some(format!("set {needs}"));
        problems.push(Severity::Error, source, key, format!("needs {needs}"), hint);
    } else if values.access_mode() == AccessMode::MultiUser {
        let message = "has no effect in multi-user mode, where agents are refused".to_owned();
        problems.push(Severity::Warning, source, key, message, Some("leave it out".to_owned()));
    }
    if let Some(secret) = secret {
        check_secret(secret, &values.cluster_secret.source, problems);
    }
}

fn check_secret(secret: &ApiKey, source: &Source, problems: &mut Problems) {
    let (message, hint) = match secret.secret() {
        None => {
            let name = secret.env_name().unwrap_or_default();
            (format!("the variable {name} is not set"), format!("set {name}, or remove the entry"))
        }
        Some(secret) if is_good(secret.expose()) => return,
        Some(_) => (
            format!("needs at least {KEY_BYTES_GOOD} letters, digits and signs of ASCII, and no blanks"),
            "openssl rand -hex 32 makes one".to_owned(),
        ),
    };
    problems.push(Severity::Error, source, SECRET, message, Some(hint));
}

/// It travels in a header, and must not be guessed.
fn is_good(secret: &str) -> bool {
    secret.len() >= KEY_BYTES_GOOD && secret.bytes().all(|byte| byte.is_ascii_graphic())
}
