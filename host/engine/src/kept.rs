//! Holds the end of an answer until what is told of its turn is kept, where somebody keeps it: a client that knows that its answer is whole
//! finds it counted, even if this host is killed at that moment.
use crate::record::Record;
use crate::settle::Form;
use crate::turn::{Failure, Reply, ReplyBody};
use base::Fault;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long an upstream may take from its last word to its end. One that takes longer is told of when it ends, and its client has waited enough.
const END_TIME: Duration = Duration::from_secs(1);
/// More than the longest word that says the end, which may stand in two chunks.
const SEAM_BYTES: usize = 24;

type Inner = Pin<Box<dyn Body<Data = Bytes, Error = Fault> + Send>>;

/// The answer, whose end waits. `record` is that of its turn.
///
/// # Errors
/// As before, once that is kept, too.
pub(crate) async fn kept(
    result: Result<Reply, Failure>,
    record: Record,
    form: Form,
) -> Result<Reply, Failure> {
    match result {
        Ok(Reply { status, headers, body: ReplyBody::Stream(body) }) => {
            let body = ReplyBody::stream(Kept::new(body, record, form));
            Ok(Reply { status, headers, body })
        }
        told => {
            record.kept().await;
            told
        }
    }
}

/// A body whose end waits.
struct Kept {
    body: Inner,
    record: Record,
    form: Form,
    /// What may go out.
    out: VecDeque<Frame<Bytes>>,
    /// What says the end, or may do so.
    held: Option<Frame<Bytes>>,
    seam: Vec<u8>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Has its client waited enough?
    is_late: bool,
    state: State,
}

enum State {
    Open,
    Keeping(Pin<Box<dyn Future<Output = ()> + Send>>),
    Over,
}

impl Kept {
    fn new(body: Inner, record: Record, form: Form) -> Self {
        Self {
            body,
            record,
            form,
            out: VecDeque::new(),
            held: None,
            seam: Vec::new(),
            timer: None,
            is_late: false,
            state: State::Open,
        }
    }

    fn came(&mut self, frame: Frame<Bytes>) {
        let may_end = !self.is_late && frame.data_ref().is_some_and(|chunk| self.may_end(chunk));
        self.out.extend(self.held.take());
        self.timer = None;
        match may_end {
            true => self.held = Some(frame),
            false => self.out.push_back(frame),
        }
    }

    /// Of a whole answer any chunk may be the last.
    fn may_end(&mut self, chunk: &[u8]) -> bool {
        self.seam.extend_from_slice(chunk.get(..SEAM_BYTES).unwrap_or(chunk));
        let is_cut_in_two = self.form.ends_with(&self.seam);
        if let Some(last) = chunk.len().checked_sub(SEAM_BYTES) {
            self.seam.clear();
            self.seam.extend_from_slice(chunk.get(last..).unwrap_or_default());
        }
        let surplus = self.seam.len().saturating_sub(SEAM_BYTES);
        self.seam.drain(..surplus);
        self.form == Form::Whole || is_cut_in_two || self.form.ends_with(chunk)
    }

    /// Nothing has come: has what is held waited long enough for the end?
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.held.is_none() {
            return Poll::Pending;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(END_TIME)));
        ready!(timer.as_mut().poll(cx));
        (self.timer, self.is_late) = (None, true);
        self.out.extend(self.held.take());
        Poll::Ready(())
    }
}

impl Body for Kept {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            if let Some(frame) = this.out.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            match &mut this.state {
                State::Open => {}
                State::Keeping(keeping) => {
                    ready!(keeping.as_mut().poll(cx));
                    this.state = State::Over;
                    this.out.extend(this.held.take());
                    continue;
                }
                State::Over => return Poll::Ready(None),
            }
            match this.body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => this.came(frame),
                Poll::Ready(Some(Err(fault))) => return Poll::Ready(Some(Err(fault))),
                Poll::Ready(None) => {
                    let record = this.record.clone();
                    this.state = State::Keeping(Box::pin(async move { record.kept().await }));
                }
                Poll::Pending => ready!(this.poll_late(cx)),
            }
        }
    }
}
