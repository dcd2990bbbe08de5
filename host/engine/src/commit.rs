//! A streamed answer whose head went out before its first output: keep-alives until the turn is decided, then its answer or
//! an error inside the stream.
use crate::drive::Drive;
use crate::turn::{Failure, Reply, ReplyBody, What};
use crate::wire;
use base::Fault;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body::{Body, Frame};
use lip_wire::Dialect;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Time between two keep-alives.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);

pub(crate) type Deciding = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

enum State {
    Deciding { turn: Deciding, ticks: Interval },
    Answering(ReplyBody),
    Over,
}

/// The body after an early head.
pub(crate) struct Committed {
    state: State,
    dialect: Dialect,
}

impl Drive {
    /// Does a thinker speak first?
    pub(crate) fn thinks(&self) -> bool {
        self.job.turn.what == What::Generate && self.job.planned.plan.thinker.is_some()
    }

    /// Runs the plan, and sends the head early where that takes too long.
    pub(crate) fn committing(self) -> impl Future<Output = Result<Reply, Failure>> + Send {
        let (thinks, dialect) = (self.thinks(), self.job.turn.dialect);
        let patience = self.budgets.commit_after.unwrap_or_default();
        let (tell, mut told) = oneshot::channel();
        let record = self.telling.record();
        let mut deciding: Deciding =
            if thinks { Box::pin(self.think_and_run(Some(tell))) } else { Box::pin(self.run(Some(tell))) };
        async move {
            let decided = tokio::select! {
                biased;
                decided = &mut deciding => Some(decided),
                Ok(()) = &mut told => None,
                // Nobody looks at the clock while a thinker thinks.
                () = async { tokio::time::sleep(patience).await }, if thinks => None,
            };
            match decided {
                Some(decided) => decided,
                None => {
                    record.committed(200);
                    let mut headers = HeaderMap::with_capacity(4);
                    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
                    Ok(Reply {
                        status: 200,
                        headers,
                        body: ReplyBody::stream(Committed::new(deciding, dialect)),
                    })
                }
            }
        }
    }
}

impl Committed {
    fn new(turn: Deciding, dialect: Dialect) -> Self {
        let mut ticks = interval(KEEP_ALIVE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { state: State::Deciding { turn, ticks }, dialect }
    }
}

/// What keeps a stream of this dialect alive: a comment, which every SSE parser drops, or the dialect's own ping.
/// Source: WHATWG HTML, "Server-sent events"; Anthropic API reference, "Streaming messages", ping events.
const fn keep_alive(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::AnthropicMessages => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
        _ => b": keep-alive\n\n",
    }
}

impl Body for Committed {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Over => return Poll::Ready(None),
                State::Answering(body) => return Pin::new(body).poll_frame(cx),
                State::Deciding { turn, ticks } => match turn.as_mut().poll(cx) {
                    Poll::Ready(Ok(reply)) => this.state = State::Answering(reply.body),
                    Poll::Ready(Err(failure)) => {
                        this.state = State::Over;
                        let event = wire::stream_error(this.dialect, &failure.fault, Some(0));
                        return Poll::Ready(Some(Ok(Frame::data(event))));
                    }
                    Poll::Pending => {
                        std::task::ready!(ticks.poll_tick(cx));
                        let bytes = Bytes::from_static(keep_alive(this.dialect));
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                },
            }
        }
    }
}
