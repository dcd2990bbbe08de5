//! Conversations as clients send them.
#![expect(clippy::panic, clippy::expect_used, reason = "a test stops at the first surprise")]
use base::SessionChange;
use sessions::{
    Beginning, Chain, Hidden, Hints, How, Key, Limits, Memory, MessageHash, Resolved, Scope, SessionId,
    Splice, Update, chains, keep, message_hash, resolve, splices, turn_keys,
};
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

/// The memory store is always ready.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the memory store waits for nothing"),
    }
}

fn say(role: &str, text: &str) -> MessageHash {
    message_hash(role, [text.as_bytes()])
}

fn history(texts: &[&str]) -> Vec<MessageHash> {
    texts
        .iter()
        .enumerate()
        .map(|(i, text)| say(if i % 2 == 0 { "user" } else { "assistant" }, text))
        .collect()
}

/// A history and its chains, for hints that borrow them.
struct Past(Vec<MessageHash>, Vec<Chain>);

fn past(texts: &[&str]) -> Past {
    let history = history(texts);
    let chains = chains(&history);
    Past(history, chains)
}

fn hints<'a>(scope: &str, past: &'a Past) -> Hints<'a> {
    Hints {
        scope: Scope::new(scope),
        header: None,
        echoed: None,
        agent: None,
        body: None,
        previous_response: None,
        client: "test/1",
        history: &past.0,
        chains: &past.1,
        answer: None,
    }
}

/// A client without ids talking to a store.
struct Desk {
    store: Memory,
    n_ids: u8,
    time: u64,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        Self { store: Memory::new(limits), n_ids: 0, time: 1_000_000 }
    }

    fn find(&mut self, hints: &Hints<'_>) -> Resolved {
        self.n_ids += 1;
        let found = now(resolve(&self.store, hints, SessionId::from_random([self.n_ids; 16]), self.time));
        let found = found.expect("never fails");
        now(keep(&self.store, &found, Update::default(), self.time)).expect("never fails");
        found
    }

    /// One turn of a history: request, then answer.
    fn turn(&mut self, scope: &str, texts: &[&str], reply: &str) -> (SessionId, How) {
        let past = past(texts);
        let hints = hints(scope, &past);
        let Resolved { session, how, .. } = self.find(&hints);
        self.store.update_now(session.id, turn_keys(&hints, None), self.time);
        self.store.update_now(session.id, turn_keys(&hints, Some(say("assistant", reply))), self.time);
        (session.id, how)
    }

    fn set_model(&self, id: SessionId, model: &str) {
        let changes = vec![SessionChange::Model(Some(model.into()))];
        self.store.update_now(id, Update { changes, ..Update::default() }, self.time);
    }

    fn model(&self, id: SessionId) -> Option<String> {
        self.store.update_now(id, Update::default(), self.time).and_then(|s| s.settings().route.model.clone())
    }
}

#[test]
fn a_growing_history_is_one_session() {
    let mut desk = Desk::new(Limits::default());
    let (id, how) = desk.turn("me", &["hi"], "hello");
    assert_eq!(how, How::New);
    desk.set_model(id, "m");
    assert_eq!(desk.turn("me", &["hi", "hello", "more"], "yes"), (id, How::History(2)));
    assert_eq!(desk.turn("me", &["hi", "hello", "more", "yes", "again"], "ok"), (id, How::History(4)));
    // A client that changes the answer (drops its thinking, say) still sends what it asked.
    assert_eq!(
        desk.turn("me", &["hi", "hello", "more", "yes", "again", "OK!", "bye"], "ciao"),
        (id, How::History(5))
    );
    assert_eq!(desk.model(id).as_deref(), Some("m"));
}

#[test]
fn the_same_greeting_starts_two_sessions_that_stay_apart() {
    let mut desk = Desk::new(Limits::default());
    let (first, _) = desk.turn("me", &["!/model(a)"], "Model: a");
    let (_, how) = desk.turn("me", &["!/model(a)", "Model: a", "one"], "1");
    assert_eq!(how, How::History(2));
    let (second, how) = desk.turn("me", &["!/model(a)"], "Model: a");
    assert!(second != first && how == How::New);
    assert_eq!(desk.turn("me", &["!/model(a)", "Model: a", "two"], "2").0, second);
    assert_eq!(desk.turn("me", &["!/model(a)", "Model: a", "one", "1", "go on"], "3").0, first);
    assert_eq!(desk.turn("me", &["!/model(a)", "Model: a", "two", "2", "go on"], "4").0, second);
}

#[test]
fn an_edited_history_branches_with_the_settings() {
    let mut desk = Desk::new(Limits::default());
    let (id, _) = desk.turn("me", &["hi"], "hello");
    desk.set_model(id, "m");
    desk.turn("me", &["hi", "hello", "one"], "1");
    let (branch, how) = desk.turn("me", &["hi", "hello", "two"], "2");
    assert!(branch != id && how == How::Fork(2), "{how:?}");
    assert_eq!(desk.model(branch).as_deref(), Some("m"));
    desk.set_model(branch, "other");
    assert_eq!(desk.model(id).as_deref(), Some("m"), "a branch changes nothing of its origin");
    assert_eq!(desk.turn("me", &["hi", "hello", "one", "1", "on"], "x").0, id);
}

#[test]
fn a_retry_of_the_same_request_is_the_same_session() {
    let mut desk = Desk::new(Limits::default());
    let (id, _) = desk.turn("me", &["hi"], "hello");
    desk.turn("me", &["hi", "hello", "one"], "1");
    assert_eq!(desk.turn("me", &["hi", "hello", "one"], "1"), (id, How::History(3)));
}

#[test]
fn nobody_reaches_another_callers_session() {
    let mut desk = Desk::new(Limits::default());
    let (id, _) = desk.turn("me", &["hi"], "hello");
    assert_ne!(desk.turn("you", &["hi", "hello", "more"], "x").0, id);
    let (echoed, nothing) = (id.to_string(), past(&[]));
    let mine = Hints { echoed: Some(&echoed), ..hints("me", &nothing) };
    assert_eq!((desk.find(&mine).session.id, desk.find(&mine).how), (id, How::Echo));
    let theirs = Hints { echoed: Some(&echoed), ..hints("you", &nothing) };
    assert_ne!(desk.find(&theirs).session.id, id);
    let past = past(&["hi", "hello", "more"]);
    let other_client = Hints { client: "else/2", ..hints("me", &past) };
    assert_ne!(desk.find(&other_client).session.id, id);
}

#[test]
fn ids_go_before_histories_and_headers_before_bodies() {
    let mut desk = Desk::new(Limits::default());
    let (by_history, _) = desk.turn("me", &["hi"], "hello");
    let past = past(&["hi", "hello", "more"]);
    let base = hints("me", &past);
    let named = desk.find(&Hints { header: Some("h"), body: Some("b"), ..base }).session.id;
    assert_ne!(named, by_history);
    assert_eq!(
        desk.find(&Hints { body: Some("h"), ..base }).how,
        How::Body,
        "an id is an id wherever it stands"
    );
    assert_eq!(desk.find(&Hints { header: Some("h"), ..base }).session.id, named);
    assert_eq!(desk.find(&Hints { header: Some("  "), ..base }).session.id, by_history, "a blank id is none");
    let long = "x".repeat(600);
    assert_eq!(desk.find(&Hints { header: Some(&long), ..base }).session.id, by_history, "nor is a huge one");
    let response = Key::response(Scope::new("me"), "resp_1");
    desk.store.update_now(named, Update { key: Some(response), ..Update::default() }, desk.time);
    let found = desk.find(&Hints { previous_response: Some("resp_1"), ..base });
    assert_eq!((found.session.id, found.how), (named, How::Response));
}

#[test]
fn sessions_expire_when_idle() {
    let mut desk = Desk::new(Limits { ttl_ms: 1000, ..Limits::default() });
    let (id, _) = desk.turn("me", &["hi"], "hello");
    desk.time += 900;
    assert_eq!(desk.turn("me", &["hi", "hello", "a"], "b").0, id);
    desk.time += 1001;
    let (fresh, how) = desk.turn("me", &["hi", "hello", "a", "b", "c"], "d");
    assert!(fresh != id && how == How::New);
    assert_eq!(desk.store.len(), 1);
    desk.time += 5000;
    desk.store.sweep(desk.time);
    assert!(desk.store.is_empty() && desk.store.bytes() == 0);
}

#[test]
fn commands_never_go_upstream_again() {
    let mut desk = Desk::new(Limits::default());
    let (id, _) = desk.turn("me", &["!/hello"], "banner");
    let hidden = vec![
        Hidden { message: say("user", "!/hello"), splice: Splice::Drop },
        Hidden { message: say("assistant", "banner"), splice: Splice::DropReply },
    ];
    desk.store.update_now(id, Update { hidden, ..Update::default() }, desk.time);
    let past = past(&["!/hello", "banner", "hi", "yes", "go"]);
    let Resolved { session, .. } = desk.find(&hints("me", &past));
    assert_eq!(session.id, id);
    let found: Vec<usize> = splices(&past.0[..4], session.hidden()).into_iter().map(|(i, _)| i).collect();
    assert_eq!(found, [0, 1]);
}

/// A client without ids whose JSON of an answer is its own: only how the answer begins is known of it.
fn second_turn<'a>(past: &'a Past, answer: &str) -> Hints<'a> {
    Hints { answer: Some((1, say("said", answer))), ..hints("me", past) }
}

#[test]
fn first_answers_tell_conversations_apart_that_begin_alike() {
    let mut desk = Desk::new(Limits::default());
    let first = past(&["fix it"]);
    let mut begin = |answer: &str| {
        let found = desk.find(&hints("me", &first));
        desk.store.update_now(found.session.id, turn_keys(&hints("me", &first), None), desk.time);
        let beginning = Beginning::of(&hints("me", &first)).expect("no id");
        desk.store.update_now(found.session.id, beginning.answered(say("said", answer)), desk.time);
        found.session.id
    };
    let (a, b) = (begin("done a"), begin("done b"));
    assert_ne!(a, b);
    for (answer, id) in [("done a", a), ("done b", b)] {
        let second = past(&["fix it", "as the client writes it", "and now"]);
        let found = desk.find(&second_turn(&second, answer));
        assert_eq!((found.session.id, found.how), (id, How::History(2)), "{answer}");
    }
    // An answer that its client has changed leads to the newest of them, as before.
    let second = past(&["fix it", "changed", "and now"]);
    assert_eq!(desk.find(&second_turn(&second, "changed")).session.id, b);
    // Where it stands among the prefixes: behind longer ones, before the bare beginning.
    let long = past(&["fix it", "x", "and now", "y", "more"]);
    desk.store.update_now(b, turn_keys(&hints("me", &past(&["fix it", "x", "and now"])), None), desk.time);
    assert_eq!(desk.find(&second_turn(&long, "done a")).how, How::History(3));
    let named = Hints { header: Some("h"), ..hints("me", &first) };
    assert!(Beginning::of(&named).is_none(), "an id is enough");
    assert!(Beginning::of(&hints("me", &second)).is_none(), "and so is a history");
}
