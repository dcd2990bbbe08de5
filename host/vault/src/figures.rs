//! What is counted of a backend's accounts, for those who watch the host: no names.
use crate::pool::Pool;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often tokens were renewed here, and how often that failed.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// The accounts of one backend in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Accounts that are known.
    pub n_accounts: u64,
    /// Tokens that were renewed by this process.
    pub renewed: u64,
    /// Renewals that failed, after all their tries.
    pub failed: u64,
    /// When the token was renewed that is the oldest, in ms since 1970; none: none was renewed by LIP.
    pub oldest_ms: Option<u64>,
}

impl Pool {
    /// As far as is known: nothing is read for it.
    pub fn figures(&self) -> Figures {
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        let renewed = |slot: &std::sync::Arc<crate::slot::Slot>| {
            let known = slot.known.lock();
            known.account.as_ref().map(|account| account.book.renewed_ms)
        };
        let known: Vec<u64> = slots.iter().filter_map(renewed).collect();
        let Renewals { succeeded, failed } = &self.core.renewals;
        Figures {
            n_accounts: known.len() as u64,
            renewed: succeeded.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
            oldest_ms: known.into_iter().filter(|at_ms| *at_ms > 0).min(),
        }
    }
}
