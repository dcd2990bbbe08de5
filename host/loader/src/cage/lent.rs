//! Memory that the host lends to a worker: files without a name, which both have mapped, one payload each.
//!
//! The host writes, the worker reads. What the worker hands back by its place is the host's own bytes, not what lies in the
//! shared memory, so a worker can change nothing that it was lent.
use super::frame::{Lent, Memory};
use bytes::Bytes;
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The smallest place.
const PLACE_BYTES: usize = 256 * 1024;
/// Memory that one worker may be lent; what does not fit is sent.
const LENT_BYTES_MAX: usize = 64 << 20;

/// A mapped file. Unmapped when dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: *mut u8,
    len: usize,
}

// SAFETY: the mapping is plain memory of this process, usable from any thread; who writes is settled by its owner.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of `file`.
    pub(super) fn of(file: &OwnedFd, len: usize, may_write: bool) -> io::Result<Self> {
        let access = if may_write { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping at a place that the system chooses touches nothing that exists.
        let start = unsafe { mmap(std::ptr::null_mut(), len, access, MapFlags::SHARED, file, 0) }?;
        Ok(Self { start: start.cast(), len })
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn address(&self) -> usize {
        self.start as usize
    }

    /// Copies `bytes` to the front. The caller holds the only right to write here.
    fn fill(&self, bytes: &[u8]) {
        let n = bytes.len().min(self.len);
        // SAFETY: `start..start+len` is mapped for writing while `self` lives, `n` fits, and a fresh slice of the caller's
        // cannot overlap a mapping that only this type knows.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start, n) };
    }

    /// The first `len` bytes. None if there are not so many.
    ///
    /// # Safety
    /// Nobody changes them while the result is in use.
    pub(super) unsafe fn bytes(&self, len: usize) -> Option<&[u8]> {
        if len > self.len {
            return None;
        }
        // SAFETY: mapped for reading while `self` lives; unchanged as the caller promises.
        Some(unsafe { std::slice::from_raw_parts(self.start, len) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and every slice of it borrows from this value.
        let _ = unsafe { munmap(self.start.cast(), self.len) };
    }
}

struct Place {
    file: Arc<OwnedFd>,
    mapping: Mapping,
    /// What it holds while it is lent.
    holds: Option<Bytes>,
    /// Does the worker have its file?
    is_known: bool,
}

/// What one worker is lent.
#[derive(Default)]
pub(super) struct Lender {
    places: Mutex<Vec<Place>>,
    has_news: AtomicBool,
}

impl std::fmt::Debug for Lender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lender").field("places", &self.places.lock().len()).finish()
    }
}

/// A place that the worker has to be told of before it is used.
pub(super) struct NewPlace {
    pub(super) number: u32,
    pub(super) bytes: usize,
    pub(super) file: Arc<OwnedFd>,
}

impl Lender {
    /// Takes places back.
    pub(super) fn take_back(&self, numbers: &[u32]) {
        let mut places = self.places.lock();
        for number in numbers {
            if let Some(place) = places.get_mut(*number as usize) {
                place.holds = None;
            }
        }
    }

    /// A place whose file has not been sent yet; from now on it counts as sent.
    pub(super) fn next_new(&self) -> Option<NewPlace> {
        if !self.has_news.load(Ordering::Acquire) {
            return None;
        }
        let mut places = self.places.lock();
        let Some((number, place)) = places.iter_mut().enumerate().find(|(_, place)| !place.is_known) else {
            self.has_news.store(false, Ordering::Release);
            return None;
        };
        place.is_known = true;
        let (number, bytes) = (u32::try_from(number).ok()?, place.mapping.len());
        Some(NewPlace { number, bytes, file: Arc::clone(&place.file) })
    }

    /// Its file could not be sent.
    pub(super) fn is_new_again(&self, number: u32) {
        if let Some(place) = self.places.lock().get_mut(number as usize) {
            place.is_known = false;
            self.has_news.store(true, Ordering::Release);
        }
    }
}

impl Memory for Lender {
    fn lend(&self, bytes: &Bytes) -> Option<Lent> {
        let mut places = self.places.lock();
        let is_free = |place: &Place| place.holds.is_none() && place.mapping.len() >= bytes.len();
        let number = match places.iter().position(is_free) {
            Some(number) => number,
            None => {
                let size = bytes.len().max(PLACE_BYTES).checked_next_power_of_two()?;
                let lent: usize = places.iter().map(|place| place.mapping.len()).sum();
                if size > LENT_BYTES_MAX.saturating_sub(lent) {
                    return None;
                }
                places.push(new_place(size).ok()?);
                self.has_news.store(true, Ordering::Release);
                places.len() - 1
            }
        };
        let place = places.get_mut(number)?;
        place.mapping.fill(bytes);
        place.holds = Some(bytes.clone());
        Some(Lent { place: u32::try_from(number).ok()?, at: 0, len: bytes.len() as u64 })
    }

    fn view(&self, Lent { place, at, len }: Lent) -> Option<Bytes> {
        let places = self.places.lock();
        let holds = places.get(place as usize)?.holds.as_ref()?;
        let (at, len) = (usize::try_from(at).ok()?, usize::try_from(len).ok()?);
        let end = at.checked_add(len)?;
        (end <= holds.len()).then(|| holds.slice(at..end))
    }
}

fn new_place(size: usize) -> io::Result<Place> {
    let file = memfd_create("lip-lent", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&file, size as u64)?;
    let mapping = Mapping::of(&file, size, true)?;
    // A worker that could shorten the file would end the host at its next write.
    let fixed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, fixed)?;
    Ok(Place { file: Arc::new(file), mapping, holds: None, is_known: false })
}
