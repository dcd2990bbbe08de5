//! A reference-counted, immutable byte buffer that crosses the boundary in both directions without a copy.
use abi_stable::StableAbi;
use std::{fmt, marker::PhantomData, ops::Deref, ops::Range, ptr::NonNull, sync::Arc};

/// How to keep and let go the owner of a [`Buf`]'s memory. Clause B1: both functions may be called from any thread.
#[repr(C)]
#[derive(StableAbi)]
pub struct BufVt {
    /// Adds one reference to the owner.
    pub retain: unsafe extern "C" fn(*const ()),
    /// Drops one reference; the last one frees the memory.
    pub release: unsafe extern "C" fn(*const ()),
}

/// Bytes with an owner on either side of the boundary. Immutable; `Send` and `Sync`.
///
/// Clause B2: `ptr..ptr+len` is readable and unchanged for as long as one reference to `owner` is held.
/// Clause B3: each `Buf` holds exactly one reference and releases it when dropped.
#[repr(C)]
#[derive(StableAbi)]
pub struct Buf {
    ptr: *const u8,
    len: usize,
    owner: *const (),
    vt: &'static BufVt,
}

// SAFETY: the bytes are immutable (B2) and the reference functions are callable from any thread (B1).
unsafe impl Send for Buf {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Buf {}

unsafe extern "C" fn keep_static(_: *const ()) {}
static STATIC_VT: BufVt = BufVt { retain: keep_static, release: keep_static };

struct ArcVt<T>(PhantomData<T>);

impl<T: Send + Sync + 'static> ArcVt<T> {
    unsafe extern "C" fn retain(owner: *const ()) {
        // SAFETY: `owner` came from `Arc::<T>::into_raw` in `Buf::from_owner` and is alive (B3).
        unsafe { Arc::increment_strong_count(owner.cast::<T>()) }
    }

    unsafe extern "C" fn release(owner: *const ()) {
        // A destructor of the owner that panics must not unwind across the boundary.
        let owner = owner.cast::<T>();
        let drop_one = || {
            // SAFETY: as above; this gives back exactly one reference (B3).
            unsafe { Arc::decrement_strong_count(owner) }
        };
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(drop_one));
    }

    const VT: &'static BufVt = &BufVt { retain: Self::retain, release: Self::release };
}

impl Buf {
    /// No bytes, no owner.
    pub const fn empty() -> Self {
        Self { ptr: NonNull::<u8>::dangling().as_ptr(), len: 0, owner: std::ptr::null(), vt: &STATIC_VT }
    }

    /// Bytes that live as long as the library, which is never unmapped.
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len(), owner: std::ptr::null(), vt: &STATIC_VT }
    }

    /// Takes `owner` into one allocation; its bytes are not copied.
    pub fn from_owner<T: AsRef<[u8]> + Send + Sync + 'static>(owner: T) -> Self {
        let owner = Arc::new(owner);
        let bytes: &[u8] = (*owner).as_ref();
        let (ptr, len) = (bytes.as_ptr(), bytes.len());
        Self { ptr, len, owner: Arc::into_raw(owner).cast(), vt: ArcVt::<T>::VT }
    }

    /// Builds a buffer from its parts and takes over one reference to `owner`.
    ///
    /// # Safety
    /// Clauses B1 to B3 hold for `ptr`, `len`, `owner` and `vt`.
    pub const unsafe fn from_raw(ptr: *const u8, len: usize, owner: *const (), vt: &'static BufVt) -> Self {
        Self { ptr, len, owner, vt }
    }

    /// The owner, if this buffer carries exactly this vtable object.
    ///
    /// Compare only against a non-generic `static`: promoted constants of generic code may be merged or duplicated.
    pub fn owner_if(&self, vt: &'static BufVt) -> Option<*const ()> {
        std::ptr::eq(self.vt, vt).then_some(self.owner)
    }

    /// A part of the buffer that shares its owner. `None` when `range` is not within the bytes.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let bytes = self.as_slice().get(range)?;
        // SAFETY: `owner` is alive, for `self` holds a reference (B3); the new buffer takes over the one added here.
        unsafe { (self.vt.retain)(self.owner) };
        Some(Self { ptr: bytes.as_ptr(), len: bytes.len(), owner: self.owner, vt: self.vt })
    }

    /// The bytes.
    pub const fn as_slice(&self) -> &[u8] {
        if self.len == 0 || self.ptr.is_null() {
            return &[];
        }
        // SAFETY: B2: readable and unchanged while `self` holds its reference.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        // SAFETY: B3: this is the one reference that `self` holds.
        unsafe { (self.vt.release)(self.owner) }
    }
}

impl Clone for Buf {
    fn clone(&self) -> Self {
        // SAFETY: `owner` is alive, for `self` holds a reference (B3); the copy takes over the one added here.
        unsafe { (self.vt.retain)(self.owner) };
        Self { ptr: self.ptr, len: self.len, owner: self.owner, vt: self.vt }
    }
}

impl Default for Buf {
    fn default() -> Self {
        Self::empty()
    }
}

impl Deref for Buf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Buf {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Vec<u8>> for Buf {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self::from_owner(bytes) }
    }
}

impl From<String> for Buf {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&'static str> for Buf {
    fn from(text: &'static str) -> Self {
        Self::from_static(text.as_bytes())
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes may hold a user's text or a token: their number is all that a log needs.
        write!(f, "Buf({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    struct Counted(&'static AtomicUsize);
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            b"0123456789"
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn owner_is_freed_once_after_the_last_buffer() {
        static DROPS: AtomicUsize = AtomicUsize::new(0);
        let whole = Buf::from_owner(Counted(&DROPS));
        let part = whole.slice(2..5);
        let copy = whole.clone();
        assert_eq!(part.as_deref(), Some(&b"234"[..]));
        drop(whole);
        drop(part);
        assert_eq!(DROPS.load(SeqCst), 0);
        assert_eq!(&*copy, b"0123456789");
        drop(copy);
        assert_eq!(DROPS.load(SeqCst), 1);
    }

    #[test]
    fn slice_outside_the_bytes_is_none() {
        let buf = Buf::from_static(b"abc");
        assert!(buf.slice(2..4).is_none());
        #[expect(clippy::reversed_empty_ranges, reason = "hostile input")]
        let reversed = buf.slice(2..1);
        assert!(reversed.is_none());
        assert_eq!(Buf::empty().as_slice(), b"");
    }

    #[test]
    fn only_the_same_vtable_object_gives_the_owner() {
        static OTHER: BufVt = BufVt { retain: keep_static, release: keep_static };
        let buf = Buf::from_static(b"abc");
        assert!(buf.owner_if(&STATIC_VT).is_some());
        assert!(buf.owner_if(&OTHER).is_none());
    }

    #[test]
    fn owner_that_panics_in_drop_does_not_unwind() {
        struct Bomb;
        impl AsRef<[u8]> for Bomb {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("bomb");
            }
        }
        drop(Buf::from_owner(Bomb));
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Buf::from_static(b"sk-secret")), "Buf(9 bytes)");
    }
}
