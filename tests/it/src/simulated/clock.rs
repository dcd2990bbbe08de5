//! What the host's clock decides: keep-alives, rests, waits, head starts and ends.
use super::{HEAD, IDLE, TURN, World, chat, s};
use crate::talk::says;
use stage::{End, Recorded, Reply};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const BOTH: &str = "openai:m|openai.spare:m";
const OUTPUT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";

fn limited(seconds: &str) -> Reply {
    Reply::status(429)
        .header("Content-Type", "application/json")
        .header("Retry-After", seconds)
        .full(r#"{"error":{"message":"slow down","type":"t","param":null,"code":null}}"#)
}

fn broken() -> Reply {
    Reply::json(500, r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#)
}

/// Answers the first `n` requests with `reply`, all others well.
fn first(n: usize, reply: Reply) -> impl Fn(&Recorded) -> Reply + Send + Sync {
    let seen = AtomicUsize::new(0);
    move |request| match seen.fetch_add(1, Ordering::Relaxed) < n {
        true => reply.clone(),
        false => says(request, "bad speaks"),
    }
}

#[track_caller]
fn at(world: &World, expected: Duration) {
    let passed = world.passed();
    let limit = expected + Duration::from_millis(20);
    assert!(passed >= expected && passed < limit, "{passed:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn client_of_a_slow_provider_is_kept_alive() {
    let world = World::new("http", |_| {});
    let slowly = |request: &Recorded| Reply::nothing().pause(s(25)).then(says(request, "at last"));
    world.network.provider("bad.test", slowly);
    let mut answer = world.open("openai:m").await;
    at(&world, s(10));
    answer.read_until(": keep-alive\n\n").await;
    let answer = answer.rest().await;
    at(&world, s(25));
    assert_eq!(answer.text().matches(": keep-alive").count(), 2, "one every 10 s: {}", answer.text());
    assert_eq!((answer.end, answer.said().as_str()), (End::Clean, "at last"));
}

#[tokio::test(start_paused = true)]
async fn client_of_a_slow_thinker_is_kept_alive() {
    let world = World::new("http", |_| {});
    world
        .network
        .provider("bad.test", |request| Reply::nothing().pause(s(25)).then(says(request, "my notes")));
    let good = world.network.provider("good.test", |request| says(request, "good speaks"));
    let call = || chat("[thinker]openai:m^openai.spare:m", true).header("x-session-id", "one");
    // Nobody thinks in a first turn.
    let answer = world.connect().open(&call()).await.rest().await;
    assert_eq!(answer.said(), "good speaks");
    at(&world, s(0));
    let mut answer = world.connect().open(&call()).await;
    at(&world, s(10));
    answer.read_until(": keep-alive\n\n").await;
    let answer = answer.rest().await;
    at(&world, s(25));
    assert_eq!((answer.end, answer.said().as_str()), (End::Clean, "good speaks"));
    assert!(String::from_utf8_lossy(&good.requests()[1].body).contains("my notes"));
}

#[tokio::test(start_paused = true)]
async fn limited_backend_rests_as_long_as_it_says() {
    let world = World::new("http", |_| {});
    let bad = world.network.provider("bad.test", first(1, limited("7")));
    world.network.provider("good.test", |request| says(request, "good speaks"));
    for (from_start, asked) in [(0, 1), (1, 1), (4, 1), (8, 2)] {
        tokio::time::sleep_until(world.began + s(from_start)).await;
        let answer = world.chat(BOTH, false).await;
        assert_eq!((answer.status, bad.requests().len()), (200, asked), "after {from_start} s");
        assert_eq!(answer.text().contains("bad speaks"), asked == 2, "{}", answer.text());
    }
    at(&world, s(8));
}

#[tokio::test(start_paused = true)]
async fn turn_waits_for_backends_that_rest_a_little_and_not_for_others() {
    for (seconds, stream) in [("5", false), ("5", true), ("60", false), ("60", true)] {
        let world = World::new("http", |_| {});
        world.network.provider("bad.test", first(1, limited(seconds)));
        world.network.provider("good.test", move |_| limited(seconds));
        let answer = world.chat(BOTH, stream).await;
        if seconds == "5" {
            at(&world, s(5));
            assert!(answer.status == 200 && answer.text().contains("bad speaks"), "{}", answer.text());
        } else {
            at(&world, s(0));
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("60")), "{}", answer.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lane_without_output_in_its_time_is_cancelled_alone() {
    let world = World::new("http", |_| {});
    let bad = world.network.provider("bad.test", |_| Reply::silence());
    let slowly = |request: &Recorded| Reply::nothing().pause(s(9)).then(says(request, "good speaks"));
    let good = world.network.provider("good.test", slowly);
    let seen = async {
        tokio::time::sleep_until(world.began + Duration::from_millis(1_990)).await;
        let before = bad.n_hung_up();
        tokio::time::sleep_until(world.began + Duration::from_millis(2_010)).await;
        (before, bad.n_hung_up(), good.n_hung_up())
    };
    let (answer, seen) = tokio::join!(world.chat("[ttft_timeout=2]openai:m!openai.spare:m", true), seen);
    at(&world, s(9));
    assert_eq!(answer.said(), "good speaks");
    assert_eq!(seen, (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn breaker_rests_an_ill_backend_and_probes_it_with_one_turn() {
    let world = World::new("http", |_| {});
    let bad = world.network.provider("bad.test", first(4, broken()));
    world.network.provider("good.test", |request| says(request, "good speaks"));
    // Three tries in one turn open it; after 30 s one try is a probe, which fails; after another rest one succeeds.
    for (from_start, asked, speaker) in
        [(0, 3, "good"), (5, 3, "good"), (25, 3, "good"), (32, 4, "good"), (33, 4, "good"), (100, 5, "bad")]
    {
        tokio::time::sleep_until(world.began + s(from_start)).await;
        let answer = world.chat(BOTH, false).await;
        assert!(answer.text().contains(&format!("{speaker} speaks")), "{from_start} s: {}", answer.text());
        assert_eq!(bad.requests().len(), asked, "after {from_start} s");
    }
}

#[tokio::test(start_paused = true)]
async fn ill_backend_is_asked_outside_turns_whether_it_is_well() {
    let world = World::new("http", |_| {});
    // Three turns find it ill, and so does the first question; the second question is answered.
    let bad = world.network.provider("bad.test", first(4, broken()));
    world.network.provider("good.test", |request| says(request, "good speaks"));
    let engine = std::sync::Arc::clone(&world.app.engine);
    let asking = tokio::spawn(async move { engine.check_up(s(25)).await });
    for (from_start, asked, speaker) in
        [(0, 3, "good"), (24, 3, "good"), (26, 4, "good"), (45, 4, "good"), (51, 6, "bad")]
    {
        tokio::time::sleep_until(world.began + s(from_start)).await;
        let answer = world.chat(BOTH, false).await;
        assert!(answer.text().contains(&format!("{speaker} speaks")), "{from_start} s: {}", answer.text());
        assert_eq!(bad.requests().len(), asked, "after {from_start} s");
    }
    assert_eq!(bad.requests()[4].method, "GET");
    asking.abort();
}

#[tokio::test(start_paused = true)]
async fn silence_in_the_middle_ends_a_turn_and_so_does_its_last_second() {
    let drip = (0..60).fold(Reply::events(), |reply, _| reply.send(OUTPUT).pause(s(10)));
    // A silence that begins between two looks is found by the look after it.
    let silence = (Reply::events().send(OUTPUT).then_silence(), IDLE + IDLE / 4);
    for (reply, end) in [silence, (drip.end(), TURN)] {
        let world = World::new("http", |_| {});
        let bad = world.network.provider("bad.test", move |_| reply.clone());
        let answer = world.chat(BOTH, true).await;
        at(&world, end);
        let text = answer.text();
        assert!(text.starts_with(OUTPUT) && text.contains("\"error\""), "{text}");
        assert!(!text.contains("[DONE]"), "{text}");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!((bad.n_busy(), bad.n_hung_up()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_leaves_takes_all_lanes_with_it() {
    let world = World::new("http", |_| {});
    let hosts = ["bad.test", "good.test"].map(|name| world.network.provider(name, |_| Reply::silence()));
    let mut connection = world.connect();
    connection.write(&chat("openai:m!openai.spare:m", true)).await;
    tokio::time::sleep(s(3)).await;
    assert_eq!(hosts.each_ref().map(|host| host.n_busy()), [1, 1]);
    drop(connection);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(hosts.each_ref().map(|host| (host.n_busy(), host.n_hung_up())), [(0, 1), (0, 1)]);
    at(&world, s(3) + Duration::from_millis(1));
    assert!(world.passed() < HEAD);
}
