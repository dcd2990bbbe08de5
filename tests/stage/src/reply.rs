//! What a simulated provider does with a request, byte by byte.
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A point in a reply that is passed when the test says so.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    /// Lets every reply pass that waits here, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn passed(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send(Vec<u8>),
    Hold(Gate),
    /// For tests whose clock is stopped.
    Pause(Duration),
    /// Nothing more; the connection stays open.
    Silence,
    Close,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Head,
    Chunked,
    Plain,
}

/// A reply: head, bytes and what happens between them. Each piece is written and flushed by itself.
#[derive(Clone, Debug)]
pub struct Reply {
    head: String,
    mode: Mode,
    pub(crate) acts: Vec<Act>,
}

impl Reply {
    /// A reply with this status; headers and a body are to follow.
    pub fn status(status: u16) -> Self {
        Self { head: format!("HTTP/1.1 {status} Status\r\n"), mode: Mode::Head, acts: Vec::new() }
    }

    /// A 200 whose events follow as chunks.
    pub fn events() -> Self {
        Self::status(200).header("Content-Type", "text/event-stream; charset=utf-8").chunked()
    }

    /// A complete JSON answer.
    pub fn json(status: u16, body: &str) -> Self {
        Self::status(status).header("Content-Type", "application/json").full(body)
    }

    /// Takes the request and does not even send a head.
    pub fn nothing() -> Self {
        Self { head: String::new(), mode: Mode::Plain, acts: Vec::new() }
    }

    /// Takes the request and says nothing at all.
    pub fn silence() -> Self {
        Self::nothing().then_silence()
    }

    /// Waits here, even before the head.
    #[must_use]
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.acts.push(Act::Hold(gate.clone()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        assert_eq!(self.mode, Mode::Head, "headers come before the body");
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// A body with its true length; the reply is complete.
    #[must_use]
    pub fn full(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        self.length(body.len()).send(body)
    }

    /// Announces so many bytes, whatever is sent.
    #[must_use]
    pub fn length(self, bytes: usize) -> Self {
        self.header("Content-Length", &bytes.to_string()).begin(Mode::Plain)
    }

    /// Announces that the body ends with the connection.
    #[must_use]
    pub fn until_close(self) -> Self {
        self.header("Connection", "close").begin(Mode::Plain)
    }

    /// Announces chunks.
    #[must_use]
    pub fn chunked(self) -> Self {
        self.header("Transfer-Encoding", "chunked").begin(Mode::Chunked)
    }

    fn begin(mut self, mode: Mode) -> Self {
        let head = format!("{}\r\n", self.head);
        self.acts.push(Act::Send(head.into_bytes()));
        self.mode = mode;
        self
    }

    /// A piece of the body; a chunk where chunks were announced.
    #[must_use]
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let framed = match self.mode {
            Mode::Head => panic!("announce the body's framing first"),
            Mode::Plain => bytes.to_vec(),
            Mode::Chunked => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
        };
        if !bytes.is_empty() {
            self.acts.push(Act::Send(framed));
        }
        self
    }

    /// A piece of the body in as many writes as it has bytes.
    #[must_use]
    pub fn send_bytewise(self, bytes: impl AsRef<[u8]>) -> Self {
        bytes.as_ref().iter().fold(self, |reply, byte| reply.send([*byte]))
    }

    /// Waits, even before the head. For tests whose clock is stopped: no other test waits for time to pass.
    #[must_use]
    pub fn pause(mut self, time: Duration) -> Self {
        self.acts.push(Act::Pause(time));
        self
    }

    /// Everything of `reply`, after what is here so far.
    #[must_use]
    pub fn then(mut self, reply: Self) -> Self {
        self.acts.extend(reply.acts);
        Self { head: reply.head, mode: reply.mode, acts: self.acts }
    }

    /// The last chunk.
    #[must_use]
    pub fn end(mut self) -> Self {
        assert_eq!(self.mode, Mode::Chunked, "only chunks have an end of their own");
        self.acts.push(Act::Send(b"0\r\n\r\n".to_vec()));
        self
    }

    /// Closes the connection as if all were said.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.acts.push(Act::Close);
        self
    }

    /// Breaks the connection (RST).
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.acts.push(Act::Reset);
        self
    }

    /// Says nothing more and keeps the connection open.
    #[must_use]
    pub fn then_silence(mut self) -> Self {
        self.acts.push(Act::Silence);
        self
    }
}
