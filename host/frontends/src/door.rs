//! The way from a connection to a handler: straight for the routes that carry the load, through the router for all others.
use crate::app::{App, router};
use crate::diagnostics::{self, Local};
use crate::sockets::Sockets;
use crate::{anthropic, openai_chat};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Method, Request, Response};
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

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let mut request = request.map(Body::new);
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
