//! One rule of keeping tokens per test, with accounts of our own.
use crate::kit::{BACKEND, World, names, pass};
use crate::server::{LIFETIME_MS, Mishap};
use serde_json::json;
use std::sync::atomic::Ordering;
use tokio::time::Instant;
use vault::{Account, Health, Outcome, Refused, TokenPrint};

#[tokio::test(start_paused = true)]
async fn many_turns_renew_an_ended_token_once() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    let began = Instant::now();
    for lease in process.leases(50).await {
        assert!(world.server.accepts(lease.unwrap().token.expose()));
    }
    assert!(began.elapsed().as_millis() < 100, "all wait for one answer, which takes 40 ms");
    assert_eq!((world.server.n_asked(), world.server.most_in_flight()), (1, 1));
    assert_eq!(names(&world.folder()), ["a.good", "a.json", "a.lock"], "nothing temporary is left");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn records_are_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.folder()), 0o700);
    for file in names(&world.folder()) {
        assert_eq!(mode(&world.folder().join(&file)), 0o600, "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn turns_with_a_valid_token_never_wait() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let first = process.lease().await.unwrap();
    pass(LIFETIME_MS - 200_000).await;
    world.server.next(Mishap::Slow(60));
    let began = Instant::now();
    for lease in process.leases(50).await {
        assert_eq!(lease.unwrap().print, first.print, "the old one is good while the new one comes");
    }
    assert_eq!(began.elapsed().as_millis(), 0);
    process.pool.settle().await;
    assert_ne!(process.lease().await.unwrap().print, first.print);
    assert_eq!(world.server.n_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_processes_renew_once() {
    let world = World::new();
    let (one, two) = (world.process(), world.process());
    one.put(world.account("a")).await;
    two.lease().await.unwrap();
    pass(LIFETIME_MS).await;
    let (ones, twos) = tokio::join!(one.leases(25), two.leases(25));
    let prints: Vec<TokenPrint> = ones.into_iter().chain(twos).map(|lease| lease.unwrap().print).collect();
    assert!(prints.iter().all(|print| *print == prints[0]));
    assert_eq!((world.server.n_asked(), world.server.most_in_flight()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_another_process_renewed_is_taken() {
    let world = World::new();
    let (one, two) = (world.process(), world.process());
    one.put(world.account("a")).await;
    let old = two.lease().await.unwrap();
    pass(LIFETIME_MS).await;
    let new = one.lease().await.unwrap();
    assert_eq!(two.lease().await.unwrap().print, new.print);
    assert_eq!(two.lease_refused(&old.print).await.unwrap().print, new.print, "it has another one already");
    assert_eq!(world.server.n_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn old_refresh_token_stays_where_the_answer_has_none() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let before = world.read("a")["refresh_token"].clone();
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::NoRotation);
    process.lease().await.unwrap();
    assert_eq!(world.read("a")["refresh_token"], before);
    pass(LIFETIME_MS).await;
    process.lease().await.unwrap();
    assert_ne!(world.read("a")["refresh_token"], before);
}

#[tokio::test(start_paused = true)]
async fn refused_login_is_stored_and_not_tried_again() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    world.server.forget("a");
    for lease in process.leases(50).await {
        let refused = lease.unwrap_err();
        assert!(matches!(refused, Refused::NeedsLogin { .. }), "{refused}");
        assert_eq!(
            refused.to_string(),
            "the account a@example.org has to log in again, because the login server refused its refresh token \
             (invalid_grant): run `lip login acme-oauth`"
        );
    }
    pass(LIFETIME_MS).await;
    // Neither this process nor a new one asks again.
    process.lease().await.unwrap_err();
    let other = world.process();
    other.lease().await.unwrap_err();
    assert_eq!(world.server.n_asked(), 1);
    assert_eq!(other.standing("a").await.health, Health::NeedsLogin);
    // Another account serves, and a new login mends the first.
    process.put(world.account("b")).await;
    assert_eq!(process.lease().await.unwrap().account, "b");
    process.put(world.account("a")).await;
    assert_eq!(process.standing("a").await.health, Health::Ready);
    pass(3_000).await;
    assert_eq!(other.standing("a").await.health, Health::Ready);
}

#[tokio::test(start_paused = true)]
async fn failing_server_leaves_the_old_token_in_use() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS - 100_000).await;
    let ask = async || {
        for _ in 0..4 {
            world.server.next(Mishap::Status5xx);
        }
        let began = Instant::now();
        let lease = process.lease().await;
        process.pool.settle().await;
        world.server.calm();
        (lease, began)
    };
    let (lease, _) = ask().await;
    lease.unwrap();
    assert_eq!(process.standing("a").await.health, Health::Failing);
    pass(50_000).await;
    ask().await.0.unwrap();
    pass(25_000).await;
    // Less than 30 s are left, and renewing fails: that is the end.
    for _ in 0..4 {
        world.server.next(Mishap::Status5xx);
    }
    let refused = process.lease().await.unwrap_err();
    assert!(matches!(refused, Refused::RefreshFailed { retry_after_ms: Some(_), .. }), "{refused}");
    world.server.calm();
    pass(60_000).await;
    process.lease().await.unwrap();
    assert_eq!(process.standing("a").await.remark, None);
}

#[tokio::test(start_paused = true)]
async fn refused_token_is_renewed_once_for_all_turns() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let old = process.lease().await.unwrap();
    world.server.revoke(old.token.expose());
    let asks = (0..50).map(|_| process.lease_refused(&old.print));
    for lease in futures_util::future::join_all(asks).await {
        assert!(world.server.accepts(lease.unwrap().token.expose()));
    }
    assert_eq!(world.server.n_asked(), 1);
    // A token that nobody knows any more forces nothing.
    process.lease_refused(&TokenPrint::of("who")).await.unwrap();
    process.lease_refused(&old.print).await.unwrap();
    assert_eq!(world.server.n_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn token_that_a_forced_refresh_does_not_change_is_forced_once() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let old = process.lease().await.unwrap();
    world.server.next(Mishap::SameAccess);
    assert_eq!(process.lease_refused(&old.print).await.unwrap().print, old.print);
    let refused = process.lease_refused(&old.print).await.unwrap_err();
    assert!(matches!(refused, Refused::RefreshFailed { retry_after_ms: None, .. }), "{refused}");
    assert_eq!(world.server.n_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn lost_answer_is_asked_for_once_more() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::EofUnconsumed);
    process.lease().await.unwrap();
    assert_eq!(world.server.most_sent(), 2);
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::EofConsumed);
    let refused = process.lease().await.unwrap_err().to_string();
    assert!(refused.contains("the answer to its last refresh was lost and the server had used"), "{refused}");
    pass(LIFETIME_MS).await;
    process.lease().await.unwrap_err();
    assert_eq!((world.server.most_sent(), world.server.n_asked()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn short_troubles_are_sat_out() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    for mishap in [Mishap::WrongJson, Mishap::TooMany(4), Mishap::Unsent, Mishap::Status5xx] {
        pass(LIFETIME_MS).await;
        let n_asked = world.server.n_asked();
        world.server.next(mishap);
        process.lease().await.unwrap();
        assert_eq!(world.server.n_asked() - n_asked, 2, "{mishap:?}");
    }
    // Longer than a turn should hang: the client is told when.
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::TooMany(120));
    let refused = process.lease().await.unwrap_err();
    assert!(matches!(refused, Refused::RefreshFailed { retry_after_ms: Some(120_000), .. }), "{refused:?}");
    let n_asked = world.server.n_asked();
    pass(119_000).await;
    process.lease().await.unwrap_err();
    assert_eq!(world.server.n_asked(), n_asked);
    pass(2_000).await;
    process.lease().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn answer_that_is_lost_twice_is_left_alone_for_long() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    for (n_asked, pause_ms) in [(2, 30_000), (3, 60_000), (4, 120_000)] {
        world.server.next(Mishap::EofUnconsumed);
        world.server.next(Mishap::EofUnconsumed);
        let refused = process.lease().await.unwrap_err();
        world.server.calm();
        assert!(
            matches!(refused, Refused::RefreshFailed { retry_after_ms: Some(ms), .. } if ms == pause_ms),
            "{refused:?}"
        );
        pass(pause_ms - 1_000).await;
        process.lease().await.unwrap_err();
        assert_eq!(world.server.n_asked(), n_asked);
        pass(2_000).await;
    }
    process.lease().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn end_in_the_past_makes_no_loop() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    world.server.next(Mishap::Skewed(-2 * i64::try_from(LIFETIME_MS).unwrap()));
    for _ in 0..10 {
        process.lease().await.unwrap();
        process.pool.settle().await;
        pass(1_000).await;
    }
    assert_eq!(world.server.n_asked(), 1);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_prints_a_secret() {
    let log = Log::default();
    let into = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || into.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let world = World::new();
    let process = world.process();
    let mut account = world.account("a");
    account.fields.insert("client_secret".into(), "client-secret-1".into());
    let mut told = format!("{account:?}");
    process.put(account).await;
    let lease = process.lease().await.unwrap();
    told += &format!("{lease:?} {:?}", process.pool);
    told += &serde_json::to_string(&process.pool.standings().await).unwrap();
    pass(LIFETIME_MS).await;
    let lease = process.lease().await.unwrap();
    world.server.forget("a");
    let refused = process.lease_refused(&lease.print).await.unwrap_err();
    told += &format!("{refused} {refused:?}");
    told += &serde_json::to_string(&process.pool.standings().await).unwrap();
    std::fs::write(world.record("a"), "{\"version\":1,\"backend\":\"b\",\"name\":{\"x\":\"deep-secret\"}}")
        .unwrap();
    pass(3_000).await;
    told += &format!("{:?}", process.pool.standings().await);
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    assert!(log.contains("INFO") && log.contains("renewed the token of a@example.org"), "{log}");
    assert!(log.contains("WARN") && log.contains("a@example.org has to log in again, because"), "{log}");
    told += &log;
    assert!(!told.contains("-secret-") && !told.contains("deep-secret"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn accounts_are_put_amended_and_removed() {
    let world = World::new();
    let (process, other) = (world.process(), world.process());
    let refused = process.lease().await.unwrap_err().to_string();
    assert_eq!(refused, "no account of acme-oauth can be used: run `lip login acme-oauth`");
    for name in ["", "-a", "a/b", "a.b", "ä", &"a".repeat(65)] {
        let said = process.pool.put(Account::new(BACKEND, name)).await.unwrap_err().to_string();
        assert!(said.contains("cannot name an account"), "{said}");
    }
    process.put(world.account("a")).await;
    let fields = json!({"project": "p1"}).as_object().unwrap().clone();
    process.pool.amend("a", fields.clone()).await.unwrap();
    assert_eq!(other.lease().await.unwrap().fields["project"], "p1");
    assert!(process.pool.amend("b", fields).await.unwrap_err().to_string().contains("has no account b"));
    other.pool.remove("a").await.unwrap();
    pass(3_000).await;
    process.lease().await.unwrap_err();
    assert_eq!(names(&world.folder()), ["a.lock"]);
    assert!(process.pool.standings().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn reports_about_a_login_are_stored() {
    let world = World::new();
    let process = world.process();
    process.put(world.account("a")).await;
    let lease = process.lease().await.unwrap();
    let url = Some("https://provider.example/verify".to_owned());
    process.pool.report(&lease, Outcome::Blocked { reason: "verify your account".into(), url }).await;
    let refused = process.lease().await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "the provider blocked the account a@example.org (verify your account): see https://provider.example/verify, \
         then restart LIP"
    );
    process.pool.settle().await;
    // A host that restarts tries again, as the sentence says, while the list still tells.
    let next = world.process();
    assert_eq!(next.standing("a").await.health, Health::Blocked);
    let lease = next.lease().await.unwrap();
    next.pool.report(&lease, Outcome::Success { scope: "m".into() }).await;
    assert_eq!(next.standing("a").await.health, Health::Ready);
    next.pool.report(&lease, Outcome::NeedsLogin { reason: "because it was revoked".into() }).await;
    next.pool.settle().await;
    let third = world.process();
    assert!(matches!(third.lease().await.unwrap_err(), Refused::NeedsLogin { .. }));
    assert_eq!(world.server.n_asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn clock_that_jumps_costs_one_refresh() {
    let world = World::new();
    for by_ms in [-600_000, 600_000] {
        let process = world.process();
        process.put(world.account("a")).await;
        let n_asked = world.server.n_asked();
        process.skew.by_ms.store(by_ms, Ordering::SeqCst);
        pass(LIFETIME_MS - 300_000).await;
        let mut lease = process.lease().await.unwrap();
        pass(300_000).await;
        if !world.server.accepts(lease.token.expose()) {
            lease = process.lease_refused(&lease.print).await.unwrap();
        }
        assert!(world.server.accepts(lease.token.expose()), "{by_ms}");
        assert_eq!(world.server.n_asked() - n_asked, 1, "{by_ms}");
    }
}
