//! A login at a terminal: what to do is printed, the browser is opened, an address may be pasted.
use crate::out;
use engine::{Desk, Shown};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::time::Duration;
use tokio::time::Instant;

/// How often a person who waits is told for how long still.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// The terminal that `lip login` runs at.
pub(crate) struct Terminal {
    opens_browser: bool,
    until: Mutex<Option<Instant>>,
}

impl Terminal {
    pub(crate) fn new(opens_browser: bool) -> Self {
        Self { opens_browser, until: Mutex::default() }
    }

    /// Says every now and then that it waits; never ends.
    pub(crate) async fn tell_the_time(&self) -> Infallible {
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            let until = *self.until.lock();
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if !left.is_zero() => {
                    out::progress(format!("still waiting for you; {} min left", left.as_secs().div_ceil(60)));
                }
                Some(_) | None => out::progress("still waiting"),
            }
        }
    }
}

impl Desk for Terminal {
    fn show(&self, shown: Shown) {
        let Shown { url, code, expires_in_ms } = shown;
        *self.until.lock() = expires_in_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        out::progress(format!("Open this address in a browser:\n\n  {url}\n"));
        if let Some(code) = code {
            out::progress(format!("and confirm this code:\n\n  {code}\n"));
        }
        let is_opened = self.opens_browser && is_web(&url) && open::that_detached(&url).is_ok();
        out::progress(if is_opened {
            "A browser has been asked to open it. Waiting for you …"
        } else {
            "Waiting for you …"
        });
    }

    fn say(&self, sentence: &str) {
        out::progress(sentence);
    }

    fn pasted(&self) -> BoxFuture<'static, String> {
        if std::io::stdin().is_terminal() {
            out::progress(
                "(no browser on this machine? Paste the address that yours ends at, and press return)",
            );
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        // A thread of its own: it may wait for ever, and nobody waits for it.
        std::thread::spawn(move || {
            for line in std::io::stdin().lines().map_while(Result::ok) {
                let line = line.trim();
                if !line.is_empty() {
                    let _ = tell.send(line.to_owned());
                    return;
                }
            }
            // The end of the input is no answer: the browser may still come.
        });
        Box::pin(async move {
            match told.await {
                Ok(line) => line,
                Err(_) => std::future::pending().await,
            }
        })
    }
}

/// Only such an address goes to a browser: it comes from a library.
fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://127.0.0.1") || url.starts_with("http://localhost")
}

#[cfg(test)]
mod tests {
    use super::is_web;

    #[test]
    fn only_web_addresses_are_opened() {
        assert!(is_web("https://accounts.example.test/auth"));
        assert!(!is_web("file:///etc/passwd"));
        assert!(!is_web("--help"));
    }
}
