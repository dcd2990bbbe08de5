//! What is written down when an answer has ended.
use crate::chance::tick;
use crate::conversation::Conversation;
use crate::drive::now;
use crate::engine::Engine;
use crate::record::{Noted, Telling};
use crate::sharing::Owing;
use crate::trace::Trace;
use base::{Fault, Kind};
use bytes::Bytes;
use events::attempt::AttemptOutcome;
use parking_lot::Mutex;
use routing::health::Health;
use routing::plan::LegId;
use routing::policy::{AttemptId, Attempts};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What is left to write down when the answer has ended.
pub(crate) struct Ledger {
    pub(crate) engine: Arc<Engine>,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) attempts: Attempts,
    pub(crate) attempt: AttemptId,
    pub(crate) leg: LegId,
    pub(crate) conversation: Option<Conversation>,
    pub(crate) noted: Noted,
    pub(crate) telling: Telling,
    pub(crate) status: u16,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Ledger {
    /// A piece of the answer goes out.
    pub(crate) fn hear(&mut self, chunk: &Bytes) {
        self.telling.piece(chunk.len());
        if let Some(hearing) = self.conversation.as_mut().and_then(Conversation::hearing) {
            hearing.hear(chunk);
        }
    }

    /// The fault of an answer that is over because the host is.
    pub(crate) fn cut(&self) -> Option<Fault> {
        self.engine.cut()
    }

    /// Do other hosts ask for this turn's session?
    pub(crate) fn is_shared(&self) -> bool {
        self.conversation.is_some() && self.engine.sessions.shared().is_some()
    }

    /// The answer is about to end well. What comes back is to be written before its client can know.
    pub(crate) fn ending(&mut self) -> Option<Owing> {
        self.conversation.as_mut()?.answered(&self.engine, self.attempts.plan())
    }

    /// The answer ended: well, or broken off by `fault`. What comes back is to be written before its client can know.
    pub(crate) fn ended(mut self, fault: Option<&Fault>) -> Option<Owing> {
        let tick = tick();
        {
            let mut health = self.health.lock();
            match fault {
                None => self.attempts.on_success(self.attempt, tick, &mut health),
                Some(fault) => self.attempts.on_fault(self.attempt, fault, tick, &mut health),
            }
        }
        if let Some(fault) = fault {
            self.engine.note_fault(self.attempts.plan().legs.get(self.leg.0), fault);
        }
        self.note(fault);
        let owing = if fault.is_none() { self.ending() } else { None };
        self.noted.settled(fault, tick.now);
        self.telling.ended(self.status, fault, tick.now);
        drop(self.permit);
        owing
    }

    /// The client went away in the middle of the answer.
    pub(crate) fn client_gone(mut self) {
        self.attempts.on_client_gone(&mut self.health.lock());
        self.note(Some(&Fault::client(Kind::Cancelled, "the client went away")));
        let now = now();
        self.noted.ended(AttemptOutcome::Cancelled, now);
        self.telling.client_gone(now);
    }

    fn note(&self, fault: Option<&Fault>) {
        if let Some(conversation) = &self.conversation {
            let trace = Trace::new(&self.attempts, Some(self.attempt), fault);
            self.engine.traces.put(conversation.id(), trace);
        }
    }
}
