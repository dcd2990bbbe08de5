//! Runs one task of a connector: resumes it with completions, has its effects carried out, yields its events.
mod bytes;
mod complete;
mod decode;
mod effect;
mod prefixed;
mod wake;
mod work;

pub(crate) use decode::{OPERATIONS, described, fault, header};
pub use effect::{Body, Effect, EffectFuture, Effects, HttpCall, Outcome, Refusal, SecretHeader, Upstream};
pub use prefixed::behind;
pub use wake::wake;
pub(crate) use work::Work;

use crate::cage::{EVENTS_MAX, OPS_MAX};
use crate::host_fns;
use crate::plugin::{Instance, Turn};
use ::bytes::Bytes;
use base::{Fault, Kind};
pub(crate) use bytes::{to_buf, to_bytes};
use complete::{failed, headers_json, ok, status_of};
use http::HeaderMap;
use http_body::Body as _;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{AbiError, Buf, Completion, Event, Op, Step, StepOut, event, op, status};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Effects that one task may have under way.
const INFLIGHT_MAX: usize = 256;
/// Steps without an event or a wait before other tasks of this thread get their turn.
const STEPS_PER_POLL: usize = 32;

/// A piece of the answer.
#[derive(Debug)]
pub enum RunEvent {
    /// Give the client this answer.
    Splice {
        /// Head and body.
        upstream: Upstream,
        /// The dialect's id, empty for the turn's.
        dialect: String,
    },
    /// The next bytes of a streamed answer.
    Chunk {
        /// The bytes, framed.
        bytes: Bytes,
        /// The dialect's id, empty for the turn's.
        dialect: String,
    },
    /// The whole answer.
    Full {
        /// The bytes.
        bytes: Bytes,
        /// The dialect's id, empty for the turn's.
        dialect: String,
    },
    /// Usage counts as JSON.
    Usage(Bytes),
    /// A sentence for the trace.
    Note(String),
}

enum Pending {
    Effect(EffectFuture),
    Read { handle: u64 },
}

struct Open {
    handle: u64,
    upstream: Upstream,
}

/// One running task. Dropping it cancels the task, then everything that it had opened.
pub struct Run {
    // Field order is drop order: the library's state first, then the effects it had asked for.
    task: Option<Work>,
    inflight: Vec<(u64, Pending)>,
    open: Vec<Open>,
    events: VecDeque<Event>,
    done: RVec<Completion>,
    out: StepOut,
    effects: Arc<dyn Effects>,
    registration: wake::Registration,
    last_handle: u64,
    fresh: bool,
    clock: Option<u64>, // stands still for as long as a step takes
    failed: Option<Fault>,
    turn: Option<Turn>,
    // Last: a task may borrow nothing of its instance, but the instance's code must outlive it.
    instance: Option<Arc<Instance>>,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.end_task();
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("key", &self.registration.key)
            .field("inflight", &self.inflight.len())
            .finish()
    }
}

impl Run {
    /// Starts a task through `start`, which gets the task's key.
    ///
    /// # Errors
    /// The library's own error when it refuses to start.
    pub(crate) fn start(
        effects: Arc<dyn Effects>,
        body: Bytes,
        start: impl FnOnce(u64, Buf) -> Result<Work, AbiError>,
    ) -> Result<Self, Fault> {
        let registration = wake::Registration::new();
        let clock = effects.stopped_at_ms();
        let task = host_fns::at(clock, || start(registration.key, to_buf(body)))
            .map_err(|error| decode::fault(&error))?;
        Ok(Self {
            task: Some(task),
            inflight: Vec::new(),
            open: Vec::new(),
            events: VecDeque::new(),
            done: RVec::new(),
            out: StepOut::default(),
            effects,
            registration,
            last_handle: 0,
            fresh: true,
            clock,
            failed: None,
            turn: None,
            instance: None,
        })
    }

    /// The next piece of the answer; `None` when the task is done.
    pub async fn next(&mut self) -> Option<Result<RunEvent, Fault>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Run::next`], for hand-written bodies.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RunEvent, Fault>>> {
        for _ in 0..STEPS_PER_POLL {
            while let Some(event) = self.events.pop_front() {
                if let Some(event) = self.event(event) {
                    return Poll::Ready(Some(event));
                }
            }
            if let Some(fault) = self.failed.take() {
                return Poll::Ready(Some(Err(fault)));
            }
            if self.task.is_none() {
                return Poll::Ready(None);
            }
            self.registration.register(cx);
            if self.task.as_ref().is_some_and(Work::is_busy) {
                ready!(self.poll_step(cx));
                continue;
            }
            self.poll_inflight(cx);
            let woken = self.registration.take();
            if self.done.is_empty() && !woken && !std::mem::take(&mut self.fresh) {
                return Poll::Pending;
            }
            self.begin_step();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_inflight(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while let Some((id, pending)) = self.inflight.get_mut(at) {
            let id = *id;
            let completion = match pending {
                Pending::Effect(future) => match future.as_mut().poll(cx) {
                    Poll::Pending => None,
                    Poll::Ready(outcome) => Some(self.completion(id, outcome)),
                },
                Pending::Read { handle } => {
                    let handle = *handle;
                    self.poll_read(id, handle, cx)
                }
            };
            match completion {
                None => at += 1,
                Some(completion) => {
                    self.done.push(completion);
                    drop(self.inflight.swap_remove(at));
                }
            }
        }
    }

    fn poll_read(&mut self, id: u64, handle: u64, cx: &mut Context<'_>) -> Option<Completion> {
        let Some(at) = self.open.iter().position(|open| open.handle == handle) else {
            return Some(failed(id, status::IO, "this task has no such open body"));
        };
        let body = &mut self.open.get_mut(at)?.upstream.body;
        loop {
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => return None,
                Poll::Ready(frame) => frame,
            };
            let completion = match frame {
                None => Completion { status: status::EOF, ..ok(id) },
                Some(Err(fault)) => {
                    let kind = if fault.kind == Kind::Timeout { status::TIMEOUT } else { status::IO };
                    failed(id, kind, fault.public())
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => {
                        return Some(Completion { handle, body: to_buf(data), ..ok(id) });
                    }
                    Err(_trailers) => continue,
                },
            };
            self.open.swap_remove(at);
            return Some(completion);
        }
    }

    fn completion(&mut self, id: u64, outcome: Outcome) -> Completion {
        match outcome {
            Outcome::Done => ok(id),
            Outcome::Value(bytes) => Completion { body: to_buf(bytes), ..ok(id) },
            Outcome::Nothing => Completion { status: status::EOF, ..ok(id) },
            Outcome::Failed(refusal, sentence) => failed(id, status_of(refusal), sentence),
            Outcome::Leased { number, told } => Completion { arg: number, body: to_buf(told), ..ok(id) },
            Outcome::NoLease { sentence, detail } => {
                Completion { body: to_buf(detail), ..failed(id, status::DENIED, sentence) }
            }
            Outcome::Listening(port, body) => {
                let upstream = Upstream { status: 200, headers: HeaderMap::new(), body };
                Completion { arg: port.into(), ..self.opened(id, upstream) }
            }
            Outcome::Head(upstream) => self.opened(id, upstream),
        }
    }

    fn opened(&mut self, id: u64, upstream: Upstream) -> Completion {
        self.last_handle += 1;
        let (handle, arg) = (self.last_handle, u64::from(upstream.status));
        self.open.push(Open { handle, upstream });
        Completion { handle, arg, ..ok(id) }
    }

    fn begin_step(&mut self) {
        self.clock = self.clock.and_then(|_| self.effects.stopped_at_ms());
        match self.task.as_mut() {
            None => {}
            Some(Work::Here(task)) => {
                let (turn, done, out) = (self.turn.as_ref(), &mut self.done, &mut self.out);
                let step = host_fns::at(self.clock, || work::step(task, turn, done, out));
                self.done.clear();
                let out = std::mem::take(&mut self.out);
                self.out = self.stepped(step, out); // keeps its allocations
            }
            #[cfg(target_os = "linux")]
            Some(Work::There(task)) => {
                host_fns::at(self.clock, || task.resume(std::mem::take(&mut self.done)));
            }
        }
    }

    /// Waits for the step that is under way in a worker.
    #[cfg(target_os = "linux")]
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Work::There(task)) = self.task.as_mut() else { return Poll::Ready(()) };
        match ready!(host_fns::at(self.clock, || task.poll(cx))) {
            Ok(reply) => {
                self.fresh = false;
                self.stepped(reply.step, reply.out);
            }
            Err(fault) => self.fail(fault),
        }
        Poll::Ready(())
    }

    #[cfg(not(target_os = "linux"))]
    const fn poll_step(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Takes in what a step brought.
    fn stepped(&mut self, step: Step, mut out: StepOut) -> StepOut {
        for cancelled in out.cancels.drain(..) {
            self.inflight.retain(|(id, _)| *id != cancelled);
        }
        if out.ops.len() > OPS_MAX || out.events.len() > EVENTS_MAX {
            self.fail(Fault::plugin(Kind::Internal, "the connector asked for too much in one step"));
            return StepOut::default();
        }
        for op in out.ops.drain(..) {
            self.begin(op);
        }
        self.events.extend(out.events.drain(..));
        match step {
            Step::Pending => {}
            Step::Done => self.end_task(),
            Step::Failed(error) => self.fail(decode::fault(&error)),
        }
        out
    }

    /// Lets go of the task, in whose destructors code of the library runs.
    fn end_task(&mut self) {
        if let Some(task) = self.task.take() {
            task.let_go(self.turn.as_ref());
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.end_task();
        self.inflight.clear();
        self.failed.get_or_insert(fault);
    }

    fn begin(&mut self, op: Op) {
        let id = op.id;
        match op.kind {
            op::CLOSE => self.open.retain(|open| open.handle != op.handle),
            op::HEADERS => {
                let completion = match self.open.iter().find(|open| open.handle == op.handle) {
                    Some(open) => Completion { meta: headers_json(&open.upstream.headers), ..ok(id) },
                    None => failed(id, status::IO, "this task has no such open body"),
                };
                self.done.push(completion);
            }
            _ if self.inflight.len() >= INFLIGHT_MAX => {
                self.done.push(failed(id, status::DENIED, "too many operations at once"));
            }
            op::BODY_READ => self.inflight.push((id, Pending::Read { handle: op.handle })),
            _ => match decode::effect(op) {
                Ok(Some(effect)) => {
                    let future = self.effects.start(effect);
                    self.inflight.push((id, Pending::Effect(future)));
                }
                Ok(None) => {
                    self.done.push(failed(id, status::UNSUPPORTED, "this host does not know the operation"))
                }
                Err(sentence) => self.done.push(failed(id, status::IO, sentence)),
            },
        }
    }

    fn event(&mut self, event: Event) -> Option<Result<RunEvent, Fault>> {
        let dialect = || String::from_utf8_lossy(&event.meta).into_owned();
        Some(Ok(match event.kind {
            event::CHUNK => RunEvent::Chunk { dialect: dialect(), bytes: to_bytes(event.data) },
            event::FULL => RunEvent::Full { dialect: dialect(), bytes: to_bytes(event.data) },
            event::USAGE => RunEvent::Usage(to_bytes(event.data)),
            event::NOTE => RunEvent::Note(String::from_utf8_lossy(&event.data).into_owned()),
            event::SPLICE => match self.open.iter().position(|open| open.handle == event.handle) {
                Some(at) => {
                    let mut upstream = self.open.swap_remove(at).upstream;
                    let dialect = dialect();
                    upstream.body = behind(to_bytes(event.data), upstream.body);
                    RunEvent::Splice { dialect, upstream }
                }
                None => {
                    return Some(Err(Fault::plugin(
                        Kind::Internal,
                        "the connector spliced a body that is not open",
                    )));
                }
            },
            _ => return None,
        }))
    }
}

impl Instance {
    /// Starts a task of this instance. `what`: `turn`, `models`, `count_tokens`, …; `meta`: the JSON envelope; `body`: the request in its
    /// dialect. `effects` carries out what it asks for.
    ///
    /// # Errors
    /// The library's own fault when it refuses to start, among them a caught panic.
    pub fn run(
        self: &Arc<Self>,
        effects: Arc<dyn Effects>,
        what: &str,
        meta: Vec<u8>,
        body: Bytes,
    ) -> Result<Run, Fault> {
        let turn = self.plugin().count()?;
        let mut run = Run::start(effects, body, |key, body| self.start(key, what, meta.into(), body))?;
        (run.instance, run.turn) = (Some(Arc::clone(self)), Some(turn));
        Ok(run)
    }
}
