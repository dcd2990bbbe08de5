//! Simulated providers without sockets: the transport of a host in this process. Nothing here waits for the world outside,
//! so a test may stop the clock and have an hour pass in no time.
use crate::reply::Reply;
use crate::upstream::{Ended, Recorded, Script, Seen, serve};
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::watch;
use tower_service::Service;

/// Bytes under way in one direction of a connection.
const WINDOW_BYTES: usize = 64 << 10;

/// Hosts by name. A connection to any other is refused.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<HashMap<String, Arc<Host>>>>);

struct Host {
    acts: Acts,
    seen: watch::Sender<Seen>,
    dials: Mutex<usize>,
}

enum Acts {
    Refuses,
    Answers(Box<Script>),
    Says(Vec<u8>),
}

/// The far end: a host of a [`Network`].
#[derive(Clone)]
pub struct Far(Arc<Host>);

impl Network {
    /// A provider that looks at every request first.
    pub fn provider(&self, name: &str, script: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Far {
        self.put(name, Acts::Answers(Box::new(script)))
    }

    /// A host that takes no connections.
    pub fn refusing(&self, name: &str) -> Far {
        self.put(name, Acts::Refuses)
    }

    /// A host that says these bytes to whoever connects and speaks, and then closes.
    pub fn saying(&self, name: &str, bytes: &[u8]) -> Far {
        self.put(name, Acts::Says(bytes.to_owned()))
    }

    fn put(&self, name: &str, acts: Acts) -> Far {
        let host = Host { acts, seen: watch::Sender::new(Seen::default()), dials: Mutex::default() };
        let host = Arc::new(host);
        self.0.lock().expect("a lock").insert(name.to_owned(), Arc::clone(&host));
        Far(host)
    }
}

impl Far {
    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.0.seen.borrow().requests.clone()
    }

    /// How often it was connected to, or tried to.
    pub fn n_dials(&self) -> usize {
        *self.0.dials.lock().expect("a lock")
    }

    /// Replies that are under way.
    pub fn n_busy(&self) -> usize {
        self.0.seen.borrow().n_busy
    }

    /// Replies that the other side did not wait for.
    pub fn n_hung_up(&self) -> usize {
        self.0.seen.borrow().hung_up.len()
    }
}

impl Service<Uri> for Network {
    type Response = TokioIo<Line>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Line>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let host = self.0.lock().expect("a lock").get(url.host().unwrap_or_default()).map(Arc::clone);
        let Some(host) = host else { return ready(Err(io::ErrorKind::ConnectionRefused.into())) };
        *host.dials.lock().expect("a lock") += 1;
        if matches!(host.acts, Acts::Refuses) {
            return ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let (near, mut far) = duplex(WINDOW_BYTES);
        let is_reset = Arc::new(AtomicBool::new(false));
        let line = Line { near, is_reset: Arc::clone(&is_reset) };
        tokio::spawn(async move {
            match &host.acts {
                Acts::Refuses => {}
                Acts::Answers(script) => {
                    let ended = serve(&mut far, &**script, &host.seen).await;
                    is_reset.store(ended == Ended::Reset, Ordering::SeqCst);
                }
                Acts::Says(bytes) => {
                    let mut heard = [0; 1024];
                    let mut heard = ReadBuf::new(&mut heard);
                    let _ = std::future::poll_fn(|cx| Pin::new(&mut far).poll_read(cx, &mut heard)).await;
                    let _ = far.write_all(bytes).await;
                }
            }
        });
        ready(Ok(TokioIo::new(line)))
    }
}

/// The near end of a connection.
pub struct Line {
    near: DuplexStream,
    /// Is its end a reset?
    is_reset: Arc<AtomicBool>,
}

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
        let before = into.filled().len();
        std::task::ready!(Pin::new(&mut self.near).poll_read(cx, into))?;
        let has_ended = into.filled().len() == before;
        Poll::Ready(match has_ended && self.is_reset.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        })
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.near).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_shutdown(cx)
    }
}
