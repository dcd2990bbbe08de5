//! Two hosts and one server: a real one where `LIP_TEST_REDIS` names one, as the suite `scale-out` does.
use super::owed::KEYS_MAX;
use super::*;
use crate::address::Address;
use crate::answer::{Answer, Answers, Draft};
use crate::keys::Keys;
use base::SessionChange;
use sessions::{Key, Limits, SessionId};
use tokio::runtime::Handle;

const NOW: UnixMs = 1_700_000_000_000;

/// A host with a memory of its own.
struct Host {
    memory: Arc<Memory>,
    shared: Arc<Sessions>,
    link: Arc<Link>,
}

impl Host {
    fn at(url: &str, prefix: &str) -> Self {
        let address = Address::parse(url).expect("an address");
        let link = Link::open(address, Keys::new(prefix), &Handle::current());
        let memory = Arc::new(Memory::new(Limits::default()));
        let shared = Sessions::new(Arc::clone(&link), Arc::clone(&memory), Duration::from_secs(60));
        Self { memory, shared, link }
    }

    async fn is_up(&self) {
        self.link.changes().wait_for(|is_up| *is_up).await.expect("a keeper");
    }

    /// A new session of this host, which `key` leads to.
    fn begins(&self, n: u8, key: Key, is_name: bool) -> SessionId {
        let session = Session::new(SessionId::from_random([n; 16]), scope(), now_ms());
        let (id, (name, key)) = (session.id, if is_name { (Some(key), None) } else { (None, Some(key)) });
        self.memory.create_now(session, name, key, now_ms());
        self.shared.created(id, key);
        id
    }

    fn says(&self, id: SessionId, model: &str) {
        self.says_at(id, model, now_ms());
    }

    fn says_at(&self, id: SessionId, model: &str, now: UnixMs) {
        let changes = vec![SessionChange::Model(Some(model.to_owned()))];
        let update = Update { changes, counts_turn: true, ..Update::default() };
        self.shared.update(id, update, now);
    }

    /// The session that `key` leads to, as a turn of this host would find it.
    async fn finds(&self, key: Key, is_name: bool) -> Option<Session> {
        let asked = Asked { keys: vec![key], is_name };
        self.shared.take_over(&asked, scope(), now_ms()).await;
        self.memory.find_now(&[key], now_ms()).map(|(_, session)| session)
    }
}

fn scope() -> Scope {
    Scope::new("me")
}

fn name(text: &str) -> Key {
    Key::named(scope(), text)
}

fn model(session: Option<&Session>) -> Option<(&str, u64)> {
    session.map(|session| (session.settings().route.model.as_deref().unwrap_or_default(), session.turns))
}

/// Two hosts that share a server of nobody's, if there is one, under a prefix of their own.
async fn two(prefix: &str) -> Option<(Host, Host)> {
    let url = std::env::var("LIP_TEST_REDIS").ok()?;
    let prefix = format!("{prefix}-{}:", std::process::id());
    let (a, b) = (Host::at(&url, &prefix), Host::at(&url, &prefix));
    a.is_up().await;
    b.is_up().await;
    Some((a, b))
}

#[tokio::test]
async fn without_a_server_memory_is_all_there_is() {
    // Nobody listens on a port that was given back.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port").port();
    let host = Host::at(&format!("redis://127.0.0.1:{port}"), "t:");
    let id = host.begins(1, name("n"), true);
    host.says(id, "a");
    host.shared.write(id).await;
    assert_eq!(model(host.finds(name("n"), true).await.as_ref()), Some(("a", 1)));
    assert_eq!(host.shared.counted().owed, 1);
    (0..500).for_each(|_| host.says(id, "b"));
    assert_eq!(model(host.finds(name("n"), true).await.as_ref()), Some(("b", 501)));
    assert_eq!(host.finds(name("other"), true).await, None);
    assert!(!host.link.is_up());
}

#[tokio::test]
async fn what_one_host_writes_the_other_finds() {
    let Some((a, b)) = two("finds").await else { return };
    let id = a.begins(1, name("n"), true);
    a.says(id, "m");
    assert_eq!(b.finds(name("n"), true).await, None, "before it is written");
    a.shared.write(id).await;
    assert_eq!(a.shared.counted().owed, 0);
    let found = b.finds(name("n"), true).await.expect("written");
    assert_eq!((found.id, found.version, model(Some(&found))), (id, 1, Some(("m", 1))));
    b.says(id, "k");
    b.shared.write(id).await;
    assert_eq!(model(a.finds(name("n"), true).await.as_ref()), Some(("k", 2)));
    let taken = a.shared.counted().taken_over;
    assert_eq!(model(a.finds(name("n"), true).await.as_ref()), Some(("k", 2)));
    assert_eq!(a.shared.counted().taken_over, taken, "the same is not sent again");
    // By its own name, too, and by a further key.
    let further = Key::response(scope(), "r1");
    a.shared.update(id, Update { key: Some(further), ..Update::default() }, NOW);
    a.shared.write(id).await;
    assert_eq!(b.finds(further, false).await.map(|session| session.id), Some(id));
    assert_eq!(b.finds(Key::own(scope(), id), true).await.map(|session| session.id), Some(id));
}

#[tokio::test]
async fn only_the_newest_keys_lead_to_a_session() {
    let Some((a, b)) = two("keys").await else { return };
    let id = a.begins(1, name("n"), true);
    let key = |n: usize| Key::response(scope(), &n.to_string());
    for n in 0..=KEYS_MAX {
        a.shared.update(id, Update { key: Some(key(n)), ..Update::default() }, now_ms());
        a.shared.write(id).await;
    }
    assert_eq!(b.finds(key(0), false).await, None);
    for key in [key(1), key(KEYS_MAX), name("n"), Key::own(scope(), id)] {
        assert_eq!(b.finds(key, false).await.map(|session| session.id), Some(id));
    }
}

#[tokio::test]
async fn both_of_two_turns_at_the_same_moment_count() {
    let Some((a, b)) = two("both").await else { return };
    let id = a.begins(1, name("n"), true);
    a.shared.write(id).await;
    b.finds(name("n"), true).await.expect("written");
    a.says(id, "a");
    b.says(id, "b");
    let named = |host: &Host| host.shared.update(id, one_more_route(), now_ms());
    named(&b);
    a.shared.write(id).await;
    b.shared.write(id).await;
    assert_eq!((a.shared.counted().conflicts, b.shared.counted().conflicts), (0, 1));
    let found = a.finds(name("n"), true).await.expect("written");
    assert_eq!(model(Some(&found)), Some(("b", 2)));
    assert!(found.settings().route.named.contains_key("fast"));
    // A host that takes over keeps what it still owes.
    a.says(id, "c");
    b.says(id, "d");
    a.shared.write(id).await;
    assert_eq!(model(b.finds(name("n"), true).await.as_ref()), Some(("d", 4)));
    b.shared.write(id).await;
    assert_eq!(model(a.finds(name("n"), true).await.as_ref()), Some(("d", 4)));
}

fn one_more_route() -> Update {
    let changes = vec![SessionChange::PutRoute("fast".into(), base::NamedRoute::default())];
    Update { changes, ..Update::default() }
}

#[tokio::test]
async fn what_a_server_lost_is_written_anew_and_rubbish_is_none() {
    let Some((a, b)) = two("lost").await else { return };
    let id = a.begins(1, name("n"), true);
    a.says(id, "m");
    a.shared.write(id).await;
    let names = a.shared.inner.names(scope());
    let (session, key) = (names.session(id).text(), names.key(name("n")).text());
    for n in 0..6_u64 {
        let mut spoil = redis::cmd("DEL");
        spoil.arg(&session);
        a.link.run(&spoil).await.expect("deleted");
        match n {
            1 => drop(a.link.run(redis::cmd("LPUSH").arg(&session).arg("x")).await),
            2 => drop(
                a.link
                    .run(redis::cmd("HSET").arg(&session).arg("version").arg("x").arg("bytes").arg("1{"))
                    .await,
            ),
            3 => drop(
                a.link
                    .run(redis::cmd("HSET").arg(&session).arg("version").arg("7").arg("bytes").arg("2{}"))
                    .await,
            ),
            4 => drop(a.link.run(redis::cmd("SET").arg(&key).arg("x")).await),
            5 => drop(a.link.run(redis::cmd("SET").arg(&key).arg("0".repeat(32))).await),
            _ => {}
        }
        let fresh = Host::at(&std::env::var("LIP_TEST_REDIS").expect("set"), a.link.keys().prefix());
        fresh.is_up().await;
        assert_eq!(fresh.finds(name("n"), true).await, None, "{n}");
        assert_eq!(model(a.finds(name("n"), true).await.as_ref()), Some(("m", n + 1)), "{n}");
        a.says(id, "m");
        a.shared.write(id).await;
        assert_eq!(a.shared.counted().owed, 0, "{n}");
        assert_eq!(model(b.finds(name("n"), true).await.as_ref()), Some(("m", n + 2)), "{n}");
    }
}

#[tokio::test]
async fn of_more_changes_than_are_remembered_the_later_copy_stays() {
    let Some((a, b)) = two("whole").await else { return };
    let id = a.begins(1, name("n"), true);
    a.shared.write(id).await;
    b.finds(name("n"), true).await.expect("written");
    a.says(id, "early");
    a.shared.write(id).await;
    (0..200).for_each(|_| b.says_at(id, "late", now_ms() + 1000));
    b.shared.write(id).await;
    assert_eq!(model(a.finds(name("n"), true).await.as_ref()), Some(("late", 200)));
}

#[tokio::test]
async fn an_answer_travels_with_its_session() {
    let Some((a, b)) = two("answers").await else { return };
    let of = |host: &Host| Answers::new(Arc::clone(&host.link), Duration::from_secs(60));
    let (own, others) = (of(&a), of(&b));
    let first = Draft { input: vec!["1", "2"], output: "3", response: Some("{}"), ..Draft::default() };
    let writing = own.writing((scope(), "r1"), &first, None).expect("small");
    let id = a.begins(1, name("n"), true);
    a.says(id, "m");
    assert_eq!(a.shared.write_with(id, &writing).await, Some(Written::Kept));
    assert_eq!(a.shared.write_with(id, &writing).await, None, "nothing is owed any more");
    assert_eq!(model(b.finds(name("n"), true).await.as_ref()), Some(("m", 1)));
    let there = Answer {
        input: vec!["1,2".to_owned()],
        output: "3".to_owned(),
        response: Some("{}".to_owned()),
        ..Answer::default()
    };
    assert_eq!(others.find(scope(), "r1", false).await, Ok(Found::Answer(there)));

    // Whoever comes second with its session writes that again, and its answer once.
    a.says(id, "x");
    b.says(id, "y");
    b.shared.write(id).await;
    let next = Draft { input: vec!["4"], output: "5", ..Draft::default() };
    let writing = own.writing((scope(), "r2"), &next, Some("r1")).expect("small");
    assert_eq!(a.shared.write_with(id, &writing).await, Some(Written::Kept));
    assert_eq!(a.shared.counted().conflicts, 1);
    assert_eq!(model(b.finds(name("n"), true).await.as_ref()), Some(("x", 3)));
    let Ok(Found::Answer(found)) = others.find(scope(), "r2", false).await else { panic!("an answer") };
    assert_eq!((found.input, found.output.as_str()), (vec!["1,2".into(), "3".into(), "4".into()], "5"));
    let orphan = own.writing((scope(), "r3"), &next, Some("nobody's")).expect("small");
    a.says(id, "z");
    assert_eq!(a.shared.write_with(id, &orphan).await, Some(Written::Alone));
    assert_eq!(a.shared.counted().owed, 0, "its session is written all the same");

    // May it be continued? Asked with the session, and without one.
    let asked = Asked { keys: vec![name("n")], is_name: true };
    let ask = async |asked: &Asked, id| b.shared.take_over_with_answer(asked, id, (scope(), now_ms())).await;
    assert_eq!(ask(&asked, "r2").await, Ok(Found::Known));
    assert_eq!(
        model(b.memory.find_now(&[name("n")], now_ms()).map(|(_, found)| found).as_ref()),
        Some(("z", 4))
    );
    assert_eq!(ask(&asked, "r9").await, Ok(Found::Nothing));
    assert_eq!(own.forget(scope(), "r2").await, Ok(true));
    assert_eq!(ask(&asked, "r2").await, Ok(Found::Gone));
    assert_eq!(ask(&Asked::default(), "r2").await, Ok(Found::Gone));
    assert_eq!(ask(&Asked::default(), "r1").await, Ok(Found::Known));
}
