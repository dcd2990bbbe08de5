//! What is still to be written when an answer has ended, for whoever holds the answer's last bytes until it has written something of its own:
//! both travel to the shared state as one.
use crate::sharing::Owing;
use parking_lot::Mutex;

/// The place where it is left.
#[derive(Debug, Default)]
pub struct Rest(Mutex<Option<Owing>>);

impl Rest {
    /// Takes it away: the client may know the end when it is paid. Dropped before, it is written soon all the same.
    pub fn take(&self) -> Option<Owing> {
        self.0.lock().take()
    }

    pub(crate) fn leave(&self, owing: Owing) {
        *self.0.lock() = Some(owing);
    }
}
