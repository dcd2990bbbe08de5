//! Buffers that a library in C hands over.
use lip_abi::{AbiError, Buf, BufVt, c};
use std::ptr::NonNull;

/// Takes over a buffer and the reference that comes with it.
///
/// # Errors
/// What is wrong with it. Its reference is given back where that can be done.
pub(super) fn taken(raw: c::Buf) -> Result<Buf, &'static str> {
    let c::Buf { ptr, len, owner, vt } = raw;
    let is_sound = len == 0 || !ptr.is_null();
    let is_sound = is_sound && isize::try_from(len).is_ok();
    let ptr = if ptr.is_null() { NonNull::dangling().as_ptr() } else { ptr.cast_mut() };
    if vt.is_null() {
        if !is_sound {
            return Err(NO_BYTES);
        }
        // SAFETY: the header says of a buffer without functions that its bytes live as long as the library, which is never unmapped.
        return Ok(Buf::from_static(unsafe { std::slice::from_raw_parts(ptr, len) }));
    }
    if !vt.is_aligned() {
        return Err("a buffer whose functions lie at an odd address");
    }
    // SAFETY: the header says that the functions live as long as the library.
    let c::BufVt { retain, release } = unsafe { *vt };
    if retain.is_none() || release.is_none() {
        return Err("a buffer with an owner but without retain or release");
    }
    // SAFETY: the same two functions in the same order, which `lip-abi` asserts by size, and neither is null.
    let vt: &'static BufVt = unsafe { &*vt.cast() };
    // SAFETY: clauses B1 to B3 are the header's promises; the length is taken only where it can be one.
    let buf = unsafe { Buf::from_raw(ptr, if is_sound { len } else { 0 }, owner.cast(), vt) };
    if is_sound { Ok(buf) } else { Err(NO_BYTES) }
}

const NO_BYTES: &str = "a buffer with a length and no bytes";

/// The library broke the contract.
pub(super) fn malformed(why: &str) -> AbiError {
    let message = format!("the connector broke the contract of the C interface: {why}");
    AbiError {
        code: "malformed".into(),
        detail: serde_json::json!({ "message": message }).to_string().into(),
    }
}
