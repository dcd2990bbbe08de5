//! The way of an answer from the task that talks to an agent to who reads it: bytes of dialect `lip`.
use base::Fault;
use bytes::Bytes;
use http_body::Frame;
use lip_wire::Dialect;
use lip_wire::canon::{Event, Failure, FailureKind};
use lip_wire::codec::{EncodeCtx, StreamEncoder};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

/// Pieces of an answer that wait for a slow reader; then the agent waits too.
const PIECES_MAX: usize = 32;

/// The reader's end. Dropping it cancels the turn.
#[derive(Debug)]
pub struct Answer(mpsc::Receiver<Bytes>);

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.get_mut().0.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Is told once whether there is an answer.
pub(crate) type First = oneshot::Receiver<Result<(), Fault>>;

/// The writer's end.
pub(crate) struct Out {
    pieces: mpsc::Sender<Bytes>,
    first: Option<oneshot::Sender<Result<(), Fault>>>,
    encoder: StreamEncoder,
}

impl Out {
    /// Both ends.
    ///
    /// # Errors
    /// The dialect is not spoken: cannot be.
    pub(crate) fn new() -> Result<(Self, First, Answer), Fault> {
        let (pieces, answer) = mpsc::channel(PIECES_MAX);
        let (first, told) = oneshot::channel();
        let encoder = StreamEncoder::new(Dialect::Lip, EncodeCtx::default())
            .map_err(|e| Fault::host(base::Kind::Internal, "internal error").source(e))?;
        Ok((Self { pieces, first: Some(first), encoder }, told, Answer(answer)))
    }

    /// Waits until nobody reads any more.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let pieces = self.pieces.clone();
        async move { pieces.closed().await }
    }

    /// Does anybody still read?
    pub(crate) fn is_closed(&self) -> bool {
        self.pieces.is_closed()
    }

    /// Hands events on; waits while the reader is slow. What nobody reads is dropped.
    pub(crate) async fn send(&mut self, events: &mut Vec<Event>) {
        let mut bytes = Vec::new();
        let has_output = events.iter().any(|event| event.is_output() || matches!(event, Event::End));
        events.drain(..).for_each(|event| self.encoder.encode(&event, &mut bytes));
        if has_output && let Some(first) = self.first.take() {
            let _ = first.send(Ok(()));
        }
        if !bytes.is_empty() {
            let _ = self.pieces.send(bytes.into()).await;
        }
    }

    /// The turn failed: in the answer's place before any output, else at its end.
    pub(crate) async fn fail(&mut self, fault: Fault) {
        match self.first.take() {
            Some(first) => {
                let _ = first.send(Err(fault));
            }
            None => {
                let status = fault.status();
                let failure = Failure {
                    kind: FailureKind::of_status(status),
                    message: fault.public(),
                    code: fault.code.map(|code| code.into_owned()),
                    status: Some(status),
                    ..Failure::default()
                };
                self.send(&mut vec![Event::Failed(Box::new(failure))]).await;
            }
        }
    }
}
