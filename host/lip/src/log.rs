//! Log lines to stderr.
use settings::{LogFormat, LogLevel, Resolved};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging as configured. Later calls do nothing.
pub(crate) fn start(settings: &Resolved) {
    let level = match settings.log_level() {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // The crates below us speak of headers and bodies at debug and trace: they stay quieter than our own rooms.
    let quiet = if level == "trace" {
        "debug"
    } else if level == "debug" {
        "info"
    } else {
        level
    };
    let filter = format!("{level},hyper={quiet},hyper_util={quiet},rustls={quiet},h2={quiet}");
    let builder =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr);
    // Files and pipes get plain text.
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    // A line that cannot be written is lost: to say so on the same stream, once its terminal has gone, would end the host.
    let builder = builder.log_internal_errors(false);
    let _ = match settings.log_format() {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
