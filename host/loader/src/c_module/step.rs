//! What a library in C says during one step. It says so by calling the host, which is of use in that step and that thread only.
use super::taken::taken;
use lip_abi::abi_stable::std_types::RVec;
use lip_abi::{Event, Op, StepOut, c};
use std::cell::Cell;
use std::ptr;

#[derive(Clone, Copy)]
struct Current {
    out: *mut StepOut,
    broken: Option<&'static str>,
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { out: ptr::null_mut(), broken: None }) };
}

/// Runs `step`, which may give the pointer to the library. Also gives what was wrong with what the library said.
pub(super) fn with<T>(out: &mut StepOut, step: impl FnOnce(*mut c::Out) -> T) -> (T, Option<&'static str>) {
    let out: *mut StepOut = out;
    let before = CURRENT.replace(Current { out, broken: None });
    let result = step(out.cast());
    (result, CURRENT.replace(before).broken)
}

/// Hands what `make` gives to `push`, if `out` is the step that this thread is in. Else it is dropped.
fn say<T>(out: *mut c::Out, made: Result<T, &'static str>, push: impl FnOnce(&mut StepOut, T)) {
    let current = CURRENT.get();
    if current.out.is_null() || !ptr::eq(out.cast(), current.out) {
        return;
    }
    match made {
        // SAFETY: not null, so this thread is within `with`, which borrows it mutably and does not touch it meanwhile.
        Ok(said) => push(unsafe { &mut *current.out }, said),
        Err(why) => CURRENT.set(Current { broken: Some(why), ..current }),
    }
}

fn record<T: Copy>(record: *const T) -> Result<T, &'static str> {
    if record.is_null() || !record.is_aligned() {
        return Err("a record at no address");
    }
    // SAFETY: neither null nor odd; the header says that it is lent for this call.
    Ok(unsafe { *record })
}

pub(super) extern "C" fn start_op(out: *mut c::Out, op: *const c::Op) {
    let made = record(op).and_then(|op| {
        let (meta, body) = (taken(op.meta), taken(op.body));
        let c::Op { id, kind, flags, handle, arg, .. } = op;
        Ok(Op { id, kind, flags, handle, arg, meta: meta?, body: body? })
    });
    say(out, made, |out, op| out.ops.push(op));
}

pub(super) extern "C" fn cancel_op(out: *mut c::Out, id: u64) {
    say(out, Ok(id), |out: &mut StepOut, id| RVec::push(&mut out.cancels, id));
}

pub(super) extern "C" fn emit(out: *mut c::Out, event: *const c::Event) {
    let made = record(event).and_then(|event| {
        let (meta, data) = (taken(event.meta), taken(event.data));
        let c::Event { kind, index, handle, arg, .. } = event;
        Ok(Event { kind, index, handle, arg, meta: meta?, data: data? })
    });
    say(out, made, |out, event| out.events.push(event));
}
