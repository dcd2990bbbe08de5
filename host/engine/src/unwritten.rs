//! A new session that is written when its first turn ends, however it ends, and not before.
use crate::conversation::now_ms;
use crate::engine::Engine;
use crate::sharing::Owing;
use sessions::{Session, Update};
use std::sync::Arc;

/// What is to be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    engine: Arc<Engine>,
    session: Session,
    /// What the turn's request adds; none once it is written.
    request: Option<Update>,
}

impl Unwritten {
    pub(crate) fn new(engine: &Arc<Engine>, session: Session, request: Update) -> Self {
        Self { engine: Arc::clone(engine), session, request: Some(request) }
    }

    /// Writes it, with what the answer adds.
    pub(crate) fn write(mut self, answer: Update) -> Option<Owing> {
        self.write_with(Some(answer))
    }

    fn write_with(&mut self, answer: Option<Update>) -> Option<Owing> {
        let parts = std::iter::once(self.request.take()?).chain(answer);
        self.engine.sessions.keep_ended(self.session.clone(), parts, now_ms())
    }
}

impl Drop for Unwritten {
    /// The turn failed, or its client went away: it may go on all the same.
    fn drop(&mut self) {
        self.write_with(None);
    }
}
