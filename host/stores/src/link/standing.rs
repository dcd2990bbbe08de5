//! What is counted of a link.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How a link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The server, without what may be a secret.
    pub address: String,
    /// Is it there?
    pub is_up: bool,
    /// Commands that were sent.
    pub sent: u64,
    /// Commands that were not sent, for the server was known to be away.
    pub skipped: u64,
    /// Commands that were sent and got no good answer.
    pub failed: u64,
    /// Connections that were tried.
    pub connections: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    connections: AtomicU64,
}

impl Counters {
    pub(super) fn asked(&self, is_sent: bool) {
        let counter = if is_sent { &self.sent } else { &self.skipped };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// The number of a connection that is tried, from 1.
    pub(super) fn tried(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn standing(&self, address: &str, is_up: bool) -> Standing {
        Standing {
            address: address.to_owned(),
            is_up,
            sent: self.sent.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            failed: self.failed.load(Relaxed),
            connections: self.connections.load(Relaxed),
        }
    }
}
