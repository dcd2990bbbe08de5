//! Agents of this machine that speak the Agent Client Protocol, as backends. What is said here is how each of them is started and what
//! is odd about it; starting, sharing and ending them is the host's business.
use lip_plugin::export_connector;

mod config;
mod cursor;
mod custom;
mod gemini;

export_connector!(gemini::Gemini, cursor::Cursor, custom::Custom);

#[cfg(test)]
mod tests;
