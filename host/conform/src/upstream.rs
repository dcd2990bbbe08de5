//! The scripted upstream: every vendor's endpoint on one loopback port. Says what the script says and writes down what it hears.
use crate::dialect::Dialect;
use crate::script::{Heard, Script, pieces};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

#[derive(Default)]
struct State {
    script: Option<Script>,
    heard: Vec<Heard>,
}

/// The upstream; ends with its last handle.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _task: JoinSet<()>,
}

impl Upstream {
    /// Listens on `address`; port 0 is a free one.
    pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A split stream is to arrive in its pieces.
                let _ = stream.set_nodelay(true);
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, state, _task: task })
    }

    /// From now on answers by `script`; what was heard before is forgotten.
    pub(crate) fn play(&self, script: Script) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.heard.clear();
        state.script = Some(script);
    }

    /// What was heard since.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).heard.clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Pieces>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let dialect = Dialect::of_path(&path).filter(|_| head.method == http::Method::POST);
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let script = state.script.clone().filter(|_| dialect.is_some());
    // Model lists and the like are no part of a case.
    if dialect.is_some() {
        state.heard.push(Heard { path, dialect, body });
    }
    drop(state);
    let Some(script) = script else {
        let body = Bytes::from_static(b"{\"error\":{\"message\":\"no such endpoint here\"}}");
        return Ok(response(404, "application/json", &[], vec![body]));
    };
    let headers: Vec<(&str, &str)> = script.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    Ok(response(script.status, script.content_type, &headers, pieces(&script.body, script.split)))
}

fn response(
    status: u16,
    content_type: &str,
    headers: &[(&str, &str)],
    pieces: Vec<Bytes>,
) -> Response<Pieces> {
    let mut builder = Response::builder().status(status).header("content-type", content_type);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Pieces(pieces.clone().into())).unwrap_or_else(|_| Response::new(Pieces(pieces.into())))
}

/// A body whose pieces are written one by one.
struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
