//! What the configuration and the libraries of a host come down to: a number by which a replay knows whether they are those of then.
use crate::setup::Setup;
use ::capture::tape::CHANGING;
use loader::trust::sha256;

/// Settings that change no answer, and may be others for whoever carries turns out again: whole, and by how they begin.
const ELSEWHERE: [&str; 6] = ["config", "host", "port", "anthropic_port", "access_log", "plugins.isolation"];
const ELSEWHERE_BELOW: [&str; 7] =
    ["capture.", "usage.", "operations.", "tls.", "telemetry.", "plugins.dir", "logging."];
/// Hexadecimal digits of the number.
const DIGITS: usize = 16;

/// Never [`CHANGING`] nor less. No secret goes into it.
pub(super) fn of(setup: &Setup) -> u64 {
    let counts = |key: &str| {
        !ELSEWHERE.contains(&key) && !ELSEWHERE_BELOW.iter().any(|begins| key.starts_with(begins))
    };
    let mut text = String::new();
    for row in setup.settings.explain().into_iter().filter(|row| counts(&row.key)) {
        text.extend([row.key.as_str(), "\0", row.value.as_deref().unwrap_or_default(), "\0"]);
    }
    let mut libraries: Vec<&str> = setup.discovery.plugins().map(|plugin| plugin.sha256()).collect();
    libraries.sort_unstable();
    text.extend(libraries);
    let digest = sha256(text.as_bytes());
    digest
        .get(..DIGITS)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
        .max(CHANGING + 1)
}
