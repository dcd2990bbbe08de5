//! Log lines to stderr. No line is written that holds a secret which is known: nobody means to log one, and this is for mistakes.
use access::Clients;
use arc_swap::ArcSwap;
use base::Secret;
use engine::Redactor;
use settings::{LogFormat, LogLevel, Resolved};
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, LazyLock};
use tracing_subscriber::EnvFilter;

/// What stands in a line where a secret stood.
const MARK: &str = "***";

static KNOWN: LazyLock<ArcSwap<Redactor>> = LazyLock::new(ArcSwap::default);

/// From now on these stand in no line, and no key that was made for these clients.
pub(crate) fn hide<'a>(secrets: impl IntoIterator<Item = &'a Secret<String>>, clients: Clients) {
    KNOWN.store(Arc::new(Redactor::new(secrets, MARK, clients)));
}

/// Tokens of accounts, which come and go while the host runs.
static TOKENS: LazyLock<ArcSwap<Redactor>> = LazyLock::new(ArcSwap::default);

/// From now on these stand in no line either, and those that were given before may.
pub(crate) fn hide_tokens(tokens: &[Secret<String>]) {
    TOKENS.store(Arc::new(Redactor::new(tokens, MARK, Clients::default())));
}

/// What stands in no line: configured secrets, and tokens.
pub(crate) fn hidden() -> [Arc<Redactor>; 2] {
    [KNOWN.load_full(), TOKENS.load_full()]
}

/// The standard error stream, without the secrets. A line comes in one piece.
struct Clean;

impl Write for Clean {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(&cleaned(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn cleaned(line: &[u8]) -> Cow<'_, [u8]> {
    let clean = KNOWN.load().clean(line).map_or(Cow::Borrowed(line), |(clean, _)| Cow::Owned(clean));
    match TOKENS.load().clean(&clean) {
        Some((clean, _)) => Cow::Owned(clean),
        None => clean,
    }
}

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
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(|| Clean);
    // Files and pipes get plain text.
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    // A line that cannot be written is lost: to say so on the same stream, once its terminal has gone, would end the host.
    let builder = builder.log_internal_errors(false);
    let _ = match settings.log_format() {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_stand_in_no_line() {
        let line = b"INFO asked with sk-0123456789, not with sk-other";
        assert_eq!(&*cleaned(line), line);
        hide(&[Secret::new("sk-0123456789".to_owned())], Clients::default());
        assert_eq!(&*cleaned(line), b"INFO asked with ***, not with sk-other");
        hide_tokens(&[Secret::new("sk-other".to_owned())]);
        assert_eq!(&*cleaned(line), b"INFO asked with ***, not with ***");
    }
}
