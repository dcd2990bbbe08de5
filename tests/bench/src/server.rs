//! The accept loop of the mock and of the floor: HTTP/1.1, TCP_NODELAY on every socket.
use crate::Failure;
use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

/// Serves `answer` on the loopback `port`, 0 for a free one, for ever. Prints `listening on ADDRESS` first.
///
/// # Errors
/// The port cannot be listened on.
pub async fn serve<B, F>(
    port: u16,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> Result<(), Failure>
where
    B: Body<Data = Bytes, Error: Into<Failure>> + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            // A client that goes away is the normal end of a connection here.
            let _ = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
