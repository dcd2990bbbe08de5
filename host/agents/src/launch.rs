//! What the pool needs of the operating system, as a trait: tests put programs of their own behind it.
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// A future that can be kept in a struct.
pub type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A program to be started. No shell reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The file, absolute.
    pub program: PathBuf,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The directory it works in, absolute.
    pub cwd: PathBuf,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// Is the process that bears the pid now the one that was started?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// Start time and, where it can be read, executable agree.
    Same,
    /// Another one bears the pid.
    Other,
    /// None bears it.
    Gone,
    /// The system does not tell: only the handle on the child can be trusted.
    Unknown,
}

/// What was left of a program and of all that it had started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Killed {
    /// Processes that were still there at the end of the ladder.
    pub survivors: usize,
}

/// A program that was started.
pub trait Running: Send + Sync {
    /// The program's own pid.
    fn pid(&self) -> u32;
    /// Waits until it has ended. May be asked for any number of times, also afterwards.
    fn ended(&self) -> Soon<'_, Exit>;
    /// Remembers what it looks like from now on: a launcher script may have become another executable since it was started.
    fn remember(&self);
    /// Is it still itself?
    fn sameness(&self) -> Sameness;
    /// Bytes of memory that it and its children hold.
    fn memory_bytes(&self) -> Option<u64>;
    /// Ends it and all that it started: gently first, by force at last. Its standard input should be closed before. Never signals a
    /// process that is not known to be of it. Comes to an end within a few seconds, whatever the program does.
    fn kill(&self) -> Soon<'_, Killed>;
}

/// A started program with its pipes.
pub struct Started {
    /// Its standard input.
    pub stdin: Pin<Box<dyn AsyncWrite + Send>>,
    /// Its standard output.
    pub stdout: Pin<Box<dyn AsyncRead + Send>>,
    /// Its standard error.
    pub stderr: Pin<Box<dyn AsyncRead + Send>>,
    /// The program itself. Dropping it ends the program and all that it started as far as that goes without waiting.
    pub running: Box<dyn Running>,
}

/// Starts programs.
pub trait Launch: Send + Sync {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    /// The system's own: not found, not executable, no such directory, no more processes.
    fn launch(&self, command: &Command) -> Soon<'_, io::Result<Started>>;
}

/// Starts nothing: for hosts without agents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Launch for Nothing {
    fn launch(&self, _: &Command) -> Soon<'_, io::Result<Started>> {
        Box::pin(async { Err(io::Error::new(io::ErrorKind::Unsupported, "this host starts no agents")) })
    }
}
