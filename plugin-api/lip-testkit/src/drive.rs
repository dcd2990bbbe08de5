//! Resumes a task until it ends, as a strict host: whatever the contract forbids is noted.
use crate::effects::World;
use crate::reply::End;
use crate::trouble::{self, Trouble};
use crate::{Failed, Outcome, host};
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{Completion, Event, Op, Step, StepOut, TaskBox, event};
use std::collections::BTreeSet;

/// Far more steps than any scripted answer needs.
const STEPS_MAX: usize = 1_000_000;

/// One task under way, in a world of its own.
pub(crate) struct Drive {
    task: TaskBox,
    key: u64,
    world: World,
    seen: Outcome,
    trouble: Trouble,
    cancel_after: Option<usize>,
    done: RVec<Completion>,
    out: StepOut,
    ids: BTreeSet<u64>,
    began_ms: u64,
}

/// How a task came to its end: by itself, or not.
type Ended = Option<Option<Failed>>;

impl Drive {
    pub(crate) fn new(task: TaskBox, key: u64, world: World, trouble: Trouble) -> Self {
        let (done, out, ids) = (RVec::new(), StepOut::default(), BTreeSet::new());
        let began_ms = world.now_unix_ms;
        let seen = Outcome::default();
        Self { task, key, world, seen, trouble, cancel_after: None, done, out, ids, began_ms }
    }

    pub(crate) fn cancel_after(mut self, steps: Option<usize>) -> Self {
        self.cancel_after = steps;
        self
    }

    /// To its end.
    pub(crate) fn run(mut self) -> Outcome {
        loop {
            if let Some(end) = self.step() {
                return self.finish(end);
            }
        }
    }

    /// One step. What it comes to once the task is over.
    pub(crate) fn step(&mut self) -> Option<Ended> {
        if self.cancel_after.is_some_and(|steps| self.seen.steps >= steps) {
            return Some(None);
        }
        if self.seen.steps == STEPS_MAX {
            self.seen.breach("the task never ends");
            return Some(None);
        }
        self.seen.steps += 1;
        let step = self.resume();
        self.done.clear();
        self.seen.events_per_step_max = self.seen.events_per_step_max.max(self.out.events.len());
        for event in std::mem::take(&mut self.out.events) {
            self.take(event);
        }
        self.start_all();
        match step {
            Step::Done => return Some(Some(None)),
            Step::Failed(error) => return Some(Some(Some(Failed::from(error)))),
            Step::Pending if !self.done.is_empty() | host::take_wake(self.key) => {}
            Step::Pending => match self.world.next_sleeper() {
                Some(slept) => self.done.push(slept),
                None => {
                    self.seen.breach("the task waits, and nothing that it asked for is under way");
                    return Some(None);
                }
            },
        }
        None
    }

    fn resume(&mut self) -> Step {
        let now = self.world.now_unix_ms;
        let Self { task, done, out, .. } = self;
        host::set_clock(now);
        match self.trouble {
            Trouble::Needless if !done.is_empty() => match task.resume(&mut RVec::new(), out) {
                Step::Pending => task.resume(done, out),
                ended => ended,
            },
            Trouble::Threads => std::thread::scope(|scope| {
                let work = scope.spawn(|| {
                    host::set_clock(now);
                    task.resume(done, out)
                });
                work.join().unwrap_or(Step::Done)
            }),
            _ => task.resume(done, out),
        }
    }

    /// Carries out what the step asked for.
    fn start_all(&mut self) {
        let ops = std::mem::take(&mut self.out.ops);
        for op in &ops {
            if !self.ids.insert(op.id) {
                self.seen.breach(format!("operation id {} is used twice", op.id));
            }
        }
        let cancelled: Vec<u64> = std::mem::take(&mut self.out.cancels).into_iter().collect();
        for id in cancelled.iter().filter(|id| !self.ids.contains(id)) {
            self.seen.breach(format!("operation {id} is cancelled and was never started"));
        }
        self.world.sleeping.retain(|(_, id)| !cancelled.contains(id));
        for op in ops.into_iter().filter(|op| !cancelled.contains(&op.id)) {
            let done = self.start(op);
            self.done.extend(done);
        }
        if self.trouble == Trouble::Forged {
            let last = self.ids.last().copied().unwrap_or_default();
            let late = cancelled.into_iter().chain([0, last + 1, u64::MAX]);
            self.done.extend(late.map(trouble::forged));
        }
    }

    fn start(&mut self, op: Op) -> Vec<Completion> {
        self.seen.asked.insert(op.kind);
        let done = match self.trouble {
            Trouble::Ends { op: kind, status } if kind == op.kind => Some(trouble::ended(op.id, status)),
            _ => self.world.start(op),
        };
        match (self.trouble, done) {
            (Trouble::Double, Some(done)) => vec![trouble::again(&done), done],
            (_, done) => done.into_iter().collect(),
        }
    }

    /// What a test sees of it.
    pub(crate) fn finish(self, end: Ended) -> Outcome {
        let Self { task, key, mut world, mut seen, began_ms, .. } = self;
        drop(task);
        host::take_wake(key);
        seen.slept_ms = world.now_unix_ms - began_ms;
        seen.requests.append(&mut world.requests);
        seen.denied.append(&mut world.denied);
        seen.reports.append(&mut world.accounts.reports);
        seen.shown.append(&mut world.accounts.shown);
        seen.awaited.append(&mut world.accounts.awaited);
        seen.cancelled = end.is_none();
        if let Some(error) = end {
            for handle in std::mem::take(&mut world.bodies).into_keys() {
                seen.breach(format!("body {handle} was left open"));
            }
            seen.whole = (seen.whole || !seen.spliced) && seen.status != 0 && error.is_none();
            seen.error = error;
        }
        seen
    }

    fn take(&mut self, event: Event) {
        let Self { world, seen, .. } = self;
        let answered = seen.events.iter().any(|e| [event::SPLICE, event::FULL].contains(&e.kind));
        let answers = [event::CHUNK, event::SPLICE, event::FULL].contains(&event.kind);
        if answers && (answered || (event.kind != event::CHUNK && seen.status != 0)) {
            seen.breach(format!("event {} comes after a complete answer or amid a stream", event.kind));
        }
        match event.kind {
            event::CHUNK | event::FULL => {
                seen.status = 200;
                seen.body.extend_from_slice(&event.data);
            }
            event::SPLICE => match world.bodies.remove(&event.handle) {
                Some(body) => {
                    seen.status = body.status;
                    seen.headers = body.headers;
                    seen.body.extend_from_slice(&event.data);
                    body.chunks.iter().for_each(|chunk| seen.body.extend_from_slice(chunk));
                    seen.whole = body.end == End::Clean;
                    seen.spliced = true;
                }
                None => seen.breach(format!("body {} is spliced, and there is no such body", event.handle)),
            },
            event::NOTE => seen.notes.push(String::from_utf8_lossy(&event.data).into_owned()),
            _ => {}
        }
        seen.events.push(event);
    }
}
