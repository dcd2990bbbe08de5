//! Commands of the Python proxy for features that we do not have: known, so that they never reach a model.
use super::Outcome;

const NAMES: [&str; 8] = [
    "loop-detection",
    "memory-off",
    "memory-on",
    "memory-requeue",
    "memory-status",
    "openai-url",
    "provider",
    "default-backend",
];

pub(super) fn canonical(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    NAMES.into_iter().find(|known| *known == name)
}

pub(super) fn run(name: &str) -> Outcome {
    Outcome::fail(format!("{name} is not available in this version"))
}
