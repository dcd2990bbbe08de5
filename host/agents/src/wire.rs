//! A program's pipes as a line of messages.
use crate::acp::rpc::{self, Incoming};
use bytes::BytesMut;
use lip_wire::frame::ndjson::Decoder;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes of one line. The largest that real agents send hold an image.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Lines that are no messages before the program is no agent: some print a greeting or a warning first.
const JUNK_MAX: usize = 200;
/// Lines that may wait for the agent to read them: one that asks and asks and never reads an answer must not fill the memory.
const UNREAD_MAX: usize = 4096;
const CHUNK_BYTES: usize = 16 << 10;

/// What an agent says, without borrowing.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It wants an answer.
    Request { id: Box<RawValue>, method: String, params: Value },
    /// It tells something.
    Notification { method: String, params: Value },
    /// It answers a request of ours.
    Response { id: Option<u64>, result: Result<Value, rpc::RpcError> },
}

/// Nothing more can be read.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The output is closed.
    Closed,
    /// The output is no ACP.
    Nonsense(String),
}

/// Both directions. Dropping it closes the program's standard input.
pub(crate) struct Wire {
    to_agent: mpsc::UnboundedSender<Vec<u8>>,
    writer: JoinHandle<()>,
    n_unread: Arc<AtomicUsize>,
    stdout: Pin<Box<dyn AsyncRead + Send>>,
    lines: Decoder,
    chunk: BytesMut,
    junk: usize,
    last_id: u64,
}

impl Wire {
    pub(crate) fn new(
        mut stdin: Pin<Box<dyn AsyncWrite + Send>>,
        stdout: Pin<Box<dyn AsyncRead + Send>>,
    ) -> Self {
        // A program that never reads must not keep us from hearing it. What is said to it unasked is bounded by the request's size, and
        // answers are bounded where it is heard.
        let (to_agent, mut lines) = mpsc::unbounded_channel::<Vec<u8>>();
        let n_unread = Arc::new(AtomicUsize::new(0));
        let unread = Arc::clone(&n_unread);
        let writer = tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
                    return;
                }
                unread.fetch_sub(1, Ordering::Relaxed);
            }
        });
        let (lines, chunk) = (Decoder::new(LINE_BYTES_MAX), BytesMut::new());
        Self { to_agent, writer, n_unread, stdout, lines, chunk, junk: 0, last_id: 0 }
    }

    /// Sends a request and gives its id.
    pub(crate) fn request<P: Serialize>(&mut self, method: &str, params: &P) -> u64 {
        self.last_id += 1;
        self.say(rpc::request(self.last_id, method, params));
        self.last_id
    }

    /// Sends a notification.
    pub(crate) fn notify<P: Serialize>(&mut self, method: &str, params: &P) {
        self.say(rpc::notification(method, params));
    }

    /// Answers a request of the agent's.
    pub(crate) fn answer<P: Serialize>(&mut self, id: &RawValue, result: &P) {
        self.say(rpc::result(id, result));
    }

    /// Refuses a request of the agent's.
    pub(crate) fn refuse(&mut self, id: &RawValue, method: &str) {
        tracing::debug!(method, "an agent asked for what is not offered");
        self.say(rpc::error(id, rpc::METHOD_NOT_FOUND, "this client does not offer it"));
    }

    fn say(&mut self, line: Vec<u8>) {
        // A program that does not listen any more is noticed by its output.
        self.n_unread.fetch_add(1, Ordering::Relaxed);
        let _ = self.to_agent.send(line);
    }

    /// The next message. Cancel-safe.
    pub(crate) async fn hear(&mut self) -> Result<Heard, Broken> {
        if self.n_unread.load(Ordering::Relaxed) > UNREAD_MAX {
            return Err(Broken::Nonsense("it asks and does not read the answers".to_owned()));
        }
        loop {
            while let Some(line) = self.lines.next_event() {
                let line = line
                    .map_err(|e| Broken::Nonsense(format!("a line has more than {} bytes", e.bytes_max)))?;
                match rpc::read(&line).and_then(owned) {
                    Ok(heard) => return Ok(heard),
                    Err(why) => {
                        tracing::debug!(why, bytes = line.len(), "an agent's line is no message");
                        self.junk += 1;
                        if self.junk > JUNK_MAX {
                            return Err(Broken::Nonsense(format!(
                                "{} lines of its output are no messages",
                                self.junk
                            )));
                        }
                    }
                }
            }
            self.chunk.reserve(CHUNK_BYTES);
            match self.stdout.read_buf(&mut self.chunk).await {
                Ok(0) | Err(_) => return Err(Broken::Closed),
                Ok(_) => self.lines.push(self.chunk.split().freeze()),
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Also where it waits for a program that does not read.
        self.writer.abort();
    }
}

fn owned(message: Incoming<'_>) -> Result<Heard, String> {
    let value = |raw: &RawValue| serde_json::from_str(raw.get()).map_err(|e| e.to_string());
    Ok(match message {
        Incoming::Request { id, method, params } => {
            Heard::Request { id: id.to_owned(), method: method.into_owned(), params: value(params)? }
        }
        Incoming::Notification { method, params } => {
            Heard::Notification { method: method.into_owned(), params: value(params)? }
        }
        Incoming::Response { id, result: Ok(result) } => Heard::Response { id, result: Ok(value(result)?) },
        Incoming::Response { id, result: Err(error) } => Heard::Response { id, result: Err(error) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn agent_that_asks_and_never_reads_is_given_up() {
        let (ours, _never_read) = tokio::io::duplex(64);
        let (mut agent, stdout) = tokio::io::duplex(1 << 16);
        let asks = tokio::spawn(async move {
            let mut id = 0;
            while agent.write_all(rpc::request(id, "fs/read_text_file", &()).as_slice()).await.is_ok() {
                id += 1;
            }
        });
        let mut wire = Wire::new(Box::pin(ours), Box::pin(stdout));
        let mut n_asked = 0;
        let broken = loop {
            match wire.hear().await {
                Ok(Heard::Request { id, method, .. }) => wire.refuse(&id, &method),
                Ok(other) => panic!("{other:?}"),
                Err(broken) => break broken,
            }
            n_asked += 1;
            assert!(n_asked <= UNREAD_MAX + 16, "still heard");
        };
        assert!(matches!(broken, Broken::Nonsense(_)), "{broken:?}");
        drop(wire);
        asks.await.unwrap();
    }
}
