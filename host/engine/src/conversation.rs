//! The session of a turn: found, asked for hidden messages, changed by commands, and updated when the turn has been answered.
use crate::engine::Engine;
use crate::fingerprint::{client, hashes, history_places, text_hash};
use crate::hearing::{Hearing, first_answer};
use crate::sharing::{Owing, STORE, unknown_answer};
use crate::turn::{Turn, What};
use crate::unwritten::Unwritten;
use crate::view::SessionView;
use base::{Fault, Kind, SessionSettings};
use commands::{Scan, Syntax, reply_text, run, scan};
use events::wire::{Piece, judged};
use http::HeaderName;
use lip_wire::lens::{Edits, Field};
use routing::plan::{Ask, Plan};
use sessions::{
    AGENT_HEADERS, Beginning, Hidden, Hints, MessageHash, Resolved, Scope, Session, SessionId, Splice,
    UnixMs, Update, chains, message_hash, resolve, session_in_user_id, splices, turn_keys,
};
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

static SESSION: HeaderName = HeaderName::from_static("x-session-id");
static ECHOED: HeaderName = HeaderName::from_static("x-b2bua-session-id");
static AGENTS: [HeaderName; AGENT_HEADERS.len()] = {
    let [a, b, c, d, e] = AGENT_HEADERS;
    let of = HeaderName::from_static;
    [of(a), of(b), of(c), of(d), of(e)]
};

/// One turn's session.
#[derive(Debug)]
pub(crate) struct Conversation {
    session: Session,
    /// The settings, where this turn's own commands have changed them.
    changed: Option<Box<SessionSettings>>,
    /// Listens to the answer of a first turn that nothing else tells from others.
    hearing: Option<Box<Hearing>>,
    /// The session, where nobody knows it before its first turn has ended.
    unwritten: Option<Box<Unwritten>>,
    /// The session, where other hosts are to know what this turn has changed.
    owing: Option<Owing>,
    /// Was it said that the answer has come to its good end?
    is_answered: bool,
    /// Did a thinker's notes go with the request?
    thought: bool,
}

/// What becomes of a turn before any backend is asked.
#[expect(clippy::large_enum_variant, reason = "there is one for each turn, and almost all are the large one")]
pub(crate) enum Prepared {
    /// It goes to a backend, with these edits.
    Forward(Conversation, Edits),
    /// It was nothing but commands: this is what the user is told.
    Local(String),
}

/// What the planner is asked for `model` in a session with these settings.
pub(crate) fn ask<'a>(session: &Session, settings: &'a SessionSettings, model: &'a str) -> Ask<'a> {
    Ask {
        turns: session.turns,
        first_taken: session.first_taken,
        thinker_rests: session.thinker_rests,
        ..Ask::new(model, &settings.route, &settings.sampling)
    }
}

pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}

/// Finds the session, carries out commands, and says what must not go upstream.
pub(crate) async fn prepare(engine: &Arc<Engine>, turn: &Turn) -> Result<Prepared, Fault> {
    let places = history_places(turn);
    let history = hashes(turn, &places);
    let chains = chains(&history);
    let user_id = turn.lens.text(Field::MetadataUserId);
    let body = turn.lens.text(Field::SessionId).or_else(|| turn.lens.text(Field::ExtraBodySessionId));
    let previous = turn.lens.text(Field::PreviousResponseId);
    let client = client(turn);
    let agent = AGENTS.iter().find_map(|name| turn.header(name));
    let mut hints = Hints {
        scope: Scope::new(&turn.caller),
        header: turn.header(&SESSION),
        echoed: turn.header(&ECHOED),
        agent: agent.or_else(|| user_id.as_deref().and_then(session_in_user_id)),
        body: body.as_deref(),
        previous_response: previous.as_deref(),
        client: &client,
        history: &history,
        chains: &chains,
        answer: None,
    };
    if !hints.is_named() {
        hints.answer = first_answer(turn, &places);
    }
    let now = now_ms();
    let found = found(engine, turn, &hints, now).await?;
    if let Some(wire) = &turn.wire {
        wire.tell(Piece::Session(&found.session.id.to_string(), hints.header));
    }
    let mut conversation = Conversation {
        session: found.session.clone(),
        changed: None,
        hearing: Beginning::of(&hints)
            .filter(|_| turn.what == What::Generate)
            .map(|beginning| Box::new(Hearing::new(beginning, turn.dialect))),
        unwritten: None,
        owing: None,
        is_answered: false,
        thought: false,
    };
    let mut update = turn_keys(&hints, None);
    let mut edits = turn.lens.edits();
    conversation.hide_old(turn, &hints, &mut edits)?;
    let local = match conversation.commands(engine, turn)? {
        None => None,
        Some(done) => {
            done.hide(turn, &hints, &mut edits, &mut update)?;
            update.changes = done.changes;
            done.local
        }
    };
    let says_nothing = update.changes.is_empty() && update.hidden.is_empty();
    if says_nothing && conversation.hearing.is_some() && found.is_unnamed() {
        conversation.unwritten = Some(Box::new(Unwritten::new(engine, found.session, update)));
    } else if turn.what == What::Generate {
        conversation.owing = engine.sessions.keep(&found, update, now).await?;
    }
    Ok(match local {
        Some(text) => {
            conversation.said(engine, &text).await;
            Prepared::Local(text)
        }
        None => Prepared::Forward(conversation, edits),
    })
}

/// The session of a turn, once it is known what other hosts know of it.
async fn found(engine: &Engine, turn: &Turn, hints: &Hints<'_>, now: UnixMs) -> Result<Resolved, Fault> {
    let continues = turn.continues.as_deref();
    let is_gone = engine.sessions.take_over(hints, now, continues).await;
    if let Some(id) = continues {
        judged(turn.wire.as_ref(), STORE, || if is_gone { Err(unknown_answer(id)) } else { Ok(()) })?;
    }
    let fresh = match &turn.wire {
        None => engine.ids.fresh()?,
        Some(wire) => SessionId::from_random(wire.moment().name()),
    };
    resolve(engine.sessions.memory(), hints, fresh, now).await
}

/// What the commands of one message did.
struct Done {
    changes: Vec<base::SessionChange>,
    scan: Scan,
    message: usize,
    local: Option<String>,
}

impl Conversation {
    pub(crate) fn id(&self) -> SessionId {
        self.session.id
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn settings(&self) -> &SessionSettings {
        self.changed.as_deref().unwrap_or_else(|| self.session.settings())
    }

    /// A thinker's notes go with the request.
    pub(crate) const fn thought(&mut self) {
        self.thought = true;
    }

    /// The answer of this turn, where it must be listened to.
    pub(crate) fn hearing(&mut self) -> Option<&mut Hearing> {
        self.hearing.as_deref_mut()
    }

    /// The answer is `text`, of the host's own.
    async fn said(&mut self, engine: &Engine, text: &str) {
        if let Some(update) = self.hearing.take().and_then(|hearing| hearing.heard_text(text)) {
            engine.sessions.update(self.session.id, update);
        }
        if let Some(owing) = self.owing.take() {
            Box::pin(owing.pay()).await;
        }
    }

    /// The answer has come to its good end, or is about to. Only the first word of it counts.
    pub(crate) fn answered(&mut self, engine: &Engine, plan: &Plan) -> Option<Owing> {
        if std::mem::replace(&mut self.is_answered, true) {
            return None;
        }
        let update = Update {
            used_oneoff: self.settings().route.oneoff.clone().filter(|_| plan.uses_oneoff),
            counts_turn: true,
            takes_first: plan.takes_first,
            thinker_rests: self.thought.then(|| engine.planner.load().rules.thinker_rests),
            ..self.hearing.as_ref().and_then(|hearing| hearing.heard()).unwrap_or_default()
        };
        match self.unwritten.take() {
            Some(unwritten) => unwritten.write(update),
            None => {
                engine.sessions.update(self.session.id, update);
                self.owing.take()
            }
        }
    }

    /// Takes old commands and their local answers out of the replayed history.
    fn hide_old(&self, turn: &Turn, hints: &Hints<'_>, edits: &mut Edits) -> Result<(), Fault> {
        if self.session.hidden().next().is_none() {
            return Ok(());
        }
        let places = history_places(turn);
        let before = places.len().saturating_sub(1);
        let drops = |hash: &MessageHash| {
            self.session.hidden().any(|h| h.message == *hash && h.splice == Splice::Drop)
        };
        // A local answer is known by its text, for its JSON is the client's.
        let known: Vec<MessageHash> = places
            .iter()
            .take(before)
            .enumerate()
            .map(|(n, place)| match n.checked_sub(1).and_then(|n| hints.history.get(n)) {
                Some(previous) if drops(previous) => text_hash(turn, *place),
                _ => hints.history.get(n).copied().unwrap_or_else(|| text_hash(turn, *place)),
            })
            .collect();
        for (n, splice) in splices(&known, self.session.hidden()) {
            let Some(place) = places.get(n).copied() else { continue };
            match splice {
                Splice::Drop | Splice::DropReply => edits.remove_message(place),
                Splice::Cut(spans) => cut(turn, edits, place, spans)?,
            }
        }
        Ok(())
    }

    fn commands(&mut self, engine: &Engine, turn: &Turn) -> Result<Option<Done>, Fault> {
        let planner = engine.planner.load();
        let rules = &planner.rules;
        if !rules.commands || turn.what != What::Generate {
            return Ok(None);
        }
        let lens = &turn.lens;
        let Some(message) = lens.newest_user().filter(|n| n + 1 == lens.messages().len()) else {
            return Ok(None);
        };
        let prefix = self.settings().command_prefix.as_ref().unwrap_or(&rules.prefix);
        let content = lens.messages().get(message).and_then(|m| m.content);
        // The prefix holds no character that JSON must escape, but a client may escape a slash.
        let first = prefix.as_bytes().first().copied();
        let lacks = |text: &[u8]| first.is_some_and(|first| memchr::memchr(first, text).is_none());
        if content.is_none_or(|span| lacks(span.of(lens.body()))) {
            return Ok(None);
        }
        let prefix = prefix.clone();
        let text = lens.user_text(message);
        let parts: Vec<&str> = text.parts.iter().map(|part| &*part.text).collect();
        let found = scan(&parts, &Syntax { prefix: &prefix, strict: rules.strict });
        if found.calls.is_empty() {
            return Ok(None);
        }
        let session = self.id().to_string();
        let mut outcomes = Vec::new();
        let mut changes = Vec::new();
        for call in &found.calls {
            let (session, prefix, wire) = (&*session, &*prefix, turn.wire.as_ref());
            let view = SessionView { engine, conversation: self, session, prefix, wire };
            let outcome = run(call, &view);
            for change in &outcome.changes {
                let changed = self.changed.get_or_insert_with(|| Box::new(self.session.settings().clone()));
                changed.apply(change.clone());
                changes.push(change.clone());
            }
            outcomes.push(outcome);
        }
        let has_more = text.n_tool_results > 0 || has_other_parts(turn, message, parts.len());
        let local = (found.is_command_only && !has_more).then(|| reply_text(&outcomes));
        Ok(Some(Done { changes, scan: found, message, local }))
    }
}

impl Done {
    /// The commands of this message, and a local answer to it, never go upstream, now or later.
    fn hide(
        &self,
        turn: &Turn,
        hints: &Hints<'_>,
        edits: &mut Edits,
        update: &mut Update,
    ) -> Result<(), Fault> {
        let Some(message) = hints.history.last().copied() else { return Ok(()) };
        if let Some(reply) = &self.local {
            update.hidden.push(Hidden { message, splice: Splice::Drop });
            let reply = message_hash("assistant", [reply.trim().as_bytes()]);
            update.hidden.push(Hidden { message: reply, splice: Splice::DropReply });
            return Ok(());
        }
        let cuts: Vec<_> = self.scan.cuts.iter().map(|cut| (cut.part, cut.span.clone())).collect();
        cut(turn, edits, self.message, &cuts)?;
        update.hidden.push(Hidden { message, splice: Splice::Cut(cuts) });
        Ok(())
    }
}

/// Cuts commands, given as part and bytes, from the message at `place`. A part of which nothing is left goes altogether:
/// providers refuse empty texts.
fn cut(turn: &Turn, edits: &mut Edits, place: usize, cuts: &[(usize, Range<usize>)]) -> Result<(), Fault> {
    let text = turn.lens.user_text(place);
    for (n, part) in text.parts.iter().enumerate() {
        let own = || cuts.iter().filter(|(part, _)| *part == n).map(|(_, span)| span);
        let left = part.text.char_indices().filter(|(at, _)| !own().any(|span| span.contains(at)));
        if own().next().is_none() || left_blank(left) && edits.remove_part(&turn.lens, part) {
            continue;
        }
        for span in own() {
            let result = edits.replace_in_text(&turn.lens, part, span.clone(), "");
            result.map_err(|e| {
                Fault::host(Kind::Internal, "a command could not be cut from the message").source(e)
            })?;
        }
    }
    Ok(())
}

fn left_blank(mut left: impl Iterator<Item = (usize, char)>) -> bool {
    left.all(|(_, char)| char.is_whitespace())
}

/// Are there images, files or anything else beside the texts?
fn has_other_parts(turn: &Turn, message: usize, n_texts: usize) -> bool {
    let content = turn.lens.messages().get(message).and_then(|m| m.content);
    let parts = content.and_then(|span| {
        serde_json::from_slice::<Vec<&serde_json::value::RawValue>>(span.of(turn.lens.body())).ok()
    });
    parts.is_some_and(|parts| parts.len() > n_texts)
}
