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
use hyper::service::Service;
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

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let mut request = request.map(Body::new);
        let head_max = self.app.limits.head_bytes;
        if head_bytes(&request) > head_max {
            return Box::pin(async move { Ok(head_too_large(request, head_max).await) });
        }
        let app = State(Arc::clone(&self.app));
        if request.method() == Method::POST {
            match request.uri().path() {
                openai_chat::PATH => {
                    return Box::pin(async { Ok(openai_chat::create(app, request).await) });
                }
                anthropic::PATH => return Box::pin(async { Ok(anthropic::create(app, request).await) }),
                _ => {}
            }
        }
        if self.is_local && request.uri().path().starts_with(diagnostics::PREFIX) {
            request.extensions_mut().insert(Local);
        }
        Box::pin(self.router.clone().call(request))
    }
}
