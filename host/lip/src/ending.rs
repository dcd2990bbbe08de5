//! How the host is ordered to end, and how it does: open turns may end first, within bounds.
use frontends::Drain;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// Waits for the order to end, gives open turns `patience` to do so, or until the order comes again, and then cuts them off by `cut`. Never
/// ends: the listeners do.
pub(crate) async fn end(
    mut orders: Orders,
    drain: &Drain,
    patience: Duration,
    cut: impl FnOnce(),
) -> Infallible {
    orders.next().await;
    tracing::info!("shutting down: open turns may end, new ones are refused");
    drain.begin();
    tokio::select! {
        () = orders.next() => tracing::warn!("open turns are cut off: the host was told again to end"),
        () = tokio::time::sleep(patience) => {
            tracing::warn!("open turns are cut off {} s after the shutdown began (timeouts.drain)", patience.as_secs());
        }
    }
    cut();
    drain.cut();
    std::future::pending().await
}

/// All that orders the host to end.
pub(crate) struct Orders {
    signals: Signals,
    /// Has its terminal gone?
    gone: watch::Receiver<bool>,
}

impl Orders {
    /// Those of `signals`, and that its terminal has `gone`.
    pub(crate) const fn new(signals: Signals, gone: watch::Receiver<bool>) -> Self {
        Self { signals, gone }
    }

    async fn next(&mut self) {
        let gone = async {
            // Told once.
            while self.gone.changed().await.is_ok() {
                if *self.gone.borrow_and_update() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.signals.next() => {}
            () = gone => {}
        }
    }
}

/// The signals that ask the process to end.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Hears them from now on.
    ///
    /// # Errors
    /// Signals cannot be heard.
    pub(crate) fn new() -> Result<Self, String> {
        use tokio::signal::unix::{SignalKind, signal};
        let hear = |kind| signal(kind).map_err(|e| e.to_string());
        // It ends a process that has never said that it hears it, and whoever answers it begins to hear a moment later than all this.
        drop(hear(SignalKind::hangup())?);
        // As does a file that may not grow (setrlimit(2), RLIMIT_FSIZE): whoever writes it is told by an error, and goes on.
        drop(hear(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }

    /// Resolves at the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The signals that ask the process to end.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Hears them from now on.
    ///
    /// # Errors
    /// None here.
    pub(crate) fn new() -> Result<Self, String> {
        Ok(Self)
    }

    /// Resolves at the next one.
    pub(crate) async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
