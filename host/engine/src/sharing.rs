//! The sessions of turns: this host's memory, and other hosts' where they share it.
use crate::conversation::now_ms;
use crate::owners::Owned;
use crate::rest::Rest;
use base::{Fault, Kind};
use sessions::{
    Hints, Limits, Memory, Resolved, Session, SessionId, UnixMs, Update, asked, keep, keep_ended,
};
use std::sync::Arc;
use std::time::Duration;
use stores::answer::{Found, Writing, Written};
use stores::link::Link;
use stores::session::{Counted, Sessions as Shared};

/// How this host stands with what it shares with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedState {
    /// The link.
    pub link: stores::link::Standing,
    /// Sessions.
    pub sessions: Counted,
    /// Agents of conversations.
    pub owned: Owned,
}

/// All sessions that this host can find.
#[derive(Debug)]
pub(crate) struct Sessions {
    memory: Arc<Memory>,
    shared: Option<Arc<Shared>>,
}

/// A session that is to be written where other hosts find it: at the latest soon after this is dropped.
#[derive(Debug)]
pub struct Owing {
    shared: Arc<Shared>,
    id: SessionId,
}

impl Owing {
    /// Writes it now, or leaves it to who has something of its own to write.
    pub(crate) async fn pay_or_leave(self, rest: Option<Arc<Rest>>) {
        match rest {
            Some(rest) => rest.leave(self),
            None => self.pay().await,
        }
    }

    /// Writes it now. Takes as long as one answer of the shared state, or as that may take.
    pub async fn pay(self) {
        self.shared.write(self.id).await;
        // Nothing is left for the drop to do, and it finds nothing.
    }

    /// Writes it now, and with the same question an answer of the same caller. None where that is still to be written.
    pub async fn pay_with(self, answer: &Writing<'_>) -> Option<Written> {
        self.shared.write_with(self.id, answer).await
    }
}

impl Drop for Owing {
    fn drop(&mut self) {
        self.shared.write_soon(self.id);
    }
}

/// Who judges whether an answer that is not known, or not any more, may be continued.
pub const STORE: &str = "store";

/// The client's own answer `id` is not there, or not any more.
/// Source: OpenAI guide "WebSocket mode", errors: code and param of this case.
pub fn unknown_answer(id: &str) -> Fault {
    let fault = Fault::client(Kind::BadRequest, format!("Previous response with id '{id}' not found"));
    let fault = fault.code("previous_response_not_found").param("previous_response_id");
    fault.hint("Responses are remembered for an hour; send the whole conversation as input to start anew")
}

impl Sessions {
    pub(crate) fn new(limits: Limits, link: Option<&Arc<Link>>) -> Self {
        let memory = Arc::new(Memory::new(limits));
        let ttl = Duration::from_millis(limits.ttl_ms);
        let shared = link.map(|link| Shared::new(Arc::clone(link), Arc::clone(&memory), ttl));
        Self { memory, shared }
    }

    pub(crate) const fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Learns what other hosts know of the session of a turn. True if they know that the answer of id `continues` was deleted.
    pub(crate) async fn take_over(&self, hints: &Hints<'_>, now: UnixMs, continues: Option<&str>) -> bool {
        let Some(shared) = &self.shared else { return false };
        let (asked, scope) = (asked(hints), hints.scope);
        match continues {
            None => {
                Box::pin(shared.take_over(&asked, scope, now)).await;
                false
            }
            Some(id) => {
                let asking = shared.take_over_with_answer(&asked, id, (scope, now));
                Box::pin(asking).await == Ok(Found::Gone)
            }
        }
    }

    /// As [`keep`].
    pub(crate) async fn keep(
        &self,
        found: &Resolved,
        update: Update,
        now: UnixMs,
    ) -> Result<Option<Owing>, Fault> {
        let Some(shared) = &self.shared else {
            keep(&*self.memory, found, update, now).await?;
            return Ok(None);
        };
        let id = found.session.id;
        if found.is_new() {
            let key = update.key;
            keep(&*self.memory, found, update, now).await?;
            shared.created(id, key);
        } else {
            shared.update(id, update, now);
        }
        Ok(self.owing(id))
    }

    /// As [`keep_ended`].
    pub(crate) fn keep_ended(
        &self,
        session: Session,
        parts: impl IntoIterator<Item = Update>,
        now: UnixMs,
    ) -> Option<Owing> {
        let id = session.id;
        let Some(shared) = &self.shared else {
            keep_ended(&self.memory, session, parts, now);
            return None;
        };
        let parts: Vec<Update> = parts.into_iter().collect();
        let keys: Vec<_> = parts.iter().filter_map(|part| part.key).collect();
        keep_ended(&self.memory, session, parts, now);
        shared.created(id, keys);
        self.owing(id)
    }

    /// Applies an update. Whoever has a session that owes a write already need not keep what comes back.
    pub(crate) fn update(&self, id: SessionId, update: Update) {
        match &self.shared {
            None => drop(self.memory.update_now(id, update, now_ms())),
            Some(shared) => shared.update(id, update, now_ms()),
        }
    }

    fn owing(&self, id: SessionId) -> Option<Owing> {
        self.shared.as_ref().map(|shared| Owing { shared: Arc::clone(shared), id })
    }

    /// How it stands, with these agents; none where nothing is shared.
    pub(crate) fn state(&self, owned: Owned) -> Option<SharedState> {
        let shared = self.shared.as_ref()?;
        Some(SharedState { link: shared.link().standing(), sessions: shared.counted(), owned })
    }
}
