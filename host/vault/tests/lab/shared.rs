//! Hosts that share their accounts: one renews, also where a holder is not heard of for too long and wakes up later.
use crate::kit::{Process, World, pass};
use crate::server::{LIFETIME_MS, Mishap};
use std::sync::atomic::Ordering;
use vault::{Health, Lease, Refused, TokenPrint};

#[tokio::test(start_paused = true)]
async fn three_hosts_renew_once() {
    let world = World::new();
    let hosts = [world.host(), world.host(), world.host()];
    hosts[0].put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    let [one, two, three] = &hosts;
    let (ones, twos, threes) = tokio::join!(one.leases(17), two.leases(17), three.leases(17));
    let all = ones.into_iter().chain(twos).chain(threes);
    let prints: Vec<TokenPrint> = all.map(|lease| lease.unwrap().print).collect();
    assert!(prints.iter().all(|print| *print == prints[0]));
    assert_eq!((world.server.n_asked(), world.server.most_in_flight()), (1, 1));
    assert!(world.server.is_alive(world.commons.read("a")["refresh_token"].as_str().unwrap()));
    assert!(!world.home.path().join("none").exists(), "nothing is written to this machine");
}

type Leased = Result<Lease, Refused>;

/// Two hosts with an account whose token has to be renewed; what the server does to the first who asks.
async fn two_with_an_old_token(mishap: Mishap) -> (World, Process, Process) {
    let world = World::new();
    let (sleeper, other) = (world.host(), world.host());
    sleeper.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    world.server.next(mishap);
    (world, sleeper, other)
}

/// The sleeper asks the server, is not heard of for too long, and gets its answer when the other host has asked, too.
async fn overtaken(world: &World, sleeper: &Process, other: &Process) -> (Leased, Leased) {
    let ((), slept, others) = tokio::join!(
        async {
            pass(5_000).await;
            world.commons.give_up("a");
        },
        sleeper.lease(),
        async {
            pass(5_100).await;
            other.lease().await
        }
    );
    (slept, others)
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_is_kept_where_nobody_has_a_newer_one() {
    let (world, sleeper, other) = two_with_an_old_token(Mishap::LateAnswer(20)).await;
    let (slept, refused) = overtaken(&world, &sleeper, &other).await;
    // The server had used the refresh token up, and the sleeper alone knows the new one.
    assert!(matches!(refused, Err(Refused::NeedsLogin { .. })), "{refused:?}");
    let lease = slept.unwrap();
    assert!(world.server.accepts(lease.token.expose()));
    assert!(world.server.is_alive(world.commons.read("a")["refresh_token"].as_str().unwrap()));
    pass(3_000).await;
    assert_eq!(other.lease().await.unwrap().print, lease.print);
    assert_eq!(other.standing("a").await.health, Health::Ready);
    assert_eq!(world.server.n_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_gives_way_to_newer_tokens() {
    // The server takes the old refresh token twice; or it refuses the sleeper, who asked last.
    for late in [Mishap::LateNoRotation(20), Mishap::Slow(20)] {
        let (world, sleeper, other) = two_with_an_old_token(late).await;
        let (slept, renewed) = overtaken(&world, &sleeper, &other).await;
        let renewed = renewed.unwrap();
        assert_eq!(slept.unwrap().print, renewed.print, "{late:?}");
        let record = world.commons.read("a");
        assert_eq!(TokenPrint::of(record["access_token"].as_str().unwrap()), renewed.print, "{late:?}");
        assert!(world.server.is_alive(record["refresh_token"].as_str().unwrap()), "{late:?}");
        assert_eq!(record["state"], "ready", "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_made_anew_is_not_written_over() {
    let (world, sleeper, other) = two_with_an_old_token(Mishap::LateAnswer(20)).await;
    let mut anew = world.account("a");
    anew.label = "somebody else".into();
    let ((), slept) = tokio::join!(
        async {
            pass(5_000).await;
            world.commons.give_up("a");
            other.put(anew).await;
        },
        sleeper.lease(),
    );
    assert_eq!(slept.unwrap().label, "somebody else");
    assert_eq!(world.commons.read("a")["label"], "somebody else");
}

#[tokio::test(start_paused = true)]
async fn tokens_in_memory_serve_while_what_is_shared_is_away() {
    let world = World::new();
    let (known, late) = (world.host(), world.host());
    let is_away = |host: &Process, is: bool| host.disk.is_dead.store(is, Ordering::SeqCst);
    known.put(world.account("a")).await;
    is_away(&known, true);
    is_away(&late, true);
    pass(3_000).await;
    let lease = known.lease().await.unwrap();
    assert!(world.server.accepts(lease.token.expose()));
    let refused = late.lease().await.unwrap_err();
    assert!(matches!(&refused, Refused::Unreadable { .. }), "{refused}");
    assert!(
        refused.to_string().contains("away") && refused.to_string().contains("look after it"),
        "{refused}"
    );
    // Its end: nothing is sent that could not be stored.
    pass(LIFETIME_MS).await;
    let refused = known.lease().await.unwrap_err();
    assert!(matches!(&refused, Refused::RefreshFailed { retry_after_ms: Some(_), .. }), "{refused:?}");
    assert_eq!(world.server.n_asked(), 0);
    is_away(&known, false);
    is_away(&late, false);
    pass(5_000).await;
    assert_eq!(known.lease().await.unwrap().print, late.lease().await.unwrap().print);
    assert_eq!(world.server.n_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_could_not_be_stored_keep_the_claim() {
    let world = World::new();
    let (full, other) = (world.host(), world.host());
    full.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    // The note before the question is written, and the answer is not.
    full.disk.room.set(1);
    full.lease().await.unwrap_err();
    let fence = world.commons.fence("a");
    let (waited, ()) = tokio::join!(other.lease(), async {
        pass(10_000).await;
        full.disk.room.set(-1);
        pass(20_000).await;
        full.lease().await.unwrap();
    });
    assert!(world.server.accepts(waited.unwrap().token.expose()));
    assert_eq!(world.server.n_asked(), 1);
    assert!(world.commons.fence("a") > fence, "the other one had his turn");
}
