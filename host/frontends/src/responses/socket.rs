//! Responses over a WebSocket: `GET /v1/responses`, one answer after the other on one connection.
//! Source: OpenAI guide "WebSocket mode"; OpenAI API reference, "WebSocket events".
pub(crate) mod carried;
mod clock;
mod events;
mod line;
mod message;
mod outlet;
mod warmup;

use super::desk::{DIALECT, Desk, Ready, Recent};
use super::record::{Record, Unstored, is_terminal};
use super::{CREATE, Remembering};
use crate::app::Shared;
use crate::wired::{self, Leg, Wired};
use crate::{intake, respond};
use ::events::wire::{Piece, Wire};
use access::Client;
use axum::Extension;
use axum::body::Body;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::extract::{FromRequestParts, State};
use base::{Fault, Kind};
use bytes::Bytes;
use engine::{Failure, Reply, error_reply};
use events::Lane;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use line::Line;
use lip_wire::frame::sse::Decoder;
use message::Create;
use outlet::{Gone, Outlet, Told};
use std::sync::Arc;
use std::time::Instant;

const BETA: HeaderName = HeaderName::from_static("openai-beta");
/// By what the wires of a turn know its connection again.
const SOCKET: &str = "socket";

pub(super) async fn upgrade(
    State(app): State<Shared>,
    Extension(history): Remembering,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = app.keys.admit(&parts).and_then(|_| wanted(&parts, app.keys.is_open())) {
        return respond::error(DIALECT, &fault);
    }
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let sentence = format!("the WebSocket handshake failed: {}", rejection.body_text());
            return respond::error(DIALECT, &Fault::client(Kind::BadRequest, sentence));
        }
    };
    let message_bytes = app.limits.body_bytes;
    // Taken before the client knows that it is let in: a host that ends misses none.
    let place = app.sockets.join();
    parts.headers = without_socket_betas(parts.headers);
    let (number, desk) = (place.number, Desk { app, history });
    let connection = Connection { number, desk, parts, recent: Recent::default() };
    let upgrade = upgrade.max_message_size(message_bytes).max_frame_size(message_bytes);
    upgrade
        .on_upgrade(move |socket| connection.serve(Line::new(socket, place, message_bytes, Instant::now())))
}

/// Is this a WebSocket that the host wants?
fn wanted(parts: &Parts, is_open: bool) -> Result<(), Fault> {
    let is_upgrade =
        parts.headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_upgrade {
        let sentence = format!("{} takes GET for WebSockets only", parts.uri.path());
        return Err(Fault::client(Kind::MethodNotAllowed, sentence).hint("POST makes a response"));
    }
    // A browser sends WebSockets from any page to any host: without a key, the page's own host is all there is to go by.
    if is_open && is_foreign(&parts.headers) {
        let fault = Fault::client(Kind::Forbidden, "a page of another origin may not open a WebSocket here");
        return Err(fault.hint("Set a client key, and send it"));
    }
    Ok(())
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (origin, text(HOST)) {
        (Some((_, from)), Some(host)) => !from.eq_ignore_ascii_case(host),
        _ => true,
    }
}

/// Upstreams are asked by HTTP: what a client says of its WebSocket is not for them.
fn without_socket_betas(mut headers: HeaderMap) -> HeaderMap {
    let kept: Vec<HeaderValue> = headers
        .get_all(&BETA)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|list| list.split(',').map(str::trim).filter(|beta| !beta.starts_with("responses_websockets")))
        .map(|betas| betas.collect::<Vec<_>>().join(","))
        .filter(|list| !list.is_empty())
        .filter_map(|list| list.parse().ok())
        .collect();
    headers.remove(&BETA);
    for value in kept {
        headers.append(BETA, value);
    }
    headers
}

struct Connection {
    /// Which one it is, among all of its host.
    number: u64,
    desk: Desk,
    /// The request that opened it: its headers are those of every turn.
    parts: Parts,
    recent: Recent,
}

impl Connection {
    async fn serve(mut self, mut line: Line) {
        while let Some(message) = line.message().await {
            let wire = self.desk.app.wires.as_ref().and_then(|wires| wires.wire());
            if self.answer(&mut line, &message, wire).await.is_err() {
                return;
            }
        }
    }

    /// Answers one message.
    async fn answer(
        &mut self,
        outlet: &mut impl Outlet,
        message: &Utf8Bytes,
        wire: Option<Arc<dyn Wire>>,
    ) -> Result<(), Gone> {
        // Its key may have ended since the connection was opened.
        let client = self.desk.app.keys.admit(&self.parts);
        if let (Some(wire), Ok(client)) = (&wire, &client) {
            wired::request(&**wire, &self.parts, &Bytes::from(message.clone()), client);
            wire.tell(Piece::Found(SOCKET, self.number.to_string().as_bytes()));
        }
        let mut told = Told { outlet, leg: Leg::new(wire.clone()) };
        told.leg.head(StatusCode::SWITCHING_PROTOCOLS, &HeaderMap::new());
        // Boxed: a connection that waits for its client needs no room for a turn.
        let answered = Box::pin(self.answer_to(client, &mut told, message, wire)).await;
        told.leg.over(answered.is_ok());
        answered
    }

    /// An answer that cannot be given is an `error` event; the connection goes on.
    async fn answer_to(
        &mut self,
        client: Result<Arc<Client>, Fault>,
        outlet: &mut impl Outlet,
        message: &Utf8Bytes,
        wire: Option<Arc<dyn Wire>>,
    ) -> Result<(), Gone> {
        let create = match Create::read(message) {
            Ok(create) => create,
            Err(fault) => return outlet.send(Lane::default().fault(&fault)).await,
        };
        let lane = Lane::of(create.stream_id.as_deref());
        let ready = match client {
            Ok(client) => self.ready(&client, &create, wire.clone()).await,
            Err(fault) => Err(fault),
        };
        let ready = match ready {
            Ok(ready) => ready,
            Err(fault) => return outlet.send(lane.fault(&fault)).await,
        };
        if !create.generate {
            return self.warm_up(outlet, &lane, &ready, wire).await;
        }
        let desk = self.desk.clone();
        match outlet.meanwhile(desk.send(ready)).await? {
            Ok((reply, record)) => self.forward(outlet, &lane, reply, record).await,
            Err(Failure { raw: Some(raw), .. }) => outlet.send(lane.refusal(*raw)).await,
            Err(Failure { fault, raw: None }) => {
                outlet.send(lane.refusal(error_reply(DIALECT, &fault))).await
            }
        }
    }

    async fn ready(
        &self,
        client: &Arc<Client>,
        create: &Create,
        wire: Option<Arc<dyn Wire>>,
    ) -> Result<Ready, Fault> {
        let mut parts = self.parts.clone();
        if let Some(wire) = wire {
            parts.extensions.insert(Wired(wire));
        }
        let turn = CREATE.turn_of(client, &self.desk.app, &mut parts, &create.body).await?;
        self.desk.ready(turn, &self.recent, Unstored::Nowhere).await
    }

    /// Nothing is generated: what came is remembered, so that the next turn has to bring only what is new.
    async fn warm_up(
        &mut self,
        outlet: &mut impl Outlet,
        lane: &Lane,
        ready: &Ready,
        wire: Option<Arc<dyn Wire>>,
    ) -> Result<(), Gone> {
        let warm = warmup::warm(&ready.record.lens, wire.map(|wire| wire.moment()));
        self.recent.push(ready.record.request_alone(warm.id));
        for event in warm.events {
            outlet.send(lane.event(event.into())).await?;
        }
        Ok(())
    }

    /// Sends the events of a stream as messages. If the client goes away, dropping the body ends the upstream's work.
    async fn forward(
        &mut self,
        outlet: &mut impl Outlet,
        lane: &Lane,
        reply: Reply,
        record: Record,
    ) -> Result<(), Gone> {
        let mut body = reply.body;
        let mut events = Decoder::default();
        loop {
            let chunk = match outlet.meanwhile(body.frame()).await? {
                None => None,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => Some(chunk),
                    Err(_) => continue,
                },
                Some(Err(fault)) => return outlet.send(lane.fault(&fault)).await,
            };
            let is_over = chunk.is_none();
            if let Some(chunk) = chunk {
                events.push(chunk);
            }
            while let Some(event) = events.next_event() {
                let Ok(event) = event else { return outlet.send(lane.fault(&too_large())).await };
                if is_terminal(event.name(), &event.data) {
                    // First of all: the client may continue it as soon as it has it.
                    if let Some(noted) = record.event(&event.data, None) {
                        if let Some(keeping) = noted.keeping {
                            outlet.meanwhile(keeping).await?;
                        }
                        self.recent.push(noted.answer);
                    }
                }
                if let Some(message) = lane.of_stream(event.name(), &event.data) {
                    outlet.send(message).await?;
                }
            }
            if is_over {
                return Ok(());
            }
        }
    }
}

fn too_large() -> Fault {
    Fault::upstream(Kind::BadGateway, "the upstream sent an event that is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn pages_of_other_hosts_are_foreign() {
        for (list, foreign) in [
            (&[(HOST, "127.0.0.1:8000")][..], false),
            (&[(HOST, "127.0.0.1:8000"), (ORIGIN, "http://127.0.0.1:8000")], false),
            (&[(HOST, "127.0.0.1:8000"), (ORIGIN, "https://evil.test")], true),
            (&[(HOST, "127.0.0.1:8000"), (ORIGIN, "http://127.0.0.1:9000")], true),
            (&[(HOST, "127.0.0.1:8000"), (ORIGIN, "null")], true),
            (&[(ORIGIN, "http://127.0.0.1:8000")], true),
        ] {
            assert_eq!(is_foreign(&headers(list)), foreign, "{list:?}");
        }
    }

    #[test]
    fn only_betas_that_are_not_about_the_socket_go_on() {
        let kept = |value: &str| {
            let kept = without_socket_betas(headers(&[(BETA, value)]));
            kept.get(&BETA).map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(kept("responses_websockets=2026-02-06"), None);
        assert_eq!(kept("responses_websockets=2026-02-06, other=1").as_deref(), Some("other=1"));
        assert_eq!(kept("other=1").as_deref(), Some("other=1"));
    }
}
