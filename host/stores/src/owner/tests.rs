//! Two hosts and one server: a real one where `LIP_TEST_REDIS` names one, as the suite `scale-out` does.
use super::*;
use crate::address::Address;
use crate::keys::Keys;
use tokio::runtime::Handle;

fn owner(name: &str) -> Owner {
    let address = Some(format!("http://{name}.test:8000"));
    Owner { host: format!("host-{name}"), name: name.to_owned(), address }
}

fn agent() -> (Scope, Key) {
    let scope = Scope::new("me");
    (scope, Key::agent(scope, "backend workspace model session"))
}

async fn at(url: &str, prefix: &str, name: &str, secret: Option<&str>) -> Owners {
    let link = Link::open(Address::parse(url).expect("an address"), Keys::new(prefix), &Handle::current());
    link.changes().wait_for(|is_up| *is_up).await.expect("a keeper");
    let secret = secret.map(|secret| Secret::new(secret.to_owned()));
    Owners::new(link, owner(name), secret.as_ref())
}

fn other(claim: Result<Claim, Lost>) -> Other {
    match claim {
        Ok(Claim::Other(other)) => other,
        own => panic!("it is not another host's: {own:?}"),
    }
}

#[test]
fn seals_are_of_one_record_and_one_secret() {
    let seal = |secret: &str| Seal::new(&Secret::new(secret.to_owned()));
    let (scope, agent) = agent();
    let own = seal("one secret").of(agent, &owner("a"));
    assert!(seal("one secret").is_of(agent, &owner("a"), &own));
    assert!(!seal("another").is_of(agent, &owner("a"), &own));
    assert!(!seal("one secret").is_of(agent, &owner("b"), &own));
    assert!(!seal("one secret").is_of(Key::agent(scope, "other"), &owner("a"), &own));
    assert!(!seal("one secret").is_of(agent, &owner("a"), "00"));
    assert_eq!(format!("{:?}", seal("one secret")), "Seal");
}

#[tokio::test]
async fn without_a_server_nobody_says_who_has_it() {
    let address = Address::parse("redis://127.0.0.1:1").expect("an address");
    let owners =
        Owners::new(Link::open(address, Keys::new("x:"), &Handle::current()), Owner::default(), None);
    let (scope, agent) = agent();
    assert_eq!(owners.claim(scope, agent).await, Err(Lost::Away));
}

#[tokio::test]
async fn first_of_two_hosts_has_it_until_it_lets_go() {
    let Ok(url) = std::env::var("LIP_TEST_REDIS") else { return };
    let prefix = format!("owns-{}:", std::process::id());
    let (a, b) = (at(&url, &prefix, "a", Some("s")).await, at(&url, &prefix, "b", Some("s")).await);
    let stranger = at(&url, &prefix, "c", Some("another")).await;
    let (scope, agent) = agent();
    let (one, two) = tokio::join!(a.claim(scope, agent), b.claim(scope, agent));
    let (first, second) = if one == Ok(Claim::Own) { (&a, &b) } else { (&b, &a) };
    let told = if one == Ok(Claim::Own) { other(two) } else { other(one) };
    assert_eq!((&told.owner, told.is_sealed), (&first.own, true));
    assert_eq!(first.claim(scope, agent).await, Ok(Claim::Own), "it puts off the end");
    assert!(!other(stranger.claim(scope, agent).await).is_sealed);
    // Only the own record goes.
    second.release(scope, agent).await.expect("an answer");
    let seen = other(second.claim(scope, agent).await);
    first.release(scope, agent).await.expect("an answer");
    assert_eq!(second.claim(scope, agent).await, Ok(Claim::Own));
    first.forget(scope, agent, &seen).await.expect("an answer");
    let now = other(first.claim(scope, agent).await);
    assert_eq!(&now.owner, &second.own, "what was written since stays");
    first.forget(scope, agent, &now).await.expect("an answer");
    assert_eq!(first.claim(scope, agent).await, Ok(Claim::Own));
}

#[tokio::test]
async fn rubbish_is_nobodys() {
    let Ok(url) = std::env::var("LIP_TEST_REDIS") else { return };
    let owners = at(&url, &format!("owns-rubbish-{}:", std::process::id()), "a", None).await;
    let (scope, agent) = agent();
    let place = owners.place(scope, agent);
    let long = format!(r#"{{"host":"{}","name":"n"}}"#, "x".repeat(9999));
    for rubbish in ["", "{}", "[1", r#"{"host":"a b","name":"n"}"#, r#"{"host":"h","name":"\n"}"#, &long] {
        let set = redis::cmd("SET").arg(&place).arg(rubbish).to_owned();
        owners.link.run(&set).await.expect("an answer");
        assert_eq!(owners.claim(scope, agent).await, Ok(Claim::Own), "{rubbish}");
    }
    owners.link.run(redis::cmd("DEL").arg(&place)).await.expect("an answer");
    owners.link.run(redis::cmd("LPUSH").arg(&place).arg(1)).await.expect("an answer");
    assert_eq!(owners.claim(scope, agent).await, Ok(Claim::Own));
}
