//! Memory that the host has lent, as the worker sees it: read in place, given back when the last reader lets go.
use super::super::frame::{LEND_FROM, Lent, Memory};
use super::super::lent::Mapping;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// How long another thread may take to map a place that this one has heard of.
const MAPPING_TIME: Duration = Duration::from_secs(5);

/// A worker before it has any.
pub(super) struct Nothing;

impl Memory for Nothing {
    fn lend(&self, _: &Bytes) -> Option<Lent> {
        None
    }

    fn view(&self, _: Lent) -> Option<Bytes> {
        None
    }
}

#[derive(Default)]
pub(super) struct Views {
    places: Mutex<Vec<(u32, Arc<Mapping>)>>,
    added: Condvar,
    freed: Arc<Mutex<Vec<u32>>>,
}

/// What lies in a place, until the last reader lets go of it.
struct Held {
    mapping: Arc<Mapping>,
    len: usize,
    place: u32,
    freed: Arc<Mutex<Vec<u32>>>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the host writes to a place only when it has been given back, which the end of this value does.
        unsafe { self.mapping.bytes(self.len) }.unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.freed.lock().push(self.place);
    }
}

impl Views {
    /// Maps a new place.
    pub(super) fn add(&self, number: u32, len: usize, file: &OwnedFd) -> io::Result<()> {
        let mapping = Arc::new(Mapping::of(file, len, false)?);
        self.places.lock().push((number, mapping));
        self.added.notify_all();
        Ok(())
    }

    /// Places that nobody reads any more, once each.
    pub(super) fn freed(&self) -> Vec<u32> {
        std::mem::take(&mut self.freed.lock())
    }

    fn mapping(&self, number: u32) -> Option<Arc<Mapping>> {
        let mut places = self.places.lock();
        loop {
            if let Some((_, mapping)) = places.iter().find(|(one, _)| *one == number) {
                return Some(Arc::clone(mapping));
            }
            if self.added.wait_for(&mut places, MAPPING_TIME).timed_out() {
                return None;
            }
        }
    }
}

impl Memory for Views {
    fn lend(&self, bytes: &Bytes) -> Option<Lent> {
        if bytes.len() < LEND_FROM {
            return None;
        }
        let address = bytes.as_ptr() as usize;
        let places = self.places.lock();
        places.iter().find_map(|(place, mapping)| {
            let at = address.checked_sub(mapping.address())?;
            let is_within = at.checked_add(bytes.len())? <= mapping.len();
            is_within.then_some(Lent { place: *place, at: at as u64, len: bytes.len() as u64 })
        })
    }

    fn view(&self, Lent { place, at, len }: Lent) -> Option<Bytes> {
        let (at, len) = (usize::try_from(at).ok()?, usize::try_from(len).ok()?);
        let end = at.checked_add(len)?;
        let mapping = self.mapping(place)?;
        if end > mapping.len() {
            return None;
        }
        let held = Held { mapping, len: end, place, freed: Arc::clone(&self.freed) };
        Some(Bytes::from_owner(held).slice(at..))
    }
}
