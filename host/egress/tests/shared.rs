//! HTTP/2: one connection for all turns with an upstream, replaced when it ends.
#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]
use bytes::Bytes;
use egress::{Call, Deadlines, Egress, Target};
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::DuplexStream;
use tokio::sync::{Barrier, Notify};
use tower_service::Service;

/// A stream on which both sides have agreed on HTTP/2.
struct Agreed(TokioIo<DuplexStream>);

impl Connection for Agreed {
    fn connected(&self) -> Connected {
        Connected::new().negotiated_h2()
    }
}

impl Read for Agreed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Agreed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// An upstream that answers with what it was asked, once as many requests are there as `meet` waits for.
#[derive(Clone)]
struct Upstream {
    opened: Arc<AtomicUsize>,
    meet: Arc<Barrier>,
    /// Tells every open connection to end.
    end: Arc<Notify>,
    ended: Arc<Notify>,
}

impl Upstream {
    fn new(meet: usize) -> Self {
        Self {
            opened: Arc::default(),
            meet: Arc::new(Barrier::new(meet)),
            end: Arc::default(),
            ended: Arc::default(),
        }
    }
}

impl Service<Uri> for Upstream {
    type Response = Agreed;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Agreed>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (near, far) = tokio::io::duplex(64 << 10);
        let (meet, end, ended) = (Arc::clone(&self.meet), Arc::clone(&self.end), Arc::clone(&self.ended));
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let meet = Arc::clone(&meet);
                async move {
                    meet.wait().await;
                    let seen = format!("{} {:?}", request.uri(), request.headers().get("host"));
                    assert_eq!(request.version(), Version::HTTP_2);
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(seen))))
                }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(far), answer));
            tokio::select! {
                result = connection.as_mut() => drop(result),
                () = end.notified() => {}
            }
            ended.notify_one();
        });
        Box::pin(async move { Ok(Agreed(TokioIo::new(near))) })
    }
}

async fn get(egress: &Egress, path: &str) -> String {
    let url = format!("http://api.test{path}").parse().expect("a URL");
    let target = Target::of(url, false).expect("a target");
    let call = Call { method: Method::GET, target, headers: HeaderMap::new(), body: Bytes::new() };
    let head = egress.send(call, None).await.expect("an answer");
    let body = head.body.collect().await.expect("a whole body").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

#[tokio::test]
async fn turns_share_a_connection_until_it_ends() {
    let upstream = Upstream::new(1);
    let egress = Egress::over(upstream.clone(), Deadlines::default());
    assert_eq!(get(&egress, "/a?b").await, "http://api.test/a?b None");
    assert_eq!(get(&egress, "/c").await, "http://api.test/c None");
    assert_eq!(upstream.opened.load(Ordering::Relaxed), 1);
    upstream.end.notify_one();
    upstream.ended.notified().await;
    assert_eq!(get(&egress, "/d").await, "http://api.test/d None");
    assert_eq!(upstream.opened.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn answers_come_at_the_same_time_on_one_connection() {
    let upstream = Upstream::new(2);
    let egress = Egress::over(upstream.clone(), Deadlines::default());
    let warm = tokio::join!(get(&egress, "/a"), get(&egress, "/b"));
    assert!(warm.0.contains("/a") && warm.1.contains("/b"));
    let opened = upstream.opened.load(Ordering::Relaxed);
    // Neither is answered before the other is there.
    let both = tokio::join!(get(&egress, "/c"), get(&egress, "/d"));
    assert!(both.0.contains("/c") && both.1.contains("/d"));
    assert_eq!(upstream.opened.load(Ordering::Relaxed), opened);
}
