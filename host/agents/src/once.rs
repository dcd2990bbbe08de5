//! A program of an agent that runs once, to its end: what it prints is all that is wanted of it.
use crate::fault;
use crate::launch::{Command, Exit, Launch, Started};
use base::{Fault, Kind, Retry};
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// Bytes of either output that are kept.
const KEPT_BYTES: usize = 1 << 20;

/// What a program has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// The beginning of its standard output.
    pub stdout: String,
    /// The beginning of its standard error.
    pub stderr: String,
}

/// Runs `command` for `time` at the most. Whatever it started is ended with it.
pub(crate) async fn run(launch: &dyn Launch, command: &Command, time: Duration) -> Result<Output, Fault> {
    let started = launch.launch(command).await.map_err(|error| {
        let sentence = format!("the agent's program {} cannot be started", command.program.display());
        Fault::host(Kind::Unavailable, sentence).retry(Retry::Elsewhere).code("agent_missing").source(error)
    })?;
    let Started { stdin, stdout, stderr, running } = started;
    // It is asked nothing.
    drop(stdin);
    let outputs = async {
        let (stdout, stderr) = tokio::join!(read(stdout), read(stderr));
        Output { exit: running.ended().await, stdout, stderr }
    };
    let output = timeout(time, outputs).await;
    running.kill().await;
    output.map_err(|_| fault::silent("did not come to its end", time.as_secs()))
}

/// All that is said; the beginning is kept.
async fn read(mut from: Pin<Box<dyn AsyncRead + Send>>) -> String {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 8 << 10]);
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        let room = KEPT_BYTES.saturating_sub(kept.len()).min(n);
        kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    String::from_utf8_lossy(&kept).into_owned()
}
