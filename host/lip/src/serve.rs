//! `lip serve`: everything is read, found and bound before the first client is let in.
use crate::reload::Reloader;
use crate::setup::{self, Setup};
use crate::{out, summary};
use clap::ArgMatches;
use engine::{Backends, Dialect};
use frontends::{App, ClientKeys, Door, Limits, Sockets, serve};
use settings::Resolved;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration or an address that cannot be used.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let port = found.settings.port();
    with(found, port, summary::text)
}

/// What is said once it listens.
type Words = fn(&Setup, &Backends, SocketAddr, Option<SocketAddr>) -> String;

/// Serves with what was found, on `port`.
///
/// # Errors
/// As for [`run`].
pub(crate) fn with(found: Setup, port: u16, words: Words) -> Result<(), String> {
    let found = Arc::new(found);
    let settings = Arc::clone(&found.settings);
    let engine = Arc::new(found.engine()?);
    let reloader = Reloader::new(Arc::clone(&found), Arc::clone(&engine));
    let limits = Limits {
        body_bytes: usize::try_from(settings.request_body_bytes()).unwrap_or(usize::MAX),
        head_bytes: usize::try_from(settings.request_header_bytes()).unwrap_or(usize::MAX),
        ..Limits::default()
    };
    let keys = ClientKeys::new(&settings.client_keys());
    let app = |home| {
        Arc::new(App {
            engine: Arc::clone(&engine),
            keys: keys.clone(),
            limits,
            home,
            sockets: Sockets::default(),
            libraries: Some(Arc::new(reloader.clone())),
        })
    };
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    let served = runtime.block_on(async {
        let listener = listen(&settings, port).await?;
        let bound = listener.local_addr().map_err(|e| e.to_string())?;
        let anthropic = match settings.anthropic_port() {
            Some(port) => Some(listen(&settings, port).await?),
            None => None,
        };
        let (hung_up, gone) = watch::channel(false);
        let (told, second_shutdown) = (shutdown(gone.clone())?, shutdown(gone)?);
        let shutdown = async {
            told.await;
            tracing::info!("shutting down: open turns may end, new ones are refused");
        };
        let second_bound =
            anthropic.as_ref().map(TcpListener::local_addr).transpose().map_err(|e| e.to_string())?;
        out::line(words(&found, &engine.backends(), bound, second_bound));
        // The reloader keeps what is in use; this would keep what was.
        drop(found);
        let second = async {
            if let Some(listener) = anthropic {
                let door = Door::new(app(Dialect::AnthropicMessages));
                serve(listener, door, limits.head_bytes, second_shutdown).await;
            }
        };
        let first = serve(listener, Door::new(app(Dialect::OpenAiChat)), limits.head_bytes, shutdown);
        let every = settings.health_probe_every();
        tokio::select! {
            _ = async { tokio::join!(first, second) } => {}
            () = engine.check_up(every), if !every.is_zero() => {}
            never = reloader.hear_hangups(hung_up) => match never {},
            () = reloader.watch(), if settings.plugins_watch() => {}
        }
        engine.shutdown().await;
        Ok(())
    });
    // A step of a plugin that never ends holds its thread, which must not hold the host.
    runtime.shutdown_timeout(END_TIME);
    served
}

/// How long threads have to end what they are at when the host ends.
const END_TIME: Duration = Duration::from_secs(1);

async fn listen(settings: &Resolved, port: u16) -> Result<TcpListener, String> {
    let host = settings.host();
    TcpListener::bind((host, port)).await.map_err(|error| {
        format!("{host}:{port} cannot be listened on: {error}; choose another with --host and --port")
    })
}

/// Resolves when the process is asked to end, or its terminal has gone.
///
/// # Errors
/// Signals cannot be heard.
fn shutdown(mut gone: watch::Receiver<bool>) -> Result<impl Future<Output = ()>, String> {
    let told = shutdown_signal()?;
    Ok(async move {
        tokio::select! {
            () = told => {}
            Ok(_) = gone.wait_for(|gone| *gone) => {}
        }
    })
}

/// Resolves when the process is asked to end.
///
/// # Errors
/// Signals cannot be heard.
#[cfg(unix)]
pub(crate) fn shutdown_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
pub(crate) fn shutdown_signal() -> Result<impl Future<Output = ()>, String> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
