//! The client's side of turns whose wires are kept.
use crate::app::{App, router_over};
use crate::responses::{Carried, Desk};
use crate::{anthropic, openai_chat, responses};
use access::Client;
use axum::Router;
use axum::body::Body;
use base::{Fault, Kind};
use bytes::Bytes;
use engine::{Engine, ReplyBody};
use events::wire::{End, Piece, Requested, Wire, Wires};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;
use std::task::Poll;
use tower::Service as _;

/// The wires of a request, on its way to its handler.
#[derive(Clone, Debug)]
pub(crate) struct Wired(pub(crate) Arc<dyn Wire>);

/// Wires for a request, if it is to have some.
pub(crate) fn begin<B>(wires: &dyn Wires, request: &mut Request<B>) -> Option<Arc<dyn Wire>> {
    let wire = wires.wire()?;
    request.extensions_mut().insert(Wired(Arc::clone(&wire)));
    Some(wire)
}

/// Tells of a request that was let in and read.
pub(crate) fn request(wire: &dyn Wire, parts: &Parts, body: &Bytes, client: &Client) {
    let Parts { method, uri, headers, .. } = parts;
    wire.tell(Piece::Request(&Requested { method, uri, headers, body, caller: &client.name }));
}

/// What the client gets, told as it goes.
#[derive(Debug, Default)]
pub(crate) struct Leg {
    wire: Option<Arc<dyn Wire>>,
    end: Option<End>,
}

impl Leg {
    pub(crate) const fn new(wire: Option<Arc<dyn Wire>>) -> Self {
        Self { wire, end: None }
    }

    pub(crate) fn head(&self, status: StatusCode, headers: &HeaderMap) {
        if let Some(wire) = &self.wire {
            wire.tell(Piece::Answer(status.as_u16(), headers));
        }
    }

    pub(crate) fn polled<E: Display>(&mut self, frame: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        let Some(wire) = &self.wire else { return };
        match frame {
            Poll::Pending => {}
            Poll::Ready(None) => self.end = Some(End::Whole),
            // What it says is the answer's last word, and goes to nobody.
            Poll::Ready(Some(Err(error))) => {
                self.end = Some(End::Broke(Fault::host(Kind::BadGateway, error.to_string())));
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    wire.tell(Piece::Sent(bytes));
                }
            }
        }
    }

    /// A piece went to the client.
    pub(crate) fn sent(&self, bytes: impl FnOnce() -> Bytes) {
        if let Some(wire) = &self.wire {
            wire.tell(Piece::Sent(&bytes()));
        }
    }

    pub(crate) const fn is_told(&self) -> bool {
        self.wire.is_some()
    }

    /// It is over; `is_whole`: all was given, even if nobody asked whether there is more.
    pub(crate) fn over(&mut self, is_whole: bool) {
        if let Some(wire) = self.wire.take() {
            let left = if is_whole { End::Whole } else { End::Left };
            wire.tell(Piece::Over(self.end.as_ref().unwrap_or(&left)));
        }
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.over(false);
    }
}

/// What a client would get.
pub type CarriedOut = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Carries out requests in the ways of [`crate::Door`], each with wires of its own. Who sent one is not asked, but for its key.
#[derive(Clone, Debug)]
pub struct Carrier {
    app: Arc<App>,
    /// The same for all: some routes remember what they answered.
    router: Router,
    sockets: Carried,
}

impl Carrier {
    /// `app` must keep wires.
    pub fn new(app: Arc<App>) -> Self {
        let history = responses::history(app.engine.link());
        let router = router_over(Arc::clone(&app), Arc::clone(&history));
        let sockets = Carried::new(Desk { app: Arc::clone(&app), history });
        Self { app, router, sockets }
    }

    /// What it carries out requests with.
    pub fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// Carries out one.
    pub async fn carry_out(&self, mut request: Request<Bytes>, wire: Arc<dyn Wire>) -> Response<CarriedOut> {
        // The only one of its method that has a body: a message of a WebSocket.
        if request.method() == Method::GET {
            return self.sockets.carry_out(request, wire).map(|body| body.map_err(Into::into).boxed_unsync());
        }
        request.extensions_mut().insert(Wired(wire));
        let (app, request) = (Arc::clone(&self.app), request.map(Full::new));
        let turned =
            |response: Response<ReplyBody>| response.map(|body| body.map_err(Into::into).boxed_unsync());
        match request.uri().path() {
            openai_chat::PATH => turned(openai_chat::create(app, request).await),
            anthropic::PATH => turned(anthropic::create(app, request).await),
            _ => {
                let answer = self.router.clone().call(request.map(Body::new)).await;
                let response = answer.unwrap_or_else(|never| match never {});
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            }
        }
    }
}

/// An app whose turns get their wires from whoever begins them.
#[derive(Clone, Copy, Debug)]
pub struct Given;

impl Wires for Given {
    fn wire(&self) -> Option<Arc<dyn Wire>> {
        None
    }
}
