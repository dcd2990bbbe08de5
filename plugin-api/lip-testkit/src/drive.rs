//! Resumes a task until it ends, as a strict host: whatever the contract forbids is noted.
use crate::effects::World;
use crate::reply::End;
use crate::{Failed, Outcome, host};
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{Event, Step, StepOut, TaskBox, event};
use std::collections::BTreeSet;

/// Far more steps than any scripted answer needs.
const STEPS_MAX: usize = 1_000_000;

pub(crate) fn drive(
    mut task: TaskBox,
    key: u64,
    world: &mut World,
    seen: &mut Outcome,
    cancel_after: Option<usize>,
) {
    let (mut done, mut out) = (RVec::new(), StepOut::default());
    let (mut ids, mut ended) = (BTreeSet::new(), None);
    let began_ms = world.now_unix_ms;
    while ended.is_none() && cancel_after.is_none_or(|steps| seen.steps < steps) {
        if seen.steps == STEPS_MAX {
            seen.breach("the task never ends");
            break;
        }
        seen.steps += 1;
        host::set_clock(world.now_unix_ms);
        let step = task.resume(&mut done, &mut out);
        done.clear();
        out.events.drain(..).for_each(|event| take(event, world, seen));
        let cancelled: Vec<u64> = out.cancels.drain(..).collect();
        world.sleeping.retain(|(_, id)| !cancelled.contains(id));
        for op in out.ops.drain(..) {
            if !ids.insert(op.id) {
                seen.breach(format!("operation id {} is used twice", op.id));
            }
            if !cancelled.contains(&op.id) {
                done.extend(world.start(op));
            }
        }
        match step {
            Step::Done => ended = Some(None),
            Step::Failed(error) => ended = Some(Some(Failed::from(error))),
            Step::Pending if !done.is_empty() | host::take_wake(key) => {}
            Step::Pending => match world.next_sleeper() {
                Some(slept) => done.push(slept),
                None => {
                    seen.breach("the task waits, and nothing that it asked for is under way");
                    break;
                }
            },
        }
    }
    drop(task);
    host::take_wake(key);
    seen.slept_ms = world.now_unix_ms - began_ms;
    seen.requests.append(&mut world.requests);
    seen.reports.append(&mut world.accounts.reports);
    seen.shown.append(&mut world.accounts.shown);
    seen.awaited.append(&mut world.accounts.awaited);
    seen.cancelled = ended.is_none();
    if let Some(error) = ended {
        for handle in std::mem::take(&mut world.bodies).into_keys() {
            seen.breach(format!("body {handle} was left open"));
        }
        seen.whole = (seen.whole || !seen.spliced) && seen.status != 0 && error.is_none();
        seen.error = error;
    }
}

fn take(event: Event, world: &mut World, seen: &mut Outcome) {
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
