//! Connectors below `lip-plugin`: what its executor makes impossible, a library in another language may do.
use crate::acme::{Good, MANIFEST};
use lip_abi::abi_stable::sabi_trait::TD_Opaque;
use lip_abi::abi_stable::std_types::{RResult, RStr, RVec};
use lip_abi::{
    AbiError, Buf, Completion, ConnectorBox, ConnectorObj, ConnectorObj_TO, Event, HostFns_Ref, Op, Step,
    StepOut, Task, Task_TO, TaskBox, event, op,
};
use lip_plugin::glue::{self, Entry};
use lip_testkit::conformance::Kit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;

fn library() -> String {
    format!("{{\"connectors\": [{MANIFEST}]}}")
}

/// Takes every id for its own.
pub(crate) fn obliging() -> Kit {
    let make = |host: HostFns_Ref, _: &str, instance: &str, config: Buf| good(host, instance, config);
    Kit::loaded(&library(), make)
}

/// Says nothing of what is wrong with a config.
pub(crate) fn silent() -> Kit {
    let make = |host: HostFns_Ref, _: &str, instance: &str, config: Buf| {
        let is_json = serde_json::from_slice::<serde_json::Value>(&config).is_ok();
        let error = AbiError { code: Buf::empty(), detail: Buf::empty() };
        if is_json { good(host, instance, config) } else { Err(error) }
    };
    Kit::loaded(&library(), make)
}

fn good(host: HostFns_Ref, instance: &str, config: Buf) -> Result<ConnectorBox, AbiError> {
    glue::create(&[Entry::of::<Good>()], host, "acme".into(), instance.into(), config).into_result()
}

/// What it looks at instead of the id of the completion.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trusts {
    /// How many come.
    Number,
    /// That its instance is there.
    Instance,
    /// That it is always the same thread.
    Thread,
}

struct Raw(Trusts, Arc<AtomicBool>);

struct RawTask {
    trusts: Trusts,
    is_gone: Arc<AtomicBool>,
    began: Option<ThreadId>,
}

pub(crate) fn trusting(what: Trusts) -> Kit {
    let make = move |_: HostFns_Ref, _: &str, _: &str, _: Buf| {
        Ok(ConnectorObj_TO::from_value(Raw(what, Arc::default()), TD_Opaque))
    };
    Kit::loaded(&library(), make)
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

impl ConnectorObj for Raw {
    fn start(&self, _: u64, _: RStr<'_>, meta: Buf, _: Buf) -> RResult<TaskBox, AbiError> {
        if serde_json::from_slice::<serde_json::Value>(&meta).is_err() {
            return RResult::RErr(AbiError { code: Buf::empty(), detail: Buf::empty() });
        }
        let task = RawTask { trusts: self.0, is_gone: Arc::clone(&self.1), began: None };
        RResult::ROk(Task_TO::from_value(task, TD_Opaque))
    }

    fn shutdown(&self) {}
}

impl Task for RawTask {
    fn resume(&mut self, done: &mut RVec<Completion>, out: &mut StepOut) -> Step {
        let here = std::thread::current().id();
        let Some(began) = self.began.replace(here) else {
            let (meta, body) = (Buf::from("{\"key\":\"k\"}"), Buf::empty());
            out.ops.push(Op { id: 1, kind: op::KV_GET, flags: 0, handle: 0, arg: 0, meta, body });
            return Step::Pending;
        };
        let data = match self.trusts {
            Trusts::Number => format!("{{\"n\":{}}}", done.len()),
            Trusts::Instance => format!("{{\"gone\":{}}}", self.is_gone.load(Ordering::Relaxed)),
            Trusts::Thread => format!("{{\"same\":{}}}", began == here),
        };
        let (meta, data) = (Buf::empty(), data.into());
        out.events.push(Event { kind: event::FULL, index: 0, handle: 0, arg: 0, meta, data });
        Step::Done
    }
}
