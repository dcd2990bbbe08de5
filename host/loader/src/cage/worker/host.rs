//! What the library of a worker may call at any time: the same functions as in process, told to the host.
use super::super::frame::Tell;
use super::super::remote::now_ms;
use super::WORKER;
use crate::host_fns;
use lip_abi::HostFns_Ref;
use lip_abi::abi_stable::std_types::RStr;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The step that this thread carries out.
#[derive(Clone, Copy, Default)]
struct Step {
    key: Option<u64>,
    now_ms: u64,
    woken: bool,
}

thread_local! {
    static STEP: Cell<Step> = const { Cell::new(Step { key: None, now_ms: 0, woken: false }) };
}

/// Runs the library's code for the task `key` at the host's time; says whether it wants to be resumed.
pub(super) fn at<T>(key: u64, now_ms: u64, code: impl FnOnce() -> T) -> (T, bool) {
    STEP.set(Step { key: Some(key), now_ms, woken: false });
    let result = code();
    let step = STEP.take();
    (result, step.woken)
}

/// The table that the library gets.
pub(super) fn table() -> HostFns_Ref {
    static TABLE: std::sync::LazyLock<HostFns_Ref> =
        std::sync::LazyLock::new(|| host_fns::table_of(wake, log, now_unix_ms, host_info));
    *TABLE
}

extern "C" fn wake(key: u64) {
    let _ = catch_unwind(|| {
        let step = STEP.get();
        if step.key == Some(key) {
            STEP.set(Step { woken: true, ..step });
        } else if let Some(worker) = WORKER.get()
            && worker.tasks.is_to_be_told(key)
        {
            worker.tell(&Tell::Wake { key });
        }
    });
}

extern "C" fn log(level: u32, target: RStr<'_>, message: RStr<'_>) {
    let (target, message) = (target.as_rslice().as_slice(), message.as_rslice().as_slice());
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let Some(worker) = WORKER.get() else { return };
        let shown = |bytes: &[u8], max: usize| {
            String::from_utf8_lossy(bytes.get(..max).unwrap_or(bytes)).into_owned()
        };
        let target = shown(target, host_fns::TARGET_BYTES_MAX + 1);
        let message = shown(message, host_fns::MESSAGE_BYTES_MAX + 1);
        worker.tell(&Tell::Log { level, target, message });
    }));
}

extern "C" fn now_unix_ms() -> u64 {
    let step = STEP.get();
    if step.key.is_some() { step.now_ms } else { now_ms() }
}

extern "C" fn host_info() -> RStr<'static> {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| host_fns::info("child"));
    RStr::from(TEXT.as_str())
}
