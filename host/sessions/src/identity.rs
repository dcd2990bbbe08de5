//! Which session a request belongs to.
use crate::{
    hash::{Chain, Histories, Key, MessageHash, Scope, SessionId},
    memory::Memory,
    session::{Session, Update},
    store::{Store, UnixMs},
};
use base::Fault;

/// Headers in which known agents send the id of their conversation. Observed, not documented by their vendors: an agent
/// that stops sending one falls back to its history.
pub const AGENT_HEADERS: [&str; 5] =
    ["x-lip-session-id", "x-claude-code-session-id", "session_id", "session-id", "x-opencode-session"];

/// Longest history prefix count that is looked up, longest first.
const PREFIXES_MAX: usize = 512;
/// A request that repeats a whole history continues it only if there is enough of it to be unmistakable: a question, an
/// answer and a question. "hi" alone starts a conversation every time.
const REPEAT_MIN: usize = 3;
/// Longest id that is taken from a client, in bytes.
const ID_BYTES_MAX: usize = 512;

/// What a request says about its session.
#[derive(Clone, Copy, Debug)]
pub struct Hints<'a> {
    /// Whose request it is.
    pub scope: Scope,
    /// The `x-session-id` header.
    pub header: Option<&'a str>,
    /// The id that LIP sent back earlier (`x-b2bua-session-id` unless configured otherwise).
    pub echoed: Option<&'a str>,
    /// The first of [`AGENT_HEADERS`] that is there, or what [`session_in_user_id`] finds.
    pub agent: Option<&'a str>,
    /// `session_id`, or `extra_body.session_id`.
    pub body: Option<&'a str>,
    /// `previous_response_id`.
    pub previous_response: Option<&'a str>,
    /// What tells clients apart that send no id: the User-Agent, with `prompt_cache_key` if there is one. The latter is
    /// no id by itself, since programs use one key for all their conversations.
    pub client: &'a str,
    /// Hashes of all messages but system and developer prompts (agents put dates in those).
    pub history: &'a [MessageHash],
    /// The [`chains`](crate::chains) of `history`.
    pub chains: &'a [Chain],
    /// In a history that may be a second turn's: how many messages stand before the first answer, and how that begins. A
    /// client writes an answer in its own JSON, so it is not known again by its [`MessageHash`] in `history`.
    pub answer: Option<(usize, MessageHash)>,
}

impl Hints<'_> {
    /// True if an id says which session it is.
    pub fn is_named(&self) -> bool {
        explicit(self).is_some() || self.previous_response.is_some()
    }
}

/// A first turn of a conversation without an id. Others may begin with the same words: its answer tells them apart.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    histories: Histories,
    chain: Chain,
}

impl Beginning {
    /// `None` where an id says whose turn it is, or the history does.
    pub fn of(hints: &Hints<'_>) -> Option<Self> {
        let chain = hints.chains.last().copied().filter(|_| hints.chains.len() < REPEAT_MIN)?;
        (!hints.is_named()).then(|| Self { histories: Histories::of(hints.scope, hints.client), chain })
    }

    /// What the answer adds to the session, so that [`Hints::answer`] of the next turn leads to it.
    pub fn answered(self, answer: MessageHash) -> Update {
        let chain = self.chain.then(answer);
        Update { tip: Some(chain), key: Some(self.histories.key(chain)), ..Update::default() }
    }
}

/// How a session was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By the client's header.
    Header,
    /// By the echoed id.
    Echo,
    /// By an agent's own id.
    Agent,
    /// By an id in the body.
    Body,
    /// By the response that it continues.
    Response,
    /// By the first so many messages of its history.
    History(usize),
    /// As a branch of a conversation that went on elsewhere.
    Fork(usize),
    /// Not at all: it is new.
    New,
}

/// A request's session.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The session.
    pub session: Session,
    /// How it was found.
    pub how: How,
    origin: Origin,
}

impl Resolved {
    /// True if no store knows it yet.
    pub const fn is_new(&self) -> bool {
        matches!(self.origin, Origin::Fresh { .. })
    }

    /// True if it is new and has no name: until it has answered, no other request can mean it by right.
    pub fn is_unnamed(&self) -> bool {
        self.how == How::New && matches!(self.origin, Origin::Fresh { name: None })
    }
}

/// Where a session comes from.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// The store has it.
    Stored,
    /// No store knows it yet; its client may have given it a name.
    Fresh { name: Option<Key> },
}

/// Finds the session of a request, or makes one named `fresh`, which is remembered once it is [kept](keep).
///
/// # Errors
/// What the store says when it cannot be reached; the memory store never fails.
pub async fn resolve<S: Store + ?Sized>(
    store: &S,
    hints: &Hints<'_>,
    fresh: SessionId,
    now: UnixMs,
) -> Result<Resolved, Fault> {
    if let Some((how, id)) = explicit(hints) {
        let key = Key::named(hints.scope, id);
        if let Some((_, session)) = store.find(&[key], now).await? {
            return Ok(found(session, how));
        }
        return Ok(new(Session::new(fresh, hints.scope, now), Some(key), How::New));
    }
    if let Some(id) = hints.previous_response.filter(|id| fits(id))
        && let Some((_, session)) = store.find(&[Key::response(hints.scope, id)], now).await?
    {
        return Ok(found(session, How::Response));
    }
    let prefixes = prefixes(hints);
    let answered = answered(hints, prefixes);
    let keys = keys_of(hints, prefixes, answered);
    if !keys.is_empty()
        && let Some((i, session)) = store.find(&keys, now).await?
        && let Some((n_messages, chain)) = nth_longest(prefixes, answered, i)
    {
        if session.stands_at(chain) {
            return Ok(found(session, How::History(n_messages)));
        }
        // The conversation went on from there in another way: this is a branch with the same settings.
        return Ok(new(session.fork(fresh, now), None, How::Fork(n_messages)));
    }
    Ok(new(Session::new(fresh, hints.scope, now), None, How::New))
}

/// What a request would be found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Strongest first.
    pub keys: Vec<Key>,
    /// The only key is a name that its client gave.
    pub is_name: bool,
}

/// The keys that [`resolve`] looks up, in its order, so that a store outside this process can be asked for all of them at once.
pub fn asked(hints: &Hints<'_>) -> Asked {
    if let Some((_, id)) = explicit(hints) {
        return Asked { keys: vec![Key::named(hints.scope, id)], is_name: true };
    }
    let response = hints.previous_response.filter(|id| fits(id)).map(|id| Key::response(hints.scope, id));
    let prefixes = prefixes(hints);
    let histories = keys_of(hints, prefixes, answered(hints, prefixes));
    Asked { keys: response.into_iter().chain(histories).collect(), is_name: false }
}

const fn found(session: Session, how: How) -> Resolved {
    Resolved { session, how, origin: Origin::Stored }
}

const fn new(session: Session, name: Option<Key>, how: How) -> Resolved {
    Resolved { session, how, origin: Origin::Fresh { name } }
}

/// Remembers a new session without a name once its first turn has ended, with what its parts add: it is written once and not at
/// the turn's start as well.
pub fn keep_ended(
    memory: &Memory,
    mut session: Session,
    parts: impl IntoIterator<Item = Update>,
    now: UnixMs,
) {
    let mut keys = Vec::with_capacity(2);
    for mut part in parts {
        keys.extend(part.key.take());
        session.apply(part, now);
    }
    memory.create_now(session, None, keys, now);
}

/// Remembers what a turn adds to its session, and the session itself if it is new.
///
/// # Errors
/// What the store says when it cannot be reached; the memory store never fails.
pub async fn keep<S: Store + ?Sized>(
    store: &S,
    found: &Resolved,
    mut update: Update,
    now: UnixMs,
) -> Result<(), Fault> {
    match found.origin {
        Origin::Stored => store.update(found.session.id, update, now).await.map(drop),
        Origin::Fresh { name } => {
            let (mut session, key) = (found.session.clone(), update.key.take());
            session.apply(update, now);
            store.create(session, name, key, now).await
        }
    }
}

fn fits(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_BYTES_MAX
}

fn explicit<'a>(hints: &Hints<'a>) -> Option<(How, &'a str)> {
    [
        (How::Header, hints.header),
        (How::Echo, hints.echoed),
        (How::Agent, hints.agent),
        (How::Body, hints.body),
    ]
    .into_iter()
    .find_map(|(how, id)| Some((how, id.map(str::trim).filter(|id| fits(id))?)))
}

/// Prefixes of the history that may lead to a session, shortest first.
fn prefixes<'a>(hints: &Hints<'a>) -> &'a [Chain] {
    let n = hints.chains.len();
    let n = if n >= REPEAT_MIN { n } else { n.saturating_sub(1) };
    hints.chains.get(..n).unwrap_or_default()
}

/// The first answer as a prefix of its own: where it stands among the others, longest first; its length and its chain.
fn answered(hints: &Hints<'_>, prefixes: &[Chain]) -> Option<(usize, usize, Chain)> {
    let (before, answer) = hints.answer?;
    let chain = prefixes.get(before.checked_sub(1)?)?;
    Some((prefixes.len() - before, before + 1, chain.then(answer)))
}

/// The keys of these prefixes, longest first. One more for the first answer.
fn keys_of(hints: &Hints<'_>, prefixes: &[Chain], answered: Option<(usize, usize, Chain)>) -> Vec<Key> {
    if prefixes.is_empty() {
        return Vec::new();
    }
    let histories = Histories::of(hints.scope, hints.client);
    let mut keys: Vec<Key> =
        prefixes.iter().rev().take(PREFIXES_MAX).map(|chain| histories.key(*chain)).collect();
    if let Some((at, _, chain)) = answered.filter(|(at, ..)| *at <= keys.len()) {
        keys.insert(at, histories.key(chain));
    }
    keys
}

/// The prefix behind a key of [`keys_of`]: its length and its chain.
fn nth_longest(
    prefixes: &[Chain],
    answered: Option<(usize, usize, Chain)>,
    n: usize,
) -> Option<(usize, Chain)> {
    let n = match answered {
        Some((at, length, chain)) if n == at => return Some((length, chain)),
        Some((at, ..)) if n > at => n - 1,
        _ => n,
    };
    let length = prefixes.len().checked_sub(n)?;
    Some((length, *prefixes.get(length.checked_sub(1)?)?))
}

/// What a turn adds to its session so that the next one finds it: call it with the request's history, and once more
/// with the answer's hash when that is known.
pub fn turn_keys(hints: &Hints<'_>, reply: Option<MessageHash>) -> Update {
    let Some(chain) = hints.chains.last().copied() else {
        return Update::default();
    };
    let chain = reply.map_or(chain, |reply| chain.then(reply));
    let key = Key::history(hints.scope, hints.client, chain);
    Update { tip: Some(chain), key: Some(key), ..Update::default() }
}

/// The session part of an Anthropic `metadata.user_id` as agents fill it: `…_session_<id>`, or a JSON object with
/// `session_id`.
pub fn session_in_user_id(user_id: &str) -> Option<&str> {
    if let Some((_, id)) = user_id.rsplit_once("_session_") {
        return Some(id).filter(|id| fits(id));
    }
    let (_, rest) = user_id.trim_start().strip_prefix('{')?.split_once("\"session_id\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    rest.split_once('"').map(|(id, _)| id).filter(|id| fits(id) && !id.contains('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_put_sessions_into_user_ids() {
        for (user_id, want) in [
            ("user_ab_account_cd_session_12-34", Some("12-34")),
            (r#"{"device_id":"x","session_id": "12-34"}"#, Some("12-34")),
            ("user-7", None),
            ("a_session_", None),
            (r#"{"session_id": 5}"#, None),
            ("{", None),
        ] {
            assert_eq!(session_in_user_id(user_id), want, "{user_id}");
        }
    }
}
