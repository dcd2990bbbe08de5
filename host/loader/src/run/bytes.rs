//! The host's `Bytes` as the boundary's `Buf` and back, without a copy in either direction.
use bytes::Bytes;
use lip_abi::{Buf, BufVt};
use std::sync::Arc;

/// Marks buffers of the host. One non-generic static: its address is the mark.
static HOST_VT: BufVt = BufVt { retain, release };

unsafe extern "C" fn retain(owner: *const ()) {
    // SAFETY: buffers with `HOST_VT` are made by `to_buf` only; `owner` came from `Arc::<Bytes>::into_raw` (B3).
    unsafe { Arc::increment_strong_count(owner.cast::<Bytes>()) }
}

unsafe extern "C" fn release(owner: *const ()) {
    // SAFETY: as above; gives back one reference.
    unsafe { Arc::decrement_strong_count(owner.cast::<Bytes>()) }
}

/// Lends `bytes` to a library.
pub(crate) fn to_buf(bytes: Bytes) -> Buf {
    if bytes.is_empty() {
        return Buf::empty();
    }
    let owner = Arc::new(bytes);
    let (ptr, len) = (owner.as_ptr(), owner.len());
    // SAFETY: B1: Bytes is Send + Sync and Arc counts atomically; B2: Bytes is immutable and lives as long as the Arc; B3:
    // `into_raw` hands over one reference.
    unsafe { Buf::from_raw(ptr, len, Arc::into_raw(owner).cast(), &HOST_VT) }
}

/// Takes a buffer back: the host's own comes back as a slice of the same memory, a library's is kept through its vtable.
pub(crate) fn to_bytes(buf: Buf) -> Bytes {
    if buf.is_empty() {
        return Bytes::new();
    }
    if let Some(owner) = buf.owner_if(&HOST_VT) {
        // SAFETY: `HOST_VT` marks an `Arc<Bytes>` (see `retain`), alive while `buf` holds its reference (B3).
        let whole = unsafe { &*owner.cast::<Bytes>() };
        // A library can slice but cannot widen a host buffer; should it forge one, copy instead of trusting it.
        let (outer, inner) = (whole.as_ptr() as usize, buf.as_ptr() as usize);
        if inner >= outer && inner + buf.len() <= outer + whole.len() {
            return whole.slice_ref(&buf);
        }
        return Bytes::copy_from_slice(&buf);
    }
    Bytes::from_owner(buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bytes_come_back_as_the_same_memory() {
        let bytes = Bytes::from(vec![7u8; 1000]);
        let address = bytes.as_ptr();
        let buf = to_buf(bytes.clone());
        assert_eq!(buf.as_ptr(), address);
        let part = buf.slice(10..20).expect("within");
        drop(buf);
        let back = to_bytes(part);
        assert_eq!(back.as_ptr() as usize, address as usize + 10);
        assert_eq!(back.len(), 10);
    }

    #[test]
    fn library_buffers_are_kept_through_their_vtable() {
        let bytes = to_bytes(Buf::from(b"hello".to_vec()));
        assert_eq!(&bytes[..], b"hello");
        assert!(to_bytes(Buf::empty()).is_empty());
    }
}
