//! What is still being written when an answer has ended, for whoever holds the answer's last bytes until it has written something of its own:
//! both travel to the shared state together, and the end waits for them once.
use parking_lot::Mutex;
use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;

/// Writes something that others are to find.
pub type Writing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The place where it is left.
#[derive(Default)]
pub struct Rest(Mutex<Option<Writing>>);

impl Rest {
    /// Takes it away: the client may know the end when it is ready. Dropped before, it is written soon all the same.
    pub fn take(&self) -> Option<Writing> {
        self.0.lock().take()
    }

    pub(crate) fn leave(&self, writing: Writing) {
        *self.0.lock() = Some(writing);
    }
}

impl Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}
