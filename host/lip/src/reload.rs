//! Looks for libraries again, and reads the configuration again, while the host serves: on request, by SIGHUP, or when a folder has
//! changed. What cannot be used changes nothing.
mod due;
mod renewal;
mod report;

use crate::setup::Setup;
use crate::{access, capture, rules};
use ::capture::tape::Tapes;
use base::{Fault, Kind};
use due::Watch;
use engine::Engine;
use frontends::{ClientKeys, Libraries, Reloading};
use loader::{Look, Plugin};
use parking_lot::Mutex;
use serde_json::Value;
use settings::{ClientKey, Resolved};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

/// News between hosts that begin so say that one has read its configuration again.
const READ: &str = "read ";

/// Time between two looks at the folders.
const EVERY: Duration = Duration::from_secs(2);

/// Brings what lies in the folders into use.
#[derive(Clone, Debug)]
pub(crate) struct Reloader(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    keys: ClientKeys,
    /// What is kept of turns, if it is: is told what they go under.
    tapes: Option<Arc<Tapes>>,
    /// The settings that it was started with.
    started: Arc<Resolved>,
    /// As of the last look.
    now: Mutex<Arc<Setup>>,
    /// Held for the time of a look.
    one: Mutex<()>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl Inner {
    /// Blocks: files are read, and tried in processes of their own.
    fn reload(&self) -> Result<Value, String> {
        let _one = self.one.lock();
        let old = Arc::clone(&self.now.lock());
        let new = Arc::new(old.again());
        let (specs, default) = renewal::backends(&new);
        capture::under(self.tapes.as_ref(), None);
        let swapped = self.engine.swap(specs, default.as_deref()).map_err(|fault| fault.public());
        capture::under(self.tapes.as_ref(), Some(if swapped.is_ok() { &new } else { &old }));
        let swapped = swapped?;
        *self.now.lock() = Arc::clone(&new);
        let report = report::changes(&old, &new, &swapped);
        report.log();
        Ok(report.as_json())
    }

    /// Reads the configuration again. Blocks as [`Inner::reload`] does.
    fn reload_config(&self) -> Result<Value, String> {
        let _one = self.one.lock();
        let old = Arc::clone(&self.now.lock());
        let renewal = renewal::prepare(&old, &self.started, &self.engine)?;
        capture::under(self.tapes.as_ref(), None);
        let carried_out = renewal.carry_out(&old, &self.engine);
        if let Ok((new, _)) = &carried_out {
            self.keys.replace(access::clients(&new.settings));
        }
        capture::under(self.tapes.as_ref(), Some(carried_out.as_ref().map_or(&old, |(new, _)| new)));
        let (new, report) = carried_out?;
        *self.now.lock() = new;
        report.log();
        Ok(report.as_json())
    }

    /// Takes up these client keys of the database, or that they are not known. Whatever else goes wrong, one that is gone lets nobody
    /// in any more.
    fn take_keys(&self, keys: Option<Vec<ClientKey>>) -> Result<(), String> {
        let _one = self.one.lock();
        let new = Arc::new(Arc::clone(&self.now.lock()).sharing(keys));
        self.keys.replace(access::clients(&new.settings));
        *self.now.lock() = Arc::clone(&new);
        let (specs, default) = renewal::backends(&new);
        let rules = rules::of(&new.settings)?;
        capture::under(self.tapes.as_ref(), None);
        let reloaded = self.engine.reload(specs, default.as_deref(), rules);
        capture::under(self.tapes.as_ref(), Some(&new));
        reloaded.map(drop).map_err(|fault| fault.public())
    }
}

impl Reloader {
    /// For the host that `found` describes and `engine` serves.
    pub(crate) fn new(
        found: Arc<Setup>,
        engine: Arc<Engine>,
        keys: ClientKeys,
        tapes: Option<Arc<Tapes>>,
    ) -> Self {
        capture::under(tapes.as_ref(), Some(&found));
        let started = Arc::clone(&found.settings);
        Self(Arc::new(Inner { engine, keys, tapes, started, now: Mutex::new(found), one: Mutex::default() }))
    }

    /// The settings that the host was started with.
    pub(crate) fn settings(&self) -> Arc<Resolved> {
        Arc::clone(&self.0.started)
    }

    /// Who may use the host.
    pub(crate) fn keys(&self) -> &ClientKeys {
        &self.0.keys
    }

    /// The libraries in use.
    pub(crate) fn plugins(&self) -> Vec<Arc<Plugin>> {
        self.0.now.lock().discovery.plugins().cloned().collect()
    }

    /// One look, after those that are under way. Goes on if nobody waits for its end.
    async fn look(&self) -> Result<Value, Fault> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || inner.reload()).await;
        let done = done.unwrap_or_else(|_| Err("looking for libraries failed".to_owned()));
        done.map_err(|why| Fault::host(Kind::Unavailable, why))
    }

    async fn look_and_log(&self) {
        if let Err(fault) = self.look().await {
            tracing::error!(%fault, "the libraries could not be looked for");
        }
    }

    /// The configuration once more, after looks that are under way. Goes on if nobody waits for its end.
    async fn read(&self) -> Result<Value, Fault> {
        let inner = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || inner.reload_config()).await;
        let done = done.unwrap_or_else(|_| Err("reading the configuration failed".to_owned()));
        if let Err(why) = &done {
            tracing::error!("the host goes on with the configuration that it has: {why}");
        }
        done.map_err(|why| {
            let mut fault = Fault::host(Kind::BadRequest, why).code("config_refused");
            fault.status = Some(422);
            fault.hint("The host goes on with the configuration that it has")
        })
    }

    /// Takes up these client keys of the database, or that they are not known any more, after looks that are under way.
    pub(crate) async fn take_keys(&self, keys: Option<Vec<ClientKey>>) {
        let (inner, n_keys) = (Arc::clone(&self.0), keys.as_ref().map(Vec::len));
        let done = tokio::task::spawn_blocking(move || inner.take_keys(keys)).await;
        match done.unwrap_or_else(|_| Err("it broke off".to_owned())) {
            Ok(()) => match n_keys {
                Some(n_keys) => tracing::info!(n_keys, "the client keys of the database are in use"),
                None => tracing::error!("client keys of the database were read too long ago to be used"),
            },
            Err(why) => tracing::error!(why, "client keys of the database may be seen in prompts"),
        }
    }

    /// Looks again whenever the folders have changed and nobody is writing any more. Never ends.
    pub(crate) async fn watch(&self) {
        let shelf = Arc::clone(&self.0.now.lock().shelf);
        let mut watch = Watch::default();
        loop {
            tokio::time::sleep(EVERY).await;
            let shelf = Arc::clone(&shelf);
            let Ok(look) = tokio::task::spawn_blocking(move || Look::at(&shelf.folders)).await else {
                continue;
            };
            let taken = self.0.now.lock().look.clone();
            if watch.is_due(look, &taken) {
                self.look_and_log().await;
            }
        }
    }

    /// Does what hangups and other hosts ask for. Never ends.
    pub(crate) async fn hear(&self, hung_up: watch::Sender<bool>) -> Infallible {
        tokio::select! {
            never = self.hear_hangups(hung_up) => never,
            never = self.hear_others() => never,
        }
    }

    /// Reads the configuration and looks again at every SIGHUP; one that comes because the terminal has gone is told to `hung_up`.
    #[cfg(unix)]
    async fn hear_hangups(&self, hung_up: watch::Sender<bool>) -> Infallible {
        use std::io::IsTerminal;
        use tokio::signal::unix::{SignalKind, signal};
        let is_shown = || std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
        let had_terminal = is_shown();
        if let Ok(mut hangup) = signal(SignalKind::hangup()) {
            while hangup.recv().await.is_some() {
                if had_terminal && !is_shown() {
                    hung_up.send_replace(true);
                } else {
                    // Why not stands in the log.
                    let _ = self.read_all().await;
                    self.look_and_log().await;
                }
            }
        }
        std::future::pending().await
    }

    /// Reads the configuration whenever another host has read its own that shares the state with this one. Never ends.
    async fn hear_others(&self) -> Infallible {
        if let Some(link) = self.0.engine.link() {
            let mut news = link.news();
            loop {
                match news.recv().await {
                    Ok(word) if self.is_of_another(&word) => _ = self.read().await,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                }
            }
        }
        std::future::pending().await
    }

    fn is_of_another(&self, word: &str) -> bool {
        word.strip_prefix(READ).is_some_and(|host| host != self.0.engine.id())
    }

    /// As [`Self::read`], and has other hosts do so.
    async fn read_all(&self) -> Result<Value, Fault> {
        let report = self.read().await?;
        if let Some(link) = self.0.engine.link() {
            // Where they cannot be told, each waits for its own operator.
            let _ = link.tell(&format!("{READ}{}", self.0.engine.id())).await;
        }
        Ok(report)
    }

    /// There is no such signal here.
    #[cfg(not(unix))]
    async fn hear_hangups(&self, _hung_up: watch::Sender<bool>) -> Infallible {
        std::future::pending().await
    }
}

impl Libraries for Reloader {
    fn status(&self) -> Value {
        let now = Arc::clone(&self.0.now.lock());
        report::status(&now)
    }

    fn reload(&self) -> Reloading {
        let own = self.clone();
        Box::pin(async move { own.look().await })
    }

    fn reload_config(&self) -> Reloading {
        let own = self.clone();
        Box::pin(async move { own.read_all().await })
    }
}
