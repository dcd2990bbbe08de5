//! Backends of personal accounts: a person logs in, the host keeps the tokens, and a connector says how they are used and renewed.
use lip_plugin::export_connector;

mod antigravity;
mod cline;
mod credential;
mod gemini;
mod kiro;
mod options;
mod qwen;
mod zen;

export_connector!(
    antigravity::Antigravity,
    cline::Cline,
    gemini::Auto,
    gemini::Free,
    gemini::Plan,
    kiro::Kiro,
    qwen::Qwen,
    zen::Zen,
);
