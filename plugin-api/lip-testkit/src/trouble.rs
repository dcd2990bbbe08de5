//! What a host may do to a task besides serving it: the ways in which a good connector must not lose its head.
use lip_abi::{Buf, Completion};

/// One kind of trouble.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    None,
    /// Every effect of the kind `op` ends with `status`.
    Ends { op: u32, status: u32 },
    /// Every completion comes twice.
    Double,
    /// Completions of effects that were cancelled, and of some that were never asked for.
    Forged,
    /// The task is resumed although nothing happened.
    Needless,
    /// Each step runs on another thread.
    Threads,
    /// The instance is dropped as soon as its task has started.
    Orphan,
}

/// An effect that came to `status` and to nothing else.
pub(crate) fn ended(id: u64, status: u32) -> Completion {
    let meta = Buf::from("the host ends this effect so");
    Completion { id, status, flags: 0, handle: 0, arg: 0, meta, body: Buf::empty() }
}

/// The same once more.
pub(crate) fn again(done: &Completion) -> Completion {
    let Completion { id, status, flags, handle, arg, ref meta, ref body } = *done;
    Completion { id, status, flags, handle, arg, meta: meta.clone(), body: body.clone() }
}

/// Good news of something that nobody waits for.
pub(crate) fn forged(id: u64) -> Completion {
    let (meta, body) = (Buf::from("[]"), Buf::from("forged by the testkit"));
    Completion { id, status: lip_abi::status::OK, flags: 0, handle: 4711, arg: 200, meta, body }
}
