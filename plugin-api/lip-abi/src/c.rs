//! The same boundary for libraries in C, C++ and every language that can write a C function: plain tables and records,
//! from which `include/lip_plugin.h` is generated. The records are those of the other faces, number for number.
//!
//! Pointers here come from strangers: a function may be missing, a table may be shorter than this host's.
use std::ffi::c_void;

/// Bytes that are lent for the duration of a call; UTF-8 where they are text. Not terminated by a zero.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The first byte. May be null when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

/// How to keep and let go the owner of a buffer's memory. Both may be called from any thread.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BufVt {
    /// Adds one reference to the owner.
    pub retain: Option<unsafe extern "C" fn(owner: *const c_void)>,
    /// Drops one reference; the last one frees the memory.
    pub release: Option<unsafe extern "C" fn(owner: *const c_void)>,
}

/// Immutable bytes with an owner that counts references. All zeros: no bytes. Without `vt`: bytes that live as long as the library.
/// A buffer that is handed over carries one reference with it; one that is lent must be kept before it is stored.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Buf {
    /// The first byte. May be null when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
    /// What `vt` is called with.
    pub owner: *const c_void,
    /// The owner's functions, or null. They live as long as the library.
    pub vt: *const BufVt,
}

impl Buf {
    /// No bytes.
    pub const EMPTY: Self =
        Self { ptr: std::ptr::null(), len: 0, owner: std::ptr::null(), vt: std::ptr::null() };
}

/// Library to host: do this. The host answers each with exactly one completion, unless it is cancelled.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// Chosen by the library, never reused within a task.
    pub id: u64,
    /// One of `LIP_OP_…`.
    pub kind: u32,
    /// Zero unless the kind says otherwise.
    pub flags: u32,
    /// A body or stream of this task.
    pub handle: u64,
    /// A number, per kind.
    pub arg: u64,
    /// Parameters, per kind.
    pub meta: Buf,
    /// Payload, per kind.
    pub body: Buf,
}

/// Host to library: an operation ended. Its buffers are lent for the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// The `id` of the operation.
    pub id: u64,
    /// One of `LIP_STATUS_…`.
    pub status: u32,
    /// Zero unless the kind says otherwise.
    pub flags: u32,
    /// A new body or stream of this task.
    pub handle: u64,
    /// A number, per kind.
    pub arg: u64,
    /// Result data, per kind; one sentence when the status is no success.
    pub meta: Buf,
    /// Payload, per kind.
    pub body: Buf,
}

/// Library to host: a piece of the answer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// One of `LIP_EVENT_…`.
    pub kind: u32,
    /// Zero unless the kind says otherwise.
    pub index: u32,
    /// A body of this task.
    pub handle: u64,
    /// A number, per kind.
    pub arg: u64,
    /// Parameters, per kind.
    pub meta: Buf,
    /// Payload, per kind.
    pub data: Buf,
}

/// Why a call or a task failed. The host gives it filled with zeros; what the library writes is handed over.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Error {
    /// UTF-8: `auth`, `rate_limited`, `upstream`, `bad_request`, `not_found`, `timeout`, `unsupported`, `io`, `denied`, `bad_config`, …
    pub code: Buf,
    /// JSON `{message, hint?, status?, retry_after_ms?, param?, code?}`; that `code` goes to the client.
    pub detail: Buf,
}

/// Where a step puts what it produces: lent to one call of `resume`, and of no use after it or in another thread.
#[repr(C)]
#[derive(Debug)]
pub struct Out {
    _private: u8,
}

/// Done, or waiting: `create` and `start` succeeded; `resume` waits for completions or a wake.
pub const PENDING: u32 = 0;
/// The task is complete. Only from `resume`.
pub const DONE: u32 = 1;
/// It failed, and the error says why. Every other number means the same.
pub const FAILED: u32 = 2;

/// The functions of the host. They may be called from any thread at any time and never block, but for the three that take a step's [`Out`].
/// Lives as long as the process. It grows at its end only: what lies beyond `size` is missing on this host.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Bytes of this table.
    pub size: usize,
    /// Asks for a `resume` of the task `key` soon. Unknown and old keys are ignored.
    pub wake: extern "C" fn(key: u64),
    /// One log line. Levels: 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub log: extern "C" fn(level: u32, target: Text, message: Text),
    /// Milliseconds since 1970-01-01T00:00:00Z by the host's clock.
    pub now_unix_ms: extern "C" fn() -> u64,
    /// What this host is: JSON `{abi, host, operations: [number, …], cage}`.
    pub host_info: extern "C" fn() -> Text,
    /// A buffer that holds a copy of these bytes, handed over.
    pub copy: extern "C" fn(bytes: *const u8, len: usize) -> Buf,
    /// Asks for an operation. Its buffers are handed over.
    pub start_op: extern "C" fn(out: *mut Out, op: *const Op),
    /// The result of the operation `id` is not wanted any more.
    pub cancel_op: extern "C" fn(out: *mut Out, id: u64),
    /// Gives a piece of the answer. Its buffers are handed over.
    pub emit: extern "C" fn(out: *mut Out, event: *const Event),
}

/// What a library exports, under the name `lip_plugin_c_v1`. It grows at its end only: what lies beyond `size` is missing in this library.
///
/// Instances and tasks are pointers of the library's own choice, but not null. An instance may be used by many threads at a time; a task is
/// used by one thread at a time, and may outlive its instance's `shutdown` but not its `drop_instance`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// Bytes of this table.
    pub size: usize,
    /// Major, minor and patch of the interface it was written for, then a zero: `LIP_ABI`.
    pub abi: [u16; 4],
    /// JSON `{plugin, version, abi, connectors: [{id, title, dialects, …}]}`; lives as long as the library.
    pub manifest: Option<unsafe extern "C" fn() -> Text>,
    /// Makes one instance of the connector named `connector`. `config`: the instance's JSON object, lent. Performs no IO.
    /// `LIP_PENDING`: `*made` is the instance; anything else: `*error` says why not.
    pub create: Option<
        unsafe extern "C" fn(
            host: *const Host,
            connector: Text,
            instance: Text,
            config: *const Buf,
            made: *mut *mut c_void,
            error: *mut Error,
        ) -> u32,
    >,
    /// Starts the task `key`. `what`: `turn`, `models`, `count_tokens`, …; `meta`: JSON envelope; `body`: the request in its dialect; both lent.
    /// `LIP_PENDING`: `*made` is the task, which is resumed next; anything else: `*error` says why not.
    pub start: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            key: u64,
            what: Text,
            meta: *const Buf,
            body: *const Buf,
            made: *mut *mut c_void,
            error: *mut Error,
        ) -> u32,
    >,
    /// Takes what has completed and says what to do next: `LIP_PENDING`, `LIP_DONE` or `LIP_FAILED`. Must not block.
    pub resume: Option<
        unsafe extern "C" fn(
            task: *mut c_void,
            done: *const Completion,
            n_done: usize,
            out: *mut Out,
            error: *mut Error,
        ) -> u32,
    >,
    /// Lets go of a task, whether it has ended or not: if not, this is cancellation.
    pub drop_task: Option<unsafe extern "C" fn(task: *mut c_void)>,
    /// Lets go of an instance, after all of its tasks.
    pub drop_instance: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// May be null. No new task will be started; running ones go on.
    pub shutdown: Option<unsafe extern "C" fn(instance: *mut c_void)>,
    /// May be null. A JSON object that says how the instance is, handed over.
    pub status: Option<unsafe extern "C" fn(instance: *mut c_void) -> Buf>,
}

/// The name of the table, with its terminator.
pub const ENTRY_WITH_NUL: &[u8] = b"lip_plugin_c_v1\0";

/// Records that cross in place: the C face has the very layout of the other.
const _: () = {
    assert!(size_of::<Buf>() == size_of::<crate::Buf>() && align_of::<Buf>() == align_of::<crate::Buf>());
    assert!(size_of::<Completion>() == size_of::<crate::Completion>());
    assert!(align_of::<Completion>() == align_of::<crate::Completion>());
    assert!(std::mem::offset_of!(Completion, meta) == std::mem::offset_of!(crate::Completion, meta));
    assert!(std::mem::offset_of!(Completion, body) == std::mem::offset_of!(crate::Completion, body));
    assert!(size_of::<BufVt>() == size_of::<crate::BufVt>());
};
