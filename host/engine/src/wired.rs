//! Questions to upstreams of a turn whose wires are kept: told as they go, or answered from what was kept before.
use crate::scope::{Parent, Scope, failed};
use base::{Fault, Kind};
use bytes::Bytes;
use egress::{Call, Head};
use events::wire::{Asked, End, Heard, Piece, Wire};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use loader::run::{self, Outcome, Refusal, Upstream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

impl Scope {
    /// The wires of its turn, where they are kept.
    pub(crate) fn wire(&self) -> Option<&Arc<dyn Wire>> {
        self.parent.as_ref().and_then(|Parent { job, .. }| job.turn.wire.as_ref())
    }

    /// What an HTTP request asks.
    pub(crate) fn asked(&self, call: &Call) -> Asked {
        self.asks(call.method.clone(), call.target.to_url(), call.headers.clone(), call.body.clone())
    }

    /// What a prompt asks an agent.
    pub(crate) fn asked_agent(&self, body: &Bytes) -> Asked {
        let method = http::Method::from_bytes(b"AGENT").unwrap_or_default();
        self.asks(method, "agent:".to_owned(), http::HeaderMap::new(), body.clone())
    }

    fn asks(&self, method: http::Method, url: String, headers: http::HeaderMap, body: Bytes) -> Asked {
        let (backend, attempt, key) = (self.backend.name().to_owned(), self.noted.at(), self.key);
        // Whatever stands in it later was leased before it.
        let tokens = self.leases.tokens();
        let is_leased = !tokens.is_empty();
        if let Some(wire) = self.wire() {
            tokens.into_iter().for_each(|token| wire.tell(Piece::Secret(token)));
        }
        let key_bytes = self.backend.spec().keys.get(key).map_or(0, |key| key.expose().len());
        Asked { backend, attempt, key, key_bytes, is_leased, method, url, headers, body }
    }
}

/// Asks by `send`, unless `wire` answers itself.
///
/// # Errors
/// The upstream's fault, as it is or as it was.
pub(crate) async fn ask(
    wire: Arc<dyn Wire>,
    asked: Asked,
    send: impl Future<Output = Result<Upstream, Fault>>,
) -> Result<Upstream, Fault> {
    let number = wire.next_question();
    if let Some(answer) = wire.answer_instead(&asked) {
        let Heard { status, headers, body } = answer.await?;
        return Ok(Upstream { status, headers, body: body.boxed_unsync() });
    }
    wire.tell(Piece::Asked(number, &asked));
    let mut waiting = Waiting { wire: Some(wire), number };
    let answered = send.await;
    let Some(wire) = waiting.wire.take() else { return answered };
    match answered {
        Ok(Upstream { status, headers, body }) => {
            wire.tell(Piece::Heard(number, status, &headers));
            let body = Listening { body, wire, number, is_over: false }.boxed_unsync();
            Ok(Upstream { status, headers, body })
        }
        Err(fault) => {
            wire.tell(Piece::Ended(number, &End::Broke(fault.clone())));
            Err(fault)
        }
    }
}

/// What `fresh` finds of this machine: told to the turn's wires, or what they found when the turn was kept. `of` says what it is.
pub(crate) fn find<T: Serialize + DeserializeOwned>(
    wire: Option<&Arc<dyn Wire>>,
    of: &str,
    fresh: impl FnOnce() -> T,
) -> T {
    let Some(wire) = wire else { return fresh() };
    if let Some(found) = wire.find_instead(of).and_then(|found| serde_json::from_slice(&found).ok()) {
        return found;
    }
    let found = fresh();
    wire.tell(Piece::Found(of, &serde_json::to_vec(&found).unwrap_or_default()));
    found
}

/// As [`find`], for what takes time: JSON, or the fault. What was not found when the turn was kept, for nobody waited, is not found again.
pub(crate) async fn find_later(
    wire: Option<Arc<dyn Wire>>,
    of: &str,
    fresh: impl Future<Output = Result<Value, Fault>>,
) -> Result<Value, Outcome> {
    let Some(wire) = wire else { return fresh.await.map_err(|fault| failed(&fault)) };
    if let Some(found) = wire.find_instead(of) {
        return match serde_json::from_slice(&found) {
            Ok(Later::Found(value)) => Ok(value),
            Ok(Later::Late(sentence)) => Err(Outcome::Failed(Refusal::Timeout, sentence)),
            Ok(Later::Failed(sentence)) => Err(Outcome::Failed(Refusal::Io, sentence)),
            Err(_) => std::future::pending().await,
        };
    }
    let found = fresh.await;
    let told = match &found {
        Ok(value) => Later::Found(value.clone()),
        Err(fault) if fault.kind == Kind::Timeout => Later::Late(fault.public()),
        Err(fault) => Later::Failed(fault.public()),
    };
    wire.tell(Piece::Found(of, &serde_json::to_vec(&told).unwrap_or_default()));
    found.map_err(|fault| failed(&fault))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Later {
    Found(Value),
    Late(String),
    Failed(String),
}

/// What an egress answers, as an effect's outcome.
pub(crate) fn upstream(head: Head) -> Upstream {
    Upstream { status: head.status, headers: head.headers, body: head.body.boxed_unsync() }
}

/// A question without an answer so far. Dropped: nobody waits for one any more.
struct Waiting {
    wire: Option<Arc<dyn Wire>>,
    number: u32,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(wire) = &self.wire {
            wire.tell(Piece::Ended(self.number, &End::Left));
        }
    }
}

/// A body that is told of as it is read.
struct Listening {
    body: run::Body,
    wire: Arc<dyn Wire>,
    number: u32,
    is_over: bool,
}

impl Listening {
    fn over(&mut self, end: End) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.wire.tell(Piece::Ended(self.number, &end));
        }
    }
}

impl Body for Listening {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            None => self.over(End::Whole),
            Some(Err(fault)) => self.over(End::Broke(fault.clone())),
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    self.wire.tell(Piece::Came(self.number, bytes));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let end = if self.body.is_end_stream() { End::Whole } else { End::Left };
        self.over(end);
    }
}
