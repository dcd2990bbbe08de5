//! The way from a connection to a handler: straight for the routes that carry the load, through the router for all others.
use crate::app::{App, head_too_large, router};
use crate::diagnostics::{self, Local};
use crate::sockets::Sockets;
use crate::{anthropic, openai_chat};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tower::Service as _;

/// Serves every route of an [`App`].
#[derive(Clone, Debug)]
pub struct Door {
    app: Arc<App>,
    router: Router,
    is_local: bool,
}

impl Door {
    /// The door of `app`.
    pub fn new(app: Arc<App>) -> Self {
        Self { router: router(Arc::clone(&app)), app, is_local: false }
    }

    /// The same door for a connection from `peer`.
    #[must_use]
    pub fn reached_from(&self, peer: IpAddr) -> Self {
        Self { is_local: peer.to_canonical().is_loopback(), ..self.clone() }
    }

    pub(crate) fn sockets(&self) -> Sockets {
        self.app.sockets.clone()
    }
}

/// The bytes of a request's head, but for its punctuation.
fn head_bytes(request: &Request<Body>) -> usize {
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, str::len);
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    target + request.headers().iter().map(header).sum::<usize>()
}

type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Where a request goes.
enum Way {
    Chat(Request<Body>),
    Messages(Request<Body>),
    Other(Answer),
}

impl Door {
    /// Answers a request. Not boxed: a connection keeps the room for one answer, and most of its requests are turns.
    pub fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<> {
        let (way, app) = (self.way(request.map(Body::new)), State(Arc::clone(&self.app)));
        async move {
            Ok(match way {
                Way::Chat(request) => openai_chat::create(app, request).await,
                Way::Messages(request) => anthropic::create(app, request).await,
                Way::Other(answer) => answer.await,
            })
        }
    }

    fn way(&self, mut request: Request<Body>) -> Way {
        let head_max = self.app.limits.head_bytes;
        if head_bytes(&request) > head_max {
            return Way::Other(Box::pin(head_too_large(request, head_max)));
        }
        if request.method() == Method::POST {
            match request.uri().path() {
                openai_chat::PATH => return Way::Chat(request),
                anthropic::PATH => return Way::Messages(request),
                _ => {}
            }
        }
        if self.is_local && request.uri().path().starts_with(diagnostics::PREFIX) {
            request.extensions_mut().insert(Local);
        }
        let answer = self.router.clone().call(request);
        Way::Other(Box::pin(async { answer.await.unwrap_or_else(|never| match never {}) }))
    }
}
