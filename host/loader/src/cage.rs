//! The child cage: a library in a process of its own, which has nothing but a socket to the host.
//!
//! The host starts its own program as the *worker*; it loads the same private copy, and the same records go to and fro as
//! messages. Effects stay with the host: the worker needs no network, no files, no environment, and gets none.
mod bell;
mod blocking;
mod frame;
mod lent;
mod limits;
mod link;
mod remote;
mod restarts;
mod sandbox;
mod socket;
mod usage;
mod worker;

pub(crate) use blocking::Factory;
pub(crate) use frame::{EVENTS_MAX, OPS_MAX};
pub use limits::Limits;
pub(crate) use remote::{Beginning, RemoteInstance, RemoteTask};
pub use worker::intercept;

use crate::stats::Stats;
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use frame::Ask;
use link::{Link, died};
use parking_lot::Mutex;
use restarts::Restarts;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a worker may take until its library is loaded.
const ENTRY_LIMIT: Duration = Duration::from_secs(10);
/// The only variable of the host that a worker gets.
const SEARCHED: &str = "LD_LIBRARY_PATH";
/// A wait for the next start that a turn bears; a longer one is told at once.
const BEARABLE: Duration = Duration::from_secs(1);

/// A library that runs in workers.
#[derive(Debug)]
pub(crate) struct Cage {
    program: PathBuf,
    library: PathBuf,
    name: String,
    limits: Limits,
    stats: Arc<Stats>,
    current: Mutex<Option<Arc<Link>>>,
    entering: tokio::sync::Mutex<Restarts>,
    instances: AtomicU64,
}

impl Cage {
    /// A cage for the private copy `library` of the plugin `name`. Its first worker is started by the first task.
    pub(crate) fn new(
        program: &Path,
        library: PathBuf,
        name: &str,
        (limits, stats): (Limits, Arc<Stats>),
    ) -> Self {
        Self {
            program: program.to_owned(),
            library,
            name: name.to_owned(),
            limits,
            stats,
            current: Mutex::new(None),
            entering: tokio::sync::Mutex::default(),
            instances: AtomicU64::new(0),
        }
    }

    /// The worker's process, while there is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.current.lock().as_ref().filter(|link| link.end().is_none()).map(|link| link.pid())
    }

    /// An instance, which is made in each worker when a task needs it there.
    pub(crate) fn instance(
        self: &Arc<Self>,
        connector: &str,
        instance: &str,
        config: String,
    ) -> RemoteInstance {
        RemoteInstance {
            cage: Arc::clone(self),
            n: self.instances.fetch_add(1, Ordering::Relaxed),
            connector: connector.to_owned(),
            instance: instance.to_owned(),
            config: Bytes::from(config),
        }
    }

    /// The worker that lives and has instance `n`.
    fn link_with(&self, n: u64) -> Option<Arc<Link>> {
        let current = self.current.lock();
        current.as_ref().filter(|link| link.end().is_none() && link.has(n)).map(Arc::clone)
    }

    fn living(&self) -> Option<Arc<Link>> {
        self.current.lock().as_ref().filter(|link| link.end().is_none()).map(Arc::clone)
    }

    /// Tells the worker, if there is one.
    fn tell(&self, ask: &Ask) {
        if let Some(link) = self.living() {
            link.say(ask);
        }
    }

    /// The worker, started if there is none.
    ///
    /// # Errors
    /// Why there is none.
    async fn link(self: &Arc<Self>) -> Result<Arc<Link>, Fault> {
        if let Some(link) = self.living() {
            return Ok(link);
        }
        let mut restarts = self.entering.lock().await;
        if let Some(link) = self.living() {
            return Ok(link);
        }
        if let Some(dead) = self.current.lock().take() {
            restarts.died(dead.began(), Instant::now());
            self.stats.restarted();
        }
        let wait = restarts.wait(Instant::now());
        if wait > BEARABLE {
            let sentence = format!(
                "the plugin {} died again and again and is left alone for {} s",
                self.name,
                wait.as_secs() + 1
            );
            let fault = Fault::plugin(Kind::Unavailable, sentence).code("plugin_died");
            return Err(fault.retry(Retry::Elsewhere));
        }
        tokio::time::sleep(wait).await;
        let began = Instant::now();
        match self.enter().await {
            Ok(link) => {
                *self.current.lock() = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(why) => {
                restarts.died(began, Instant::now());
                tracing::error!(plugin = self.name, why, "a plugin's worker cannot be started");
                Err(died(&self.name, &why))
            }
        }
    }

    async fn enter(self: &Arc<Self>) -> Result<Arc<Link>, String> {
        let say = |error: io::Error| format!("its worker cannot be started: {error}");
        let (ours, theirs) = socket::pair().map_err(say)?;
        let (bell, rung) = bell::pair().map_err(say)?;
        let mut command = tokio::process::Command::from(self.command(theirs, rung).map_err(say)?);
        let child = command.kill_on_drop(true).spawn().map_err(say)?;
        // With it go this process's copies of the worker's ends.
        drop(command);
        let pid = child.id().unwrap_or_default();
        let told = (self.name.as_str(), self.limits);
        let link = Arc::new(Link::new((ours, bell), pid, told, Arc::clone(&self.stats)).map_err(say)?);
        let sandbox = match tokio::time::timeout(ENTRY_LIMIT, link.first()).await {
            Ok(first) => first,
            Err(_) => Err(format!("its library was not loaded within {} s", ENTRY_LIMIT.as_secs())),
        };
        let sandbox = match sandbox {
            Ok(sandbox) => sandbox,
            Err(why) => return Err(bury(child, why).await),
        };
        if sandbox == sandbox::WHOLE {
            tracing::debug!(plugin = self.name, pid, sandbox, "a plugin runs in a worker");
        } else {
            tracing::warn!(
                plugin = self.name,
                pid,
                sandbox,
                "a plugin runs in a worker that lacks a part of its cage"
            );
        }
        let pumping = Arc::clone(&link);
        let name = self.name.clone();
        tokio::spawn(async move {
            // Also when the runtime ends and this task is dropped where it is.
            let grave = Grave(pumping);
            let why = grave.0.pump().await;
            let is_wanted = !grave.0.is_closing();
            let how = bury(child, why).await;
            if is_wanted {
                tracing::error!(plugin = name, pid, how, "a plugin's worker ended");
            }
            grave.0.bury(how);
        });
        Ok(link)
    }

    /// How a worker is started: without the host's variables, with nothing open but its socket and its bell, and nothing to write to.
    fn command(&self, socket: OwnedFd, bell: OwnedFd) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        let limits = serde_json::to_string(&self.limits)?;
        command.arg(worker::FLAG).arg(&self.library).arg(limits).env_clear();
        // Where the system's own loader looks.
        command.envs(std::env::var_os(SEARCHED).map(|path| (SEARCHED, path)));
        command.stdin(Stdio::from(socket)).stdout(Stdio::from(bell)).stderr(Stdio::null());
        Ok(command)
    }
}

/// Takes from this process what a worker has not, before it loads `library`.
pub(crate) fn confine(library: &Path) {
    sandbox::limit(&Limits::default());
    sandbox::before_loading(library);
}

impl Drop for Cage {
    fn drop(&mut self) {
        if let Some(link) = self.current.lock().take() {
            link.close();
        }
    }
}

struct Grave(Arc<Link>);

impl Drop for Grave {
    fn drop(&mut self) {
        self.0.bury("the host lets go of it".to_owned());
    }
}

/// Ends a worker for good, and says how it ended if it did so by itself.
async fn bury(mut child: tokio::process::Child, why: String) -> String {
    // Its socket is closed: if it ends by itself, it does so now.
    if why.is_empty()
        && let Ok(Ok(status)) = tokio::time::timeout(Duration::from_secs(2), child.wait()).await
    {
        return crate::sys::death(status).0;
    }
    let _ = child.start_kill();
    let _ = child.wait().await;
    if why.is_empty() { "its socket was closed".to_owned() } else { why }
}
