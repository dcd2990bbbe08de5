//! A client that sees every byte of an answer, and that can go away at any moment.
use crate::deadline::within;
pub use crate::wire::End;
use crate::wire::{Buffer, Framing, Headers, header};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    method: String,
    target: String,
    headers: Headers,
    body: Vec<u8>,
}

impl Call {
    /// A request without a body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of a JSON body.
    pub fn post(target: &str, body: impl AsRef<[u8]>) -> Self {
        let mut call = Self::new("POST", target).header("content-type", "application/json");
        call.body = body.as_ref().to_vec();
        call
    }

    /// A chat completion.
    pub fn chat(body: impl AsRef<[u8]>) -> Self {
        Self::post("/v1/chat/completions", body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if header(&self.headers, "content-length").is_none() {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        [format!("{head}\r\n").as_bytes(), &self.body].concat()
    }
}

/// A connection, kept alive between calls.
#[derive(Debug)]
pub struct Connection<S = TcpStream> {
    stream: S,
    buffer: Buffer,
}

/// Opens a connection to `host:port`.
pub async fn connect(address: SocketAddr) -> Connection {
    let stream = within("a connection", TcpStream::connect(address)).await.expect("a connection");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    Connection::over(stream)
}

/// Opens a connection to the host of a URL such as `http://127.0.0.1:8000`.
pub async fn connect_to(url: &str) -> Connection {
    let place = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or(url);
    connect(place.parse().expect("an address")).await
}

/// One call on a connection of its own.
pub async fn send(address: SocketAddr, call: Call) -> Answer {
    let mut connection = connect(address).await;
    connection.send(&call.header("connection", "close")).await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection over whatever carries bytes.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Buffer::default() }
    }

    /// Sends a call and reads its whole answer.
    pub async fn send(&mut self, call: &Call) -> Answer {
        self.write(call).await;
        self.read().await
    }

    /// Sends a call and leaves its answer unread.
    pub async fn write(&mut self, call: &Call) {
        self.write_raw(call.bytes()).await;
    }

    /// Sends these very bytes.
    pub async fn write_raw(&mut self, bytes: impl AsRef<[u8]>) {
        // A host that answers early may stop reading: what counts is its answer.
        let _ = within("the host to read the request", self.stream.write_all(bytes.as_ref())).await;
    }

    /// Reads the answer to what was written.
    pub async fn read(&mut self) -> Answer {
        within("an answer", self.answer()).await
    }

    /// As [`Connection::read`], however long it takes: for tests whose clock is stopped.
    pub async fn answer(&mut self) -> Answer {
        let (status, headers, framing) = self.head().await;
        let (body, end) = framing.rest(&mut self.buffer, &mut self.stream).await;
        Answer { status, headers, body, end }
    }

    /// As [`Connection::answer`]; none if the host closes without one.
    pub async fn answer_or_end(&mut self) -> Option<Answer> {
        let (status, headers, framing) = self.head_or_end().await?;
        let (body, end) = framing.rest(&mut self.buffer, &mut self.stream).await;
        Some(Answer { status, headers, body, end })
    }

    async fn head(&mut self) -> (u16, Headers, Framing) {
        self.head_or_end().await.expect("the host closed the connection without an answer")
    }

    async fn head_or_end(&mut self) -> Option<(u16, Headers, Framing)> {
        loop {
            // A reset is an end, too.
            let head = self.buffer.head(&mut self.stream).await.ok().flatten()?;
            let status =
                head.first_line.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
            if status >= 200 {
                let framing = head.framing(Framing::UntilClose);
                return Some((status, head.headers, framing));
            }
        }
    }

    /// Sends a call and reads the head of its answer only.
    pub async fn open(mut self, call: &Call) -> OpenAnswer<S> {
        self.write(call).await;
        let (status, headers, framing) = within("the head of an answer", self.head()).await;
        OpenAnswer { status, headers, connection: self, framing, read: Vec::new() }
    }
}

/// An answer of which the body is still coming. Dropping it closes the connection.
#[derive(Debug)]
pub struct OpenAnswer<S = TcpStream> {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    connection: Connection<S>,
    framing: Framing,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> OpenAnswer<S> {
    /// Reads until `mark` has come.
    ///
    /// # Panics
    /// If the body ends before.
    pub async fn read_until(&mut self, mark: &str) -> &[u8] {
        let reading = async {
            while !self.read.windows(mark.len()).any(|window| window == mark.as_bytes()) {
                let Connection { stream, buffer } = &mut self.connection;
                match self.framing.next(buffer, stream).await {
                    Ok(bytes) => self.read.extend_from_slice(&bytes),
                    Err(end) => {
                        panic!(
                            "the body ended ({end:?}) before {mark:?}: {}",
                            String::from_utf8_lossy(&self.read)
                        )
                    }
                }
            }
        };
        within("a piece of a body", reading).await;
        &self.read
    }

    /// Reads the rest.
    pub async fn rest(mut self) -> Answer {
        let Connection { stream, buffer } = &mut self.connection;
        let (rest, end) = within("the rest of a body", self.framing.rest(buffer, stream)).await;
        self.read.extend_from_slice(&rest);
        Answer { status: self.status, headers: self.headers, body: self.read, end }
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers in their order and spelling.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: End,
}

impl Answer {
    /// The value of a header, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in a {}: {}", self.status, self.text()))
    }

    /// The `error` object of an OpenAI error body, checked for its four fields. Source: OpenAI API reference, "Errors".
    pub fn error(&self) -> Value {
        let body = self.json();
        let error = &body["error"];
        for (field, may_be_null) in [("message", false), ("type", false), ("param", true), ("code", true)] {
            let value = error.get(field).unwrap_or_else(|| panic!("no error.{field} in {body}"));
            assert!(value.is_string() || (may_be_null && value.is_null()), "error.{field} in {body}");
        }
        assert_eq!(
            self.header("content-type").map(|v| v.starts_with("application/json")),
            Some(true),
            "{self:?}"
        );
        error.clone()
    }

    /// The message of an OpenAI error body.
    pub fn message(&self) -> String {
        self.error()["message"].as_str().expect("a message").to_owned()
    }

    /// The `data` of the body's events, the terminator included.
    pub fn events(&self) -> Vec<String> {
        self.text()
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| data.trim().to_owned())
            .collect()
    }

    /// The text that a streamed chat answer amounts to.
    pub fn said(&self) -> String {
        let events = self.events();
        let chunks = events.iter().filter(|data| *data != "[DONE]");
        let chunks = chunks.map(|data| serde_json::from_str::<Value>(data).expect("a JSON event"));
        chunks.filter_map(|c| c["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
    }
}
