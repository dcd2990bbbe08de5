//! TCP connections that can be read past the reactor. What a connection was told by the reactor may be old: an upstream that has
//! hung up since is only noticed when the reactor next runs, which on a busy host is after the request has been written.
use crate::places::{Places, Resolver};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::error::Error;
use std::future::Future;
use std::io::{ErrorKind, IoSlice, Read as _, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

/// Room for what an upstream may say unasked: the end of TLS, a 408.
const UNASKED: usize = 512;

/// Says of a connection whether its next reads have to ask the system itself. Shared by the socket, which may lie below TLS, and
/// by whoever holds the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    /// Runs `look` while reads ask the system itself.
    pub(crate) fn during<T>(&self, look: impl FnOnce() -> T) -> T {
        self.0.store(true, Ordering::Relaxed);
        let seen = look();
        self.0.store(false, Ordering::Relaxed);
        seen
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Opens [`Socket`]s.
#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    places: Places,
    any: HttpConnector,
    /// To public addresses only.
    looking: HttpConnector<Resolver>,
}

impl Tcp {
    /// Sockets to `places` that are open within `time`.
    pub(crate) fn new(time: Duration, places: Places) -> Self {
        Self {
            places,
            any: made(HttpConnector::new(), time),
            looking: made(HttpConnector::new_with_resolver(Resolver::default()), time),
        }
    }
}

fn made<R>(mut tcp: HttpConnector<R>, time: Duration) -> HttpConnector<R> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(time));
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp
}

impl Service<Uri> for Tcp {
    type Response = Socket;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Socket, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), Self::Error>> {
        self.any.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let socket = |stream| Socket { stream, doubt: Doubt::default() };
        if self.places.are_open_for(&to) {
            let opening = self.any.call(to);
            return Box::pin(async move { Ok(socket(opening.await?)) });
        }
        let looked = Places::look_at(&to);
        let opening = self.looking.call(to);
        Box::pin(async move {
            looked?;
            Ok(socket(opening.await?))
        })
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TokioIo<TcpStream>,
    doubt: Doubt,
}

impl Socket {
    /// What the system has right now; none if nothing has happened.
    fn read_now(&self, buffer: &mut ReadBufCursor<'_>) -> Option<Result<()>> {
        let mut unasked = [0; UNASKED];
        let room = buffer.remaining().min(UNASKED);
        match (&*SockRef::from(self.stream.inner())).read(&mut unasked[..room]) {
            Ok(length) => {
                buffer.put_slice(&unasked[..length]);
                Some(Ok(()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        if self.doubt.is_there()
            && let Some(read) = self.read_now(&mut buffer)
        {
            return Poll::Ready(read);
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.doubt.clone())
    }
}
