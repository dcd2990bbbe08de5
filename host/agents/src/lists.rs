//! The models that agents offer, as they last told: an agent takes seconds to start, and its list seldom changes.
use crate::acp::setup::{Offered, Opened};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a list is good.
const FRESH: Duration = Duration::from_secs(3600);

/// One backend's list. Whoever holds it asks, and others wait for what he hears.
pub(crate) type Entry = Arc<tokio::sync::Mutex<Option<List>>>;

/// A list and when it was told.
pub(crate) struct List {
    told: Instant,
    models: Vec<Offered>,
}

impl List {
    pub(crate) fn of(opened: &Opened) -> Self {
        let models = opened.model.as_ref().map(|model| model.values.clone()).unwrap_or_default();
        Self { told: Instant::now(), models }
    }

    /// The models, while they are good.
    pub(crate) fn fresh(&self) -> Option<Vec<Offered>> {
        (self.told.elapsed() < FRESH).then(|| self.models.clone())
    }
}

/// All lists.
#[derive(Default)]
pub(crate) struct Lists(Mutex<HashMap<String, Entry>>);

impl Lists {
    pub(crate) fn entry(&self, backend: &str) -> Entry {
        Arc::clone(self.0.lock().entry(backend.to_owned()).or_default())
    }

    /// A turn's agent told its list by the way.
    pub(crate) fn learn(&self, backend: &str, opened: &Opened) {
        if let Ok(mut entry) = self.entry(backend).try_lock() {
            *entry = Some(List::of(opened));
        }
    }
}
