//! Agents whose processes can be told from all others: each inherits a variable that nobody else has.
use agents::launch::{Command, Launch, Running, Started};
use agents::native::Native;
use stage::within;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// The variable.
pub(crate) const NAME: &str = "STAGE_MARK";
/// What is to be left.
pub(crate) const NOBODY: [u32; 0] = [];
const INITIALIZE: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}\n";

/// A folder whose path is the mark, and in which each process of the agent leaves its pid.
pub(crate) struct Mark(TempDir);

impl Mark {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The folder's path.
    pub(crate) fn value(&self) -> String {
        self.0.path().display().to_string()
    }

    /// The stage's agent with these arguments.
    pub(crate) fn command(&self, args: &str) -> Command {
        let args = args.split_whitespace().map(str::to_owned);
        Command {
            program: stage::agent(),
            args: args.chain(["--pidfile".to_owned(), self.value()]).map(Into::into).collect(),
            env: vec![(NAME.into(), self.value().into())],
            cwd: self.0.path().to_owned(),
        }
    }

    /// How many processes of the agent have ever been there.
    pub(crate) fn n_seen(&self) -> usize {
        fs::read_dir(self.0.path()).expect("the folder").count()
    }

    /// The living that bear the mark, also wardens.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let mark = format!("{NAME}={}", self.value());
        let is_marked =
            |environment: &[u8]| environment.split(|byte| *byte == 0).any(|own| own == mark.as_bytes());
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // The dead that nobody has buried yet have no environment any more.
        pids.filter(|pid| fs::read(format!("/proc/{pid}/environ")).is_ok_and(|read| is_marked(&read)))
            .collect()
    }

    /// Waits until nobody bears the mark.
    pub(crate) async fn is_gone(&self, who: &str) {
        let what = format!("the end of everything of {who}");
        within(&what, until(|| self.alive().is_empty())).await;
    }
}

/// Looks again and again.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Starts programs under the real host's warden.
pub(crate) fn native() -> Native {
    Native::with_warden(stage::staged().join("lip"))
}

/// An agent with its pipes.
pub(crate) struct Agent {
    pub(crate) running: Box<dyn Running>,
    pub(crate) stdin: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
    pub(crate) stdout: BufReader<std::pin::Pin<Box<dyn AsyncRead + Send>>>,
    pub(crate) stderr: std::pin::Pin<Box<dyn AsyncRead + Send>>,
}

impl Agent {
    pub(crate) async fn start(command: &Command) -> Self {
        let Started { stdin, stdout, stderr, running } =
            native().launch(command).await.expect("an agent that starts");
        Self { running, stdin, stdout: BufReader::new(stdout), stderr }
    }

    /// One question, one answer.
    pub(crate) async fn initialize(&mut self) -> String {
        self.stdin.write_all(INITIALIZE).await.expect("an agent that reads");
        let mut line = String::new();
        within("the answer", self.stdout.read_line(&mut line)).await.expect("an agent that answers");
        line
    }

    /// Closes its input, and ends it.
    pub(crate) async fn kill(self) -> usize {
        drop(self.stdin);
        within("the way down", self.running.kill()).await.survivors
    }
}

/// A shell.
pub(crate) fn shell() -> PathBuf {
    PathBuf::from("/bin/sh")
}
