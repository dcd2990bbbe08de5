//! `lip serve`: everything is read, found and bound before the first client is let in.
use crate::{out, setup, summary};
use clap::ArgMatches;
use frontends::{App, ClientKeys, Limits, router, serve};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration or an address that cannot be used.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let engine = Arc::new(found.engine()?);
    let limits = Limits {
        body_bytes: usize::try_from(found.settings.request_body_bytes()).unwrap_or(usize::MAX),
        body_time: Duration::from_secs(120),
    };
    let keys = ClientKeys::new(&found.settings.client_keys());
    let app = Arc::new(App { engine: Arc::clone(&engine), keys, limits });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let address = (found.settings.host(), found.settings.port());
        let listener = TcpListener::bind(address).await.map_err(|error| {
            format!(
                "{}:{} cannot be listened on: {error}; choose another with --host and --port",
                address.0, address.1
            )
        })?;
        let bound = listener.local_addr().map_err(|e| e.to_string())?;
        let shutdown = shutdown_signal()?;
        out::line(summary::text(&found, engine.backends(), bound));
        serve(listener, router(app), shutdown).await;
        Ok(())
    })
}

#[cfg(unix)]
fn shutdown_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down: open turns may end, new ones are refused");
    })
}

#[cfg(not(unix))]
fn shutdown_signal() -> Result<impl Future<Output = ()>, String> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
