//! A library with the plain table of `lip_plugin.h` as a module like any other: its instances and tasks become the objects that
//! `lip-plugin` would have made. Every number, length and pointer of it is judged before it is used.
mod host;
mod step;
mod taken;

use crate::refusal::Refusal;
use lip_abi::abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RResult, RStr, RVec},
};
use lip_abi::{
    AbiError, Buf, Completion, ConnectorBox, ConnectorObj, ConnectorObj_TO, HostFns_Ref, Step, StepOut, Task,
    Task_TO, TaskBox, abi_version, c,
};
use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Arc;
use taken::{malformed, taken};

/// More bytes than a table of any version will have: a larger number is garbage.
const TABLE_BYTES_MAX: usize = 4096;
/// More bytes than a manifest may have; the manifest's reader says so.
const MANIFEST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A library's table of which every function that must be there is there. Copies are as good as the first.
#[derive(Clone, Copy)]
pub(crate) struct CModule {
    manifest: unsafe extern "C" fn() -> c::Text,
    create: Create,
    calls: Calls,
}

type Create = unsafe extern "C" fn(
    *const c::Host,
    c::Text,
    c::Text,
    *const c::Buf,
    *mut *mut c_void,
    *mut c::Error,
) -> u32;
type Start = unsafe extern "C" fn(
    *mut c_void,
    u64,
    c::Text,
    *const c::Buf,
    *const c::Buf,
    *mut *mut c_void,
    *mut c::Error,
) -> u32;
type Resume =
    unsafe extern "C" fn(*mut c_void, *const c::Completion, usize, *mut c::Out, *mut c::Error) -> u32;

/// What is called with an instance or a task.
#[derive(Clone, Copy)]
struct Calls {
    start: Start,
    resume: Resume,
    drop_task: unsafe extern "C" fn(*mut c_void),
    drop_instance: unsafe extern "C" fn(*mut c_void),
    shutdown: Option<unsafe extern "C" fn(*mut c_void)>,
    status: Option<unsafe extern "C" fn(*mut c_void) -> c::Buf>,
}

impl CModule {
    /// Judges the table at `table`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    ///
    /// # Safety
    /// `table` is the address of the symbol [`c::ENTRY_WITH_NUL`] of a library that is never unmapped, and a probe process has survived
    /// reading as many bytes there as the first of them say.
    pub(crate) unsafe fn read(table: *const c::Plugin) -> Result<Self, Refusal> {
        let foreign = |why: &str| Refusal::ForeignRoot { why: why.to_owned() };
        if table.is_null() || !table.is_aligned() {
            return Err(foreign("its C table lies at an odd address"));
        }
        // SAFETY: the symbol has at least its first field; a table that lacks even that ends the probe process only.
        let size = unsafe { (&raw const (*table).size).read() };
        let least = offset_of!(c::Plugin, shutdown);
        if !(least..=TABLE_BYTES_MAX).contains(&size) {
            return Err(foreign(&format!("its C table says that it has {size} bytes, {least} are needed")));
        }
        // SAFETY: all of the table's fields are integers and nullable functions, for which zeros are a value.
        let mut copy = unsafe { std::mem::zeroed::<c::Plugin>() };
        let n = size.min(size_of::<c::Plugin>());
        // SAFETY: `n` bytes are readable by this function's contract and fit into `copy`; the two do not overlap.
        unsafe { table.cast::<u8>().copy_to_nonoverlapping((&raw mut copy).cast(), n) };
        let [major, minor, patch, _] = copy.abi;
        if major != abi_version()[0] {
            return Err(Refusal::OtherAbi { plugin: [major, minor, patch], host: abi_version() });
        }
        let lacks = |name: &str| foreign(&format!("its C table lacks the function {name}"));
        Ok(Self {
            manifest: copy.manifest.ok_or_else(|| lacks("manifest"))?,
            create: copy.create.ok_or_else(|| lacks("create"))?,
            calls: Calls {
                start: copy.start.ok_or_else(|| lacks("start"))?,
                resume: copy.resume.ok_or_else(|| lacks("resume"))?,
                drop_task: copy.drop_task.ok_or_else(|| lacks("drop_task"))?,
                drop_instance: copy.drop_instance.ok_or_else(|| lacks("drop_instance"))?,
                shutdown: copy.shutdown,
                status: copy.status,
            },
        })
    }

    /// What it says of itself; empty when that is no text at all.
    pub(crate) fn manifest_text(self) -> String {
        // SAFETY: the library's own function; it takes nothing.
        let text = unsafe { (self.manifest)() };
        if text.ptr.is_null() || text.len > MANIFEST_BYTES_MAX {
            return String::new();
        }
        // SAFETY: the library promises that the bytes live as long as it does, which is for ever.
        let bytes = unsafe { std::slice::from_raw_parts(text.ptr, text.len) };
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Makes one instance.
    ///
    /// # Errors
    /// The library's own error, or that it broke the contract.
    pub(crate) fn create(
        self,
        host: HostFns_Ref,
        connector: &str,
        instance: &str,
        config: &Buf,
    ) -> Result<ConnectorBox, AbiError> {
        let host = host::table(host).ok_or_else(|| malformed("this process has too many hosts"))?;
        let (mut made, mut error) = (std::ptr::null_mut(), NO_ERROR);
        // SAFETY: the library's own function; everything lent outlives the call, and the host's table the process.
        let code = unsafe {
            (self.create)(host, lent(connector), lent(instance), lent_buf(config), &mut made, &mut error)
        };
        let raw = outcome(code, made, error, "create")?;
        let instance = Arc::new(Instance { raw, calls: self.calls });
        Ok(ConnectorObj_TO::from_value(Connector(instance), TD_Opaque))
    }
}

const NO_ERROR: c::Error = c::Error { code: c::Buf::EMPTY, detail: c::Buf::EMPTY };

fn lent(text: &str) -> c::Text {
    c::Text { ptr: text.as_ptr(), len: text.len() }
}

/// Lends a buffer as the C face sees it: the two have one layout, which `lip-abi` asserts.
const fn lent_buf(buf: &Buf) -> *const c::Buf {
    std::ptr::from_ref(buf).cast()
}

/// What `create` and `start` came to.
fn outcome(code: u32, made: *mut c_void, error: c::Error, call: &str) -> Result<NonNull<c_void>, AbiError> {
    if code != c::PENDING {
        return Err(failure(error));
    }
    NonNull::new(made).ok_or_else(|| malformed(&format!("{call} succeeds and gives nothing")))
}

fn failure(error: c::Error) -> AbiError {
    // Both are taken, so that neither leaks when the other is no buffer.
    match (taken(error.code), taken(error.detail)) {
        (Ok(code), Ok(detail)) => AbiError { code, detail },
        (Err(why), _) | (_, Err(why)) => malformed(why),
    }
}

/// An instance of the library's: let go after all of its tasks.
struct Instance {
    raw: NonNull<c_void>,
    calls: Calls,
}

// SAFETY: the header says that an instance may be used by many threads at a time.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `create`, and this is the one time that it is let go.
        unsafe { (self.calls.drop_instance)(self.raw.as_ptr()) }
    }
}

struct Connector(Arc<Instance>);

impl ConnectorObj for Connector {
    fn start(&self, key: u64, what: RStr<'_>, meta: Buf, body: Buf) -> RResult<TaskBox, AbiError> {
        let (mut made, mut error) = (std::ptr::null_mut(), NO_ERROR);
        let Instance { raw, calls } = &*self.0;
        let what = c::Text { ptr: what.as_ptr(), len: what.len() };
        // SAFETY: `raw` came from `create` and lives; everything lent outlives the call.
        let code = unsafe {
            let (meta, body) = (lent_buf(&meta), lent_buf(&body));
            (calls.start)(raw.as_ptr(), key, what, meta, body, &mut made, &mut error)
        };
        match outcome(code, made, error, "start") {
            Ok(raw) => {
                let task = RunningTask { raw, instance: Arc::clone(&self.0) };
                RResult::ROk(Task_TO::from_value(task, TD_Opaque))
            }
            Err(error) => RResult::RErr(error),
        }
    }

    fn shutdown(&self) {
        if let Some(shutdown) = self.0.calls.shutdown {
            // SAFETY: `raw` came from `create` and lives.
            unsafe { shutdown(self.0.raw.as_ptr()) }
        }
    }

    fn status(&self) -> Buf {
        let Some(status) = self.0.calls.status else { return Buf::empty() };
        // SAFETY: as above; the buffer is handed over.
        taken(unsafe { status(self.0.raw.as_ptr()) }).unwrap_or_default()
    }
}

struct RunningTask {
    raw: NonNull<c_void>,
    instance: Arc<Instance>,
}

// SAFETY: the header says that a task is used by one thread at a time, whichever it is.
unsafe impl Send for RunningTask {}

impl Task for RunningTask {
    fn resume(&mut self, done: &mut RVec<Completion>, out: &mut StepOut) -> Step {
        let resume = self.instance.calls.resume;
        let mut error = NO_ERROR;
        let (code, broken) = step::with(out, |out| {
            let lent: *const c::Completion = done.as_ptr().cast();
            // SAFETY: `raw` came from `start` and lives; the records have one layout, which `lip-abi` asserts, and outlive the call.
            unsafe { resume(self.raw.as_ptr(), lent, done.len(), out, &mut error) }
        });
        done.clear();
        match (broken, code) {
            (Some(why), _) => Step::Failed(malformed(why)),
            (None, c::PENDING) => Step::Pending,
            (None, c::DONE) => Step::Done,
            (None, _) => Step::Failed(failure(error)),
        }
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `start`, and this is the one time that it is let go.
        unsafe { (self.instance.calls.drop_task)(self.raw.as_ptr()) }
    }
}

#[cfg(test)]
mod tests;
