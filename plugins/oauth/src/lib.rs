//! Backends of personal accounts: a person logs in, the host keeps the tokens, and a connector says how they are used and renewed.
use lip_plugin::export_connector;

mod antigravity;
mod gemini;
mod kiro;

export_connector!(antigravity::Antigravity, gemini::Auto, gemini::Free, gemini::Plan, kiro::Kiro);
