//! The way from a connection to a handler: straight for the routes that carry the load, through the router for all others.
use crate::app::{App, head_too_large, refused, router};
use crate::auth::Peer;
use crate::connections::Busy;
use crate::diagnostics::{self, Local};
use crate::wired::{self, Leg};
use crate::{anthropic, openai_chat, pages};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use engine::ReplyBody;
use events::wire::Wire;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::Service as _;

/// Serves every route of an [`App`].
#[derive(Clone, Debug)]
pub struct Door {
    app: Arc<App>,
    router: Router,
    /// None: this machine itself.
    peer: Option<IpAddr>,
    is_local: bool,
}

impl Door {
    /// The door of `app`.
    pub fn new(app: Arc<App>) -> Self {
        Self { router: router(Arc::clone(&app)), app, peer: None, is_local: false }
    }

    /// The same door for a connection from `peer`.
    #[must_use]
    pub fn reached_from(&self, peer: IpAddr) -> Self {
        let is_local = peer.to_canonical().is_loopback();
        Self { is_local, peer: Some(peer).filter(|_| !is_local), ..self.clone() }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

/// The bytes of a request's head, but for its punctuation.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, str::len);
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    target + request.headers().iter().map(header).sum::<usize>()
}

type Routed = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

type Framed = Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>;

/// Where a request goes.
enum Way {
    Chat(Request<Incoming>),
    Messages(Request<Incoming>),
    Other(Routed),
}

impl Door {
    /// Answers a request.
    pub fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<> {
        self.answer_while(request, None)
    }

    /// Answers a request; its connection is `busy` until the answer has been given. Not boxed: a connection keeps the room for one
    /// answer, and most of its requests are turns.
    pub(crate) fn answer_while(
        &self,
        request: Request<Incoming>,
        mut busy: Option<Busy>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<> {
        // Over HTTP/1 an answer is polled by its connection, which is woken by itself.
        let has_own_task = request.version() == Version::HTTP_2;
        let mut wire = None;
        let (way, app) = (self.way(request, &mut wire), Arc::clone(&self.app));
        let leg = Leg::new(wire);
        async move {
            if let Some(busy) = busy.as_mut().filter(|_| has_own_task) {
                busy.is_given_here().await;
            }
            let response = match way {
                Way::Chat(request) => openai_chat::create(app, request).await.map(Inner::Turn),
                Way::Messages(request) => anthropic::create(app, request).await.map(Inner::Turn),
                Way::Other(answer) => answer.await.map(Inner::Routed),
            };
            leg.head(response.status(), response.headers());
            Ok(response.map(|body| Answer { body, leg, _busy: busy }))
        }
    }

    fn way(&self, mut request: Request<Incoming>, wire: &mut Option<Arc<dyn Wire>>) -> Way {
        let head_max = self.app.limits.head_bytes;
        if head_bytes(&request) > head_max {
            return Way::Other(Box::pin(refused(request.map(Body::new), head_too_large(head_max))));
        }
        if let Some(fault) = pages::refused(&request, &self.app.names, self.app.keys.is_open()) {
            return Way::Other(Box::pin(refused(request.map(Body::new), fault)));
        }
        if let Some(ip) = self.peer {
            request.extensions_mut().insert(Peer(ip));
        }
        if request.method() == Method::POST {
            if let Some(wires) = &self.app.wires {
                *wire = wired::begin(&**wires, &mut request);
            }
            match request.uri().path() {
                openai_chat::PATH => return Way::Chat(request),
                anthropic::PATH => return Way::Messages(request),
                _ => {}
            }
        }
        let mut request = request.map(Body::new);
        if self.is_local && diagnostics::is_guarded(request.uri().path()) {
            request.extensions_mut().insert(Local);
        }
        let answer = self.router.clone().call(request);
        Way::Other(Box::pin(async { answer.await.unwrap_or_else(|never| match never {}) }))
    }
}

/// The body of an answer. Its connection is busy until it is gone.
#[derive(Debug)]
pub struct Answer {
    body: Inner,
    leg: Leg,
    _busy: Option<Busy>,
}

#[derive(Debug)]
enum Inner {
    Turn(ReplyBody),
    Routed(Body),
}

impl Inner {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Framed>> {
        match self {
            Self::Turn(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Routed(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Turn(body) => body.is_end_stream(),
            Self::Routed(body) => body.is_end_stream(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.leg.is_told() {
            let is_whole = self.body.is_end_stream();
            // What its body knows of its upstreams is told before.
            self.body = Inner::Turn(ReplyBody::Full(None));
            self.leg.over(is_whole);
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = self.body.poll_frame(cx);
        self.leg.polled(&frame);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Inner::Turn(body) => body.size_hint(),
            Inner::Routed(body) => body.size_hint(),
        }
    }
}
