//! Records that the author's crate would never write, and steps that never end in it.
use lip_plugin::lip_abi::abi_stable::sabi_trait::TD_Opaque;
use lip_plugin::lip_abi::abi_stable::std_types::{RResult, RStr, RVec};
use lip_plugin::lip_abi::{
    AbiError, Buf, Completion, ConnectorBox, ConnectorObj, ConnectorObj_TO, Event, HostFns_Ref, Op, Step,
    StepOut, Task, Task_TO, TaskBox, event, op,
};
use lip_plugin::{Deserialize, serde_json};

const MANY: u64 = 1_000_000;
const ANSWER: &str =
    r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"CONTENT"}}]}"#;

/// Stands before an instance and starts tasks of its own where the model asks for one.
pub(crate) struct Forger {
    pub(crate) inner: ConnectorBox,
    pub(crate) host: HostFns_Ref,
}

#[derive(Deserialize, Default)]
#[serde(default, crate = "lip_plugin::serde")]
struct Asked {
    model: String,
}

impl ConnectorObj for Forger {
    fn start(&self, key: u64, what: RStr<'_>, meta: Buf, body: Buf) -> RResult<TaskBox, AbiError> {
        let asked: Asked = serde_json::from_slice(&meta).unwrap_or_default();
        let line = format!("at work: {}", asked.model);
        (self.host.log())(3, RStr::from("torture"), RStr::from(line.as_str()));
        let step = match asked.model.as_str() {
            _ if what.as_str() != "turn" => return self.inner.start(key, what, meta, body),
            "start-unwinds" => panic!("asked to panic without a net"),
            "start-fails-oddly" => return RResult::RErr(odd()),
            "unwinds" => unwinds,
            "fails-oddly" => fails_oddly,
            "floods-events" => floods_events,
            "floods-chunks" => floods_chunks,
            "floods-ops" => floods_ops,
            "floods-cancels" => floods_cancels,
            "floods-answers" => floods_answers,
            "asks-unknown" => asks_unknown,
            "asks-garbage" => asks_garbage,
            "reuses-ids" => reuses_ids,
            "says-unknown" => says_unknown,
            "splices-nothing" => splices_nothing,
            "answers-garbage" => answers_garbage,
            "streams-garbage" => streams_garbage,
            "names-no-dialect" => names_no_dialect,
            "works-when-done" => works_when_done,
            "says-nothing" => says_nothing,
            "waits-for-nothing" => waits_for_nothing,
            "wakes-others" => wakes_others,
            "spins-awake" => spins_awake,
            _ => return self.inner.start(key, what, meta, body),
        };
        let task = Forged { step, n_steps: 0, key, host: self.host };
        RResult::ROk(Task_TO::from_value(task, TD_Opaque))
    }

    fn shutdown(&self) {
        self.inner.shutdown();
    }
}

/// An instance with a forger before it.
pub(crate) fn before(inner: ConnectorBox, host: HostFns_Ref) -> ConnectorBox {
    ConnectorObj_TO::from_value(Forger { inner, host }, TD_Opaque)
}

struct Forged {
    step: fn(&mut Forged, &mut StepOut) -> Step,
    n_steps: u64,
    key: u64,
    host: HostFns_Ref,
}

impl Task for Forged {
    fn resume(&mut self, _done: &mut RVec<Completion>, out: &mut StepOut) -> Step {
        self.n_steps += 1;
        (self.step)(self, out)
    }
}

fn ask(id: u64, kind: u32, handle: u64, meta: impl Into<Buf>) -> Op {
    Op { id, kind, flags: u32::MAX, handle, arg: u64::MAX, meta: meta.into(), body: Buf::empty() }
}

fn say(kind: u32, handle: u64, meta: impl Into<Buf>, data: impl Into<Buf>) -> Event {
    Event { kind, index: u32::MAX, handle, arg: u64::MAX, meta: meta.into(), data: data.into() }
}

fn answer(out: &mut StepOut, content: &str) -> Step {
    out.events.push(say(event::FULL, 0, "", ANSWER.replace("CONTENT", content)));
    Step::Done
}

fn odd() -> AbiError {
    let mut code = b"upstream\0\xff".to_vec();
    code.extend(std::iter::repeat_n(b'c', 1 << 20));
    AbiError { code: code.into(), detail: vec![0xfe; 4 << 20].into() }
}

fn unwinds(_: &mut Forged, _: &mut StepOut) -> Step {
    panic!("asked to panic without a net")
}

fn fails_oddly(_: &mut Forged, _: &mut StepOut) -> Step {
    Step::Failed(odd())
}

fn floods_events(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.extend((0..MANY).map(|_| say(event::NOTE, 0, "", "flood")));
    Step::Pending
}

fn floods_chunks(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.extend((0..MANY).map(|_| say(event::CHUNK, 0, "", "data: {\"choices\":[]}\n\n")));
    Step::Pending
}

/// A million sleeps in one step.
fn floods_ops(task: &mut Forged, out: &mut StepOut) -> Step {
    if task.n_steps == 1 {
        out.ops.extend((0..MANY).map(|id| ask(id, op::SLEEP, 0, "")));
        return Step::Pending;
    }
    answer(out, "still here")
}

fn floods_cancels(_: &mut Forged, out: &mut StepOut) -> Step {
    out.cancels.extend(0..MANY);
    answer(out, "still here")
}

/// A whole answer, many times.
fn floods_answers(_: &mut Forged, out: &mut StepOut) -> Step {
    for _ in 0..100 {
        answer(out, "once more");
    }
    Step::Done
}

fn asks_unknown(task: &mut Forged, out: &mut StepOut) -> Step {
    if task.n_steps == 1 {
        let kinds = [0, 5, 6, 7, 11, 12, 13, 999, u32::MAX];
        out.ops.extend(kinds.iter().zip(1..).map(|(kind, id)| ask(id, *kind, u64::MAX, "")));
        out.ops.extend(
            [op::BODY_READ, op::CLOSE, op::HEADERS]
                .iter()
                .zip(100..)
                .map(|(kind, id)| ask(id, *kind, 77, "")),
        );
        return Step::Pending;
    }
    answer(out, "told so")
}

/// Parameters that are no JSON, no UTF-8, or far too large.
fn asks_garbage(task: &mut Forged, out: &mut StepOut) -> Step {
    if task.n_steps == 1 {
        let garbage: [Vec<u8>; 6] = [
            Vec::new(),
            b"{".to_vec(),
            vec![0; 64],
            vec![0xff; 64],
            b"[".repeat(100_000),
            vec![b' '; 2 << 20],
        ];
        let kinds = (1..=22).filter(|kind| ![op::SLEEP, op::CLOSE].contains(kind));
        for (kind, meta) in kinds.flat_map(|kind| garbage.iter().map(move |meta| (kind, meta))) {
            out.ops.push(ask(out.ops.len() as u64, kind, 0, meta.clone()));
        }
        return Step::Pending;
    }
    answer(out, "told so")
}

/// The same number for several operations, and cancels of what is not there.
fn reuses_ids(task: &mut Forged, out: &mut StepOut) -> Step {
    out.cancels.extend([7, 7, 8, 0, u64::MAX]);
    if task.n_steps < 3 {
        let zero = |id| Op { arg: 0, ..ask(id, op::SLEEP, 0, "") };
        out.ops.extend([zero(7), zero(7), zero(0), zero(u64::MAX), zero(7)]);
        return Step::Pending;
    }
    answer(out, "confused")
}

fn says_unknown(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.extend([0, 6, 99, u32::MAX].map(|kind| say(kind, 1, "smoke", "signals")));
    out.events.push(say(event::USAGE, 0, "", vec![0xff; 100]));
    out.events.push(say(event::NOTE, 0, "", vec![0; 100_000]));
    answer(out, "unknown")
}

fn splices_nothing(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.push(say(event::SPLICE, 42, "", ""));
    Step::Done
}

fn answers_garbage(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.push(say(event::FULL, 0, "", vec![0xff; 1000]));
    Step::Done
}

fn streams_garbage(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.extend((0..10).map(|_| say(event::CHUNK, 0, "", vec![0xc3; 1000])));
    Step::Done
}

fn names_no_dialect(_: &mut Forged, out: &mut StepOut) -> Step {
    out.events.push(say(event::FULL, 0, vec![0xff; 1 << 20], "{}"));
    Step::Done
}

/// Asks and speaks in the step that it calls its last.
fn works_when_done(_: &mut Forged, out: &mut StepOut) -> Step {
    out.ops.extend((0..10).map(|id| ask(id, op::SLEEP, 0, "")));
    answer(out, "done and not done")
}

/// Is done without a word.
fn says_nothing(_: &mut Forged, _: &mut StepOut) -> Step {
    Step::Done
}

/// Waits, with nothing to wait for.
fn waits_for_nothing(_: &mut Forged, _: &mut StepOut) -> Step {
    Step::Pending
}

/// Wakes tasks that are not its own, as fast as two threads can, for as long as the process lives.
fn wakes_others(task: &mut Forged, out: &mut StepOut) -> Step {
    let (wake, own) = (task.host.wake(), task.key);
    for first in [0, u64::MAX - 1_000_000] {
        std::thread::spawn(move || {
            for key in (first..).take(1_000_000).cycle().filter(|key| *key != own) {
                wake(key);
            }
        });
    }
    answer(out, "all awake")
}

/// Has itself resumed for ever.
fn spins_awake(task: &mut Forged, _: &mut StepOut) -> Step {
    (task.host.wake())(task.key);
    Step::Pending
}
