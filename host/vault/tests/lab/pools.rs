//! Several accounts, rests, and files of official clients.
use crate::kit::{World, ask, names, pass};
use crate::server::{LIFETIME_MS, Mishap};
use std::time::Duration;
use tokio::time::Instant;
use vault::{Access, Allow, Ask, Health, LockStyle, Outcome, PoolSpec, Refused, Strategy, TokenPrint};

fn cooling(scope: &str, until_ms: Option<u64>) -> Outcome {
    Outcome::Cooling { scope: scope.into(), until_ms, why: "too many requests".into() }
}

#[tokio::test(start_paused = true)]
async fn sessions_stay_until_their_account_rests() {
    let world = World::new();
    let process = world.with(PoolSpec { strategy: Strategy::SessionAffinity, ..world.spec() });
    for name in ["a", "b", "c"] {
        process.put(world.account(name)).await;
    }
    let lease = async |session: &str| process.pool.lease(Ask { session, ..ask() }).await.unwrap();
    let dealt: Vec<String> = [lease("1").await, lease("2").await, lease("1").await, lease("3").await]
        .into_iter()
        .map(|lease| lease.account)
        .collect();
    assert_eq!(dealt, ["a", "b", "a", "c"]);
    process.pool.report(&lease("1").await, cooling("m", None)).await;
    assert_eq!(lease("1").await.account, "b", "a new binding");
    pass(31_000).await;
    assert_eq!(lease("1").await.account, "b", "which stays");
    // Another model of the same account does not rest.
    process.pool.report(&lease("3").await, cooling("m", None)).await;
    let other = process.pool.lease(Ask { session: "3", scope: "other", ..ask() }).await.unwrap();
    assert_eq!(other.account, "c");
}

#[tokio::test(start_paused = true)]
async fn resting_accounts_are_waited_for_only_so_long() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    process.put(world.account("b")).await;
    let now_ms = world.server.now_ms();
    let a = process.lease().await.unwrap();
    process.pool.report(&a, cooling("*", Some(now_ms + 300_000))).await;
    let b = process.lease().await.unwrap();
    assert_eq!(b.account, "b");
    process.pool.report(&b, cooling("m", Some(now_ms + 40_000))).await;
    let refused = process.lease().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "every account has to rest: try again in 40 s, when b@example.org is back, or add an account"
    );
    // Kept for other processes and for later.
    process.pool.settle().await;
    assert!(matches!(world.process().lease().await, Err(Refused::AllCooling { .. })));
    pass(15_000).await;
    let began = Instant::now();
    assert_eq!(process.lease().await.unwrap().account, "b");
    assert_eq!(began.elapsed(), Duration::from_secs(25));
    process.pool.report(&b, Outcome::Success { scope: "m".into() }).await;
    assert_eq!(process.standing("a").await.health, Health::Resting);
}

#[tokio::test(start_paused = true)]
async fn only_allowed_accounts_that_were_not_tried_are_used() {
    let world = World::new();
    let process =
        world.with(PoolSpec { accounts: Allow::Named(vec!["b".into(), "c".into()]), ..world.spec() });
    for name in ["a", "b", "c"] {
        world.process().put(world.account(name)).await;
    }
    let without = ["b".to_owned()];
    let lease = process.pool.lease(Ask { without: &without, ..ask() }).await.unwrap();
    assert_eq!(lease.account, "c");
    let without = ["b".to_owned(), "c".to_owned()];
    let refused = process.pool.lease(Ask { without: &without, ..ask() }).await.unwrap_err().to_string();
    assert!(refused.contains("every account was tried for this request"), "{refused}");
    assert_eq!(process.pool.standings().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_account_serves_while_one_cannot_be_renewed() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS / 2).await;
    process.put(world.account("b")).await;
    let a = process.pool.lease(Ask { without: &["b".to_owned()], ..ask() }).await.unwrap();
    process.pool.report(&a, Outcome::Success { scope: "m".into() }).await;
    pass(LIFETIME_MS / 2).await;
    for _ in 0..4 {
        world.server.next(Mishap::Unsent);
    }
    assert_eq!(process.lease().await.unwrap().account, "b");
    // One that rests is waited for as well.
    process.pool.settle().await;
    let b = process.lease().await.unwrap();
    process.pool.report(&b, cooling("m", Some(world.server.now_ms() + 20_000))).await;
    for _ in 0..8 {
        world.server.next(Mishap::Unsent);
    }
    assert_eq!(process.lease().await.unwrap().account, "b");
}

#[tokio::test(start_paused = true)]
async fn clients_file_is_renewed_in_place() {
    let world = World::new();
    world.client_login("u");
    let process = world.with_source(Access::Write);
    pass(LIFETIME_MS).await;
    for lease in process.leases(50).await {
        let lease = lease.unwrap();
        assert_eq!((lease.account.as_str(), lease.label.as_str()), ("login", "u@example.org"));
        assert!(world.server.accepts(lease.token.expose()));
    }
    assert_eq!(world.server.n_asked(), 1);
    let file = world.read_client();
    assert!(
        world.server.is_alive(file["r"].as_str().unwrap())
            && world.server.accepts(file["a"].as_str().unwrap())
    );
    assert_eq!(file["other"]["kept"][1], 2);
    assert_eq!(names(world.client_file().parent().unwrap()), ["login.json"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(world.client_file()).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(start_paused = true)]
async fn file_that_cannot_be_written_loses_nothing() {
    let world = World::new();
    world.client_login("u");
    let process = world.with_source(Access::Write);
    let folder = world.client_file().parent().unwrap().to_owned();
    *process.disk.read_only.lock() = Some(folder);
    let before = std::fs::read(world.client_file()).unwrap();
    for _ in 0..3 {
        pass(LIFETIME_MS).await;
        assert!(world.server.accepts(process.lease().await.unwrap().token.expose()));
    }
    assert_eq!(std::fs::read(world.client_file()).unwrap(), before);
    let remark = process.standing("login").await.remark.unwrap();
    assert!(remark.contains("cannot be written") && remark.contains("kept by LIP"), "{remark}");
    pass(10_000).await;
    let remark = process.standing("login").await.remark.unwrap();
    assert!(remark.contains("login.json could not be written yet; the renewed tokens are kept"), "{remark}");
    // A new process knows them as well.
    let next = world.with_source(Access::Write);
    *next.disk.read_only.lock() = process.disk.read_only.lock().clone();
    let kept = next.lease().await.unwrap();
    assert!(world.server.accepts(kept.token.expose()));
    // Writable again: the client gets what was kept.
    *next.disk.read_only.lock() = None;
    pass(70_000).await;
    next.lease().await.unwrap();
    next.pool.settle().await;
    assert_eq!(TokenPrint::of(world.read_client()["a"].as_str().unwrap()), kept.print);
    assert_eq!(next.standing("login").await.remark, None);
    assert_eq!(world.server.n_asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn file_that_must_not_be_written_stays_and_a_new_login_in_it_wins() {
    let world = World::new();
    world.client_login("u");
    let process = world.with_source(Access::Read);
    let before = std::fs::read(world.client_file()).unwrap();
    for _ in 0..2 {
        pass(LIFETIME_MS).await;
        assert!(world.server.accepts(process.lease().await.unwrap().token.expose()));
    }
    assert_eq!(std::fs::read(world.client_file()).unwrap(), before);
    assert_eq!(process.standing("login").await.remark, None);
    let (access, ..) = world.client_login("u");
    pass(3_000).await;
    assert_eq!(process.lease().await.unwrap().print, TokenPrint::of(&access));
    assert_eq!(world.server.n_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn client_that_renews_meanwhile_is_believed() {
    let world = World::new();
    world.client_login("u");
    let process = world.with_source(Access::Write);
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::Slow(10));
    let (lease, ()) = tokio::join!(process.lease(), async {
        pass(20_000).await;
    });
    lease.unwrap();
    // The client logs in anew while our refresh is on its way: its tokens live longer.
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::Slow(10));
    let (lease, (access, ..)) = tokio::join!(process.lease(), async {
        pass(5_000).await;
        let mut tokens = world.server.login("u");
        tokens.2 += 60_000;
        world.write_client("u", &tokens);
        tokens
    });
    assert!(world.server.accepts(lease.unwrap().token.expose()), "ours is good as well");
    assert_eq!(world.read_client()["a"], access);
    pass(3_000).await;
    assert_eq!(process.lease().await.unwrap().print, TokenPrint::of(&access));
}

#[tokio::test(start_paused = true)]
async fn client_that_writes_at_the_last_moment_is_not_overwritten() {
    let world = World::new();
    world.client_login("u");
    let process = world.with_source(Access::Write);
    pass(LIFETIME_MS).await;
    let (file, mut text) = (world.client_file(), world.read_client());
    text["other"] = "written meanwhile".into();
    let meddle = move || std::fs::write(file, text.to_string()).unwrap();
    *process.disk.meddler.lock() = Some(("client", Box::new(meddle)));
    let lease = process.lease().await.unwrap();
    assert!(process.disk.meddler.lock().is_none(), "it did meddle");
    assert_eq!(world.read_client()["other"], "written meanwhile");
    assert_eq!(TokenPrint::of(world.read_client()["a"].as_str().unwrap()), lease.print);
    assert_eq!(names(world.client_file().parent().unwrap()), ["login.json"]);
}

#[tokio::test(start_paused = true)]
async fn login_that_turns_found_to_be_over_needs_another_refresh_token() {
    let world = World::new();
    let mut tokens = world.client_login("u");
    let process = world.with_source(Access::Write);
    let lease = process.lease().await.unwrap();
    process.pool.report(&lease, Outcome::NeedsLogin { reason: "because it was revoked".into() }).await;
    process.pool.settle().await;
    tokens.0 = "another-access-token".into();
    world.write_client("u", &tokens);
    pass(3_000).await;
    assert!(matches!(process.lease().await, Err(Refused::NeedsLogin { .. })));
    world.client_login("u");
    pass(3_000).await;
    let mut old = process.lease().await.unwrap();
    // What an old turn tells says nothing about the new login.
    old.print = TokenPrint::of("old");
    process.pool.report(&old, Outcome::NeedsLogin { reason: "because it was revoked".into() }).await;
    process.lease().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn login_that_is_over_comes_back_with_the_file() {
    let world = World::new();
    world.client_login("u");
    let process = world.with_source(Access::Write);
    pass(LIFETIME_MS).await;
    world.server.forget("u");
    let refused = process.lease().await.unwrap_err().to_string();
    assert!(refused.contains("log in with the client that writes"), "{refused}");
    pass(LIFETIME_MS).await;
    process.lease().await.unwrap_err();
    assert_eq!(world.server.n_asked(), 1);
    world.client_login("u");
    pass(3_000).await;
    process.lease().await.unwrap();
    assert_eq!(process.standing("login").await.health, Health::Ready);
}

#[tokio::test(start_paused = true)]
async fn half_written_file_is_tolerated_and_a_missing_one_is_a_logout() {
    let world = World::new();
    let process = world.with_source(Access::Write);
    let refused = process.lease().await.unwrap_err().to_string();
    assert!(refused.contains("login.json is not there: log in with its client"), "{refused}");
    world.client_login("u");
    pass(300).await;
    let lease = process.lease().await.unwrap();
    let whole = std::fs::read(world.client_file()).unwrap();
    for half in [&whole[..0], &whole[..20], b"[1]"] {
        std::fs::write(world.client_file(), half).unwrap();
        pass(3_000).await;
        assert_eq!(process.lease().await.unwrap().print, lease.print);
        assert!(process.standing("login").await.remark.unwrap().contains("login.json cannot be read"));
        assert_eq!(std::fs::read(world.client_file()).unwrap(), half);
    }
    // Its token ends: nothing is renewed that somebody else may be about to write.
    pass(LIFETIME_MS).await;
    process.lease().await.unwrap_err();
    assert_eq!(world.server.n_asked(), 0);
    std::fs::write(world.client_file(), &whole).unwrap();
    pass(60_000).await;
    process.lease().await.unwrap();
    std::fs::remove_file(world.client_file()).unwrap();
    pass(3_000).await;
    process.lease().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn lock_of_a_client_is_heeded_and_given_back() {
    let world = World::new();
    world.client_login("u");
    let file = world.client_file().with_extension("lock");
    let lock = Some(LockStyle::Exclusive { file: file.clone(), stale_ms: 10_000 });
    let mut source = world.source(Access::Write);
    source.lock = lock;
    let process = world.with(PoolSpec { sources: vec![source], ..world.spec() });
    pass(LIFETIME_MS).await;
    std::fs::write(&file, "the client").unwrap();
    let (lease, ()) = tokio::join!(process.lease(), async {
        pass(5_000).await;
        assert_eq!(world.server.n_asked(), 0, "the client has its lock");
        std::fs::remove_file(&file).unwrap();
    });
    lease.unwrap();
    assert!(!file.exists(), "given back");
    // One that a client left behind when it died.
    pass(LIFETIME_MS).await;
    let left = std::fs::File::create(&file).unwrap();
    left.set_modified(std::time::SystemTime::now() - Duration::from_secs(11)).unwrap();
    process.lease().await.unwrap();
    assert_eq!(names(file.parent().unwrap()), ["login.json"]);
    // One that is held for ever.
    pass(LIFETIME_MS).await;
    std::fs::write(&file, "the client").unwrap();
    let refused = process.lease().await.unwrap_err().to_string();
    assert!(refused.contains("the official client holds its lock"), "{refused}");
}
