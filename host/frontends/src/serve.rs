//! The accept loop: TLS where it is asked for, TCP_NODELAY on every socket, bounded heads, a graceful end.
use crate::connections::{Connections, Ending, Opened};
use crate::door::Door;
use crate::tls::Tls;
use hyper::body::Incoming;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::{Builder, UpgradeableConnection};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// The most that is read at once: a body that comes in one piece is copied by nobody. Also the most that a head may be which never
/// ends; one that ends is judged at the door.
const READ_BYTES_MAX: usize = 512 << 10;
/// Time for what was cut off to tell its client so.
const CUT_TIME: Duration = Duration::from_secs(1);

impl<I, S, B> Ending for UpgradeableConnection<'static, I, S, TokioExecutor>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    B: http_body::Body<Data: Send> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

type Http = Builder<TokioExecutor>;

/// Serves `door` on `listener`, with TLS where there is one, until its host's end begins; then open turns may end, those on WebSockets
/// too, until they are cut off. The door's limits say how large the head of a request may be, and how long it may take: so long may a
/// connection have nothing under way.
pub async fn serve(listener: TcpListener, tls: Option<Tls>, door: Door) {
    let limits = door.app().limits;
    let head_bytes = limits.head_bytes;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(head_bytes.max(READ_BYTES_MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(head_bytes).unwrap_or(u32::MAX));
    let (builder, connections) = (Arc::new(builder), Connections::new(limits.head_time));
    connections.look_after();
    let drain = door.app().drain.clone();
    let mut begun = std::pin::pin!(drain.begun());
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
            () = &mut begun => break,
        };
        prepare(&stream);
        let opened = connections.open();
        let (id, door, builder) = (opened.id, door.reached_from(peer.ip()), Arc::clone(&builder));
        let task = match &tls {
            None => tokio::spawn(drive(builder, stream, door, opened)),
            Some(tls) => {
                let handshake = tls.accept(stream);
                // Whoever does not come to its end is closed like one who asks for nothing.
                tokio::spawn(async move {
                    match handshake.await {
                        Ok(stream) => drive(builder, stream, door, opened).await,
                        Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
                    }
                })
            }
        };
        connections.runs(id, task.abort_handle());
    }
    drop(listener);
    let sockets = &door.app().sockets;
    tokio::select! {
        _ = async { tokio::join!(connections.end(), sockets.end()) } => return,
        () = drain.is_cut() => {}
    }
    connections.wake();
    sockets.cut();
    let told = async { tokio::join!(connections.end(), sockets.end()) };
    if tokio::time::timeout(CUT_TIME, told).await.is_err() {
        tracing::warn!("connections were closed in the middle of an answer");
    }
}

/// One connection. No async function: what it holds is moved once.
fn drive<S>(builder: Arc<Http>, stream: S, door: Door, opened: Opened) -> impl Future<Output = ()> + Send
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let requests = Arc::clone(&opened.watch);
    let service = service_fn(move |request| door.answer_while(request, Some(requests.begin())));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let connection = opened.guard(connection.into_owned());
    async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

fn prepare(stream: &TcpStream) {
    // Without it the first delta of a stream waits for the client's delayed ACK, about 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}

/// A failed accept is either one lost client or a process without file descriptors; the latter needs a pause.
async fn pause_after(error: &io::Error) {
    let lost_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !lost_client {
        tracing::error!(%error, "accept failed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
