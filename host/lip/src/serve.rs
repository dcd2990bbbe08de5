//! `lip serve`: everything is read, found and bound before the first client is let in.
use crate::ending::{Orders, Signals, end};
use crate::reload::Reloader;
use crate::setup::{self, Setup};
use crate::shared_keys::SharedKeys;
use crate::telemetry::Telemetry;
use crate::{access, capture, out, state, summary, usage};
use ::telemetry::Recorder;
use clap::ArgMatches;
use engine::{Backends, Dialect};
use events::wire::Wires;
use events::witness::Witness;
use frontends::{App, Door, Drain, Limits, Metrics, Recent, Tls, serve, serve_operations};
use settings::Resolved;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Serves until SIGTERM or SIGINT, then lets open turns end; a second one ends them.
///
/// # Errors
/// A configuration or an address that cannot be used.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let found = setup::setup(matches)?;
    let port = found.settings.port();
    with(found, port, summary::text)
}

/// What is said once it listens.
type Words = fn(&Setup, &Backends, &Bound) -> String;

/// Where it listens.
pub(crate) struct Bound {
    /// For clients.
    pub(crate) clients: SocketAddr,
    /// For those of the Anthropic frontend alone.
    pub(crate) anthropic: Option<SocketAddr>,
    /// For those who watch the host.
    pub(crate) operations: Option<SocketAddr>,
}

fn limits(settings: &Resolved) -> Limits {
    Limits {
        body_bytes: usize::try_from(settings.request_body_bytes()).unwrap_or(usize::MAX),
        head_bytes: usize::try_from(settings.request_header_bytes()).unwrap_or(usize::MAX),
        body_time: settings.request_body_timeout(),
        head_time: settings.request_head_timeout(),
    }
}

/// Serves with what was found, on `port`.
///
/// # Errors
/// As for [`run`].
pub(crate) fn with(found: Setup, port: u16, words: Words) -> Result<(), String> {
    let found = Arc::new(found);
    let settings = Arc::clone(&found.settings);
    let runtime = runtime()?;
    let prices = usage::prices(&settings)?;
    let state = state::open(&settings, runtime.handle())?;
    let (keys, tls) = (access::client_keys(&settings, &prices, state.as_ref()), access::tls(&settings)?);
    let (recorder, recent) = (Arc::new(Recorder::default()), Arc::new(Recent::default()));
    let ledger = usage::start(&settings, &found.env, &prices, runtime.handle())?;
    let own: [Arc<dyn Witness>; 3] =
        [Arc::new(keys.clone()), Arc::clone(&recorder) as _, Arc::clone(&recent) as _];
    let witnesses = usage::witnesses(ledger.as_ref()).into_iter().chain(own).collect();
    let engine = Arc::new(found.engine_for(witnesses, Some(prices), state)?);
    let tapes = capture::start(&settings, engine.id())?;
    let reloader = Reloader::new(Arc::clone(&found), Arc::clone(&engine), keys.clone(), tapes.clone());
    let drain = Drain::default();
    let told = Telemetry::new(recorder, Arc::clone(&engine), reloader.clone(), drain.clone(), ledger.clone());
    let told = Arc::new(told.with(tapes.clone()));
    let app = |home| {
        Arc::new(App {
            names: access::names(&settings),
            limits: limits(&settings),
            home,
            libraries: Some(Arc::new(reloader.clone())),
            metrics: Some(Arc::clone(&told) as Arc<dyn Metrics>),
            recent: Arc::clone(&recent),
            drain: drain.clone(),
            ledger: ledger.clone(),
            wires: tapes.clone().map(|tapes| tapes as Arc<dyn Wires>),
            ..App::new(Arc::clone(&engine), keys.clone())
        })
    };
    let mut shared = SharedKeys::of(&settings, &found.env)?;
    let served = runtime.block_on(async {
        let listeners = Listeners::open(&settings, port).await?;
        shared.look(&reloader).await;
        let mut spent = pin!(usage::read_spent(ledger.as_ref(), &keys));
        tokio::select! {
            never = &mut spent => match never {},
            () = keys.spent_is_read(READ_TIME) => {}
        }
        let (hung_up, gone) = watch::channel(false);
        let orders = Orders::new(Signals::new()?, gone);
        let bound = listeners.bound()?;
        out::line(words(&found, &engine.backends(), &bound));
        let Listeners { clients, anthropic, operations } = listeners;
        // The reloader keeps what is in use; this would keep what was.
        drop(found);
        let second = serve_too(anthropic, tls.clone(), app(Dialect::AnthropicMessages));
        let first = serve(clients, tls.clone(), Door::new(app(Dialect::OpenAiChat)));
        let watchers = watched(operations, app(Dialect::OpenAiChat));
        let every = settings.health_probe_every();
        tokio::select! {
            _ = async { tokio::join!(first, second) } => {}
            () = watchers => {}
            never = told.run() => match never {},
            never = &mut spent => match never {},
            never = end(orders, &drain, settings.drain_timeout(), || capture::cut(tapes.as_ref(), &engine)) => match never {},
            () = engine.check_up(every), if !every.is_zero() => {}
            never = reloader.hear(hung_up) => match never {},
            () = reloader.watch(), if settings.plugins_watch() => {}
            never = renew_certificate(tls.as_ref(), &settings) => match never {},
            never = shared.follow(&reloader) => match never {},
        }
        engine.shutdown().await;
        told.finish().await;
        usage::finish(ledger.as_ref(), &keys).await;
        capture::close(tapes.as_ref()).await;
        Ok(())
    });
    // A step of a plugin that never ends holds its thread, which must not hold the host.
    runtime.shutdown_timeout(END_TIME);
    served
}

/// Serves clients at a further place, where there is one.
async fn serve_too(listener: Option<TcpListener>, tls: Option<Tls>, app: Arc<App>) {
    if let Some(listener) = listener {
        serve(listener, tls, Door::new(app)).await;
    }
}

/// Serves those who watch the host; never ends where they have no place of their own.
async fn watched(listener: Option<TcpListener>, app: Arc<App>) {
    match listener {
        Some(listener) => serve_operations(listener, app).await,
        None => std::future::pending().await,
    }
}

/// Reads the certificate again at every SIGHUP.
async fn renew_certificate(tls: Option<&Tls>, settings: &Resolved) -> Infallible {
    #[cfg(unix)]
    if let Some(tls) = tls
        && let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
    {
        while hangup.recv().await.is_some() {
            access::renew(tls, settings);
        }
    }
    std::future::pending().await
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.map_err(|e| e.to_string())
}

/// How long the first client waits until what clients have used before is read. Those whose bounds count it may have to wait longer.
const READ_TIME: Duration = Duration::from_secs(3);

/// How long threads have to end what they are at when the host ends.
const END_TIME: Duration = Duration::from_secs(1);

/// What it listens on.
struct Listeners {
    clients: TcpListener,
    anthropic: Option<TcpListener>,
    operations: Option<TcpListener>,
}

impl Listeners {
    async fn open(settings: &Resolved, port: u16) -> Result<Self, String> {
        let clients = listen(settings, port).await?;
        let anthropic = match settings.anthropic_port() {
            Some(port) => Some(listen(settings, port).await?),
            None => None,
        };
        let operations = match settings.operations_bind() {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self { clients, anthropic, operations })
    }

    fn bound(&self) -> Result<Bound, String> {
        Ok(Bound {
            clients: place(&self.clients)?,
            anthropic: self.anthropic.as_ref().map(place).transpose()?,
            operations: self.operations.as_ref().map(place).transpose()?,
        })
    }
}

fn place(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|e| e.to_string())
}

async fn listen(settings: &Resolved, port: u16) -> Result<TcpListener, String> {
    let host = settings.host();
    TcpListener::bind((host, port)).await.map_err(|error| {
        format!("{host}:{port} cannot be listened on: {error}; choose another with --host and --port")
    })
}

async fn bind(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("operations.bind: {address} cannot be listened on: {error}; choose another address")
    })
}
