//! The functions that a host hands to a library: wake, log and a clock that only tests move.
use crate::effects::OPERATIONS;
use lip_abi::abi_stable::prefix_type::PrefixTypeTrait;
use lip_abi::abi_stable::std_types::RStr;
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns, HostFns_Ref};
use lip_plugin::glue::{self, Entry};
use lip_plugin::serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

/// A line that a connector logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u32,
    /// What it says.
    pub message: String,
}

/// 2023-11-14T22:13:20Z: where the virtual clock starts.
pub(crate) const START_UNIX_MS: u64 = 1_700_000_000_000;

// A wake may come from any thread and carries its key; the clock and the log belong to the test's thread.
static WOKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
thread_local! {
    static NOW_UNIX_MS: Cell<u64> = const { Cell::new(START_UNIX_MS) };
    static LOG: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn wake(key: u64) {
    WOKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
}

extern "C" fn log(level: u32, _target: RStr<'_>, message: RStr<'_>) {
    let message = message.as_str().to_owned();
    LOG.with_borrow_mut(|log| log.push(Line { level, message }));
}

extern "C" fn now_unix_ms() -> u64 {
    NOW_UNIX_MS.get()
}

extern "C" fn host_info() -> RStr<'static> {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = || {
        let [major, minor, patch] = lip_abi::abi_version();
        json!({"abi": format!("{major}.{minor}.{patch}"), "host": "testkit", "operations": OPERATIONS, "cage": "inproc"})
            .to_string()
    };
    RStr::from(TEXT.get_or_init(text).as_str())
}

fn functions() -> HostFns_Ref {
    static FUNCTIONS: OnceLock<HostFns_Ref> = OnceLock::new();
    *FUNCTIONS.get_or_init(|| HostFns { wake, log, now_unix_ms, host_info }.leak_into_prefix())
}

/// A task key that no other test uses.
pub(crate) fn new_key() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

pub(crate) fn take_wake(key: u64) -> bool {
    WOKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&key)
}

pub(crate) fn set_clock(unix_ms: u64) {
    NOW_UNIX_MS.set(unix_ms);
}

pub(crate) fn take_log() -> Vec<Line> {
    LOG.take()
}

/// Makes an instance: the host's functions, the connector's id, the instance's name, its config as JSON.
pub(crate) type Make = dyn Fn(HostFns_Ref, &str, &str, Buf) -> Result<ConnectorBox, AbiError> + Send + Sync;

/// Where connectors come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// A type of this program.
    Built(Entry),
    /// A library that was loaded, in this process or in another.
    Loaded(Arc<Make>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Built(entry) => entry.fmt(f),
            Self::Loaded(_) => f.write_str("a loaded library"),
        }
    }
}

/// Makes an instance as a host does.
pub(crate) fn create(
    source: &Source,
    connector: &str,
    instance: &str,
    config: Buf,
) -> Result<ConnectorBox, AbiError> {
    match source {
        Source::Built(entry) => {
            keep_panic_hook();
            glue::create(&[*entry], functions(), connector.into(), instance.into(), config).into_result()
        }
        Source::Loaded(make) => make(functions(), connector, instance, config),
    }
}

/// The first `create` of a library sends all its panics to the host's log. Here the library is the test binary:
/// its failed assertions must stay visible.
fn keep_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        drop(glue::create(&[], functions(), RStr::from(""), RStr::from(""), Buf::empty()));
        std::panic::set_hook(hook);
    });
}
