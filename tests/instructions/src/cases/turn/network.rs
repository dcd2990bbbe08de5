//! The upstream, made of memory: whoever connects and sends a request gets the same answer.
use bytes::Bytes;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tower_service::Service;

/// Bytes under way in one direction: more than a request has, as sockets of one machine take it.
pub(super) const WINDOW_BYTES: usize = 1 << 20;

/// A network with one host, whatever name it is asked for.
#[derive(Clone)]
pub(super) struct Network {
    answer: Arc<[Bytes]>,
}

impl Network {
    /// Its host writes these pieces, one by one.
    pub(super) fn new(answer: Vec<Bytes>) -> Self {
        Self { answer: answer.into() }
    }
}

impl Service<Uri> for Network {
    type Response = TokioIo<Line>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Line>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (near, far) = duplex(WINDOW_BYTES);
        tokio::spawn(serve(far, Arc::clone(&self.answer)));
        ready(Ok(TokioIo::new(Line(near))))
    }
}

async fn serve(mut stream: DuplexStream, answer: Arc<[Bytes]>) {
    let mut buffer = Vec::with_capacity(WINDOW_BYTES);
    while read_request(&mut stream, &mut buffer).await.is_some() {
        buffer.clear();
        for piece in &*answer {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Reads one request, whose length stands in its head; `None` at the end of the connection.
async fn read_request(stream: &mut DuplexStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut whole = None;
    while whole.is_none_or(|whole| buffer.len() < whole) {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
        whole = whole.or_else(|| message_bytes(buffer));
    }
    Some(())
}

/// How many bytes a message has whose head has come, if a `content-length` says so.
pub(super) fn message_bytes(bytes: &[u8]) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let name = b"\r\ncontent-length: ";
    let value = bytes.get(memchr::memmem::find(&bytes[..head], name)? + name.len()..)?;
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + digits.fold(0, |n, digit| n * 10 + usize::from(digit - b'0')))
}

/// The host's end of a connection to it.
pub(super) struct Line(DuplexStream);

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
