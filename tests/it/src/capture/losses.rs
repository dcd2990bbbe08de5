#[cfg(target_os = "linux")]
use super::{files, replayed, stranger};
use crate::talk::says;
use serde_json::Value;
use stage::{Call, Lip, Upstream};

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;

/// What `/v1/diagnostics` and `/metrics` say of this count, which must be the same.
async fn count(lip: &Lip, name: &str) -> u64 {
    loop {
        let told = lip.send(Call::get("/v1/diagnostics")).await.json();
        let metrics = lip.send(Call::get("/metrics")).await.text();
        let begins = format!("lip_capture_{name}");
        let line = metrics.lines().find(|line| line.starts_with(&begins)).expect("a metric");
        let metric = line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number");
        let told = |name: &str| told["capture"][name].as_u64().expect("a number");
        // Once what waits is written, both stand still.
        if told("waiting") == 0 {
            assert_eq!(told(name), metric, "{name}");
            return metric;
        }
        tokio::task::yield_now().await;
    }
}

fn lip(upstream: &Upstream) -> stage::LipBuilder {
    Lip::builder().openai(&upstream.url()).args("--capture-dir captures")
}

async fn ask(lip: &Lip, times: usize) {
    for _ in 0..times {
        let answer = lip.chat(CHAT).await.json();
        assert_eq!(answer["choices"][0]["message"]["content"], "hello");
    }
}

#[tokio::test]
async fn a_folder_that_is_none_hurts_no_turn() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let lip = lip(&upstream).file("captures", "no folder").start().await;
    ask(&lip, 3).await;
    lip.logged("capture files cannot be made in captures").await;
    assert_eq!((count(&lip, "turns").await, count(&lip, "cut").await), (3, 3));
    assert!(count(&lip, "failures").await > 0);
}

#[tokio::test]
async fn a_host_that_keeps_nothing_says_so() {
    let lip = Lip::builder().unkept().start().await;
    assert_eq!(lip.send(Call::get("/v1/diagnostics")).await.json()["capture"], Value::Null);
}

/// Until there is room again, turns go on, and what is lost of them is counted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_without_room_costs_captures_and_no_turn() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let config = "default_backend = \"openai\"\n[usage]\nenabled = false\n";
    let lip = lip(&upstream).config_toml(config).start().await;
    ask(&lip, 2).await;
    written(&lip, &[2]).await;
    // No file of its may grow, which is what a full disk comes down to.
    files_may_have(&lip, Some(0));
    ask(&lip, 3).await;
    lip.logged("a capture file cannot be written").await;
    assert_eq!((count(&lip, "turns").await, count(&lip, "cut").await), (5, 3));
    assert!(count(&lip, "failures").await > 0);
    files_may_have(&lip, None);
    ask(&lip, 2).await;
    // What was written before and after is whole.
    written(&lip, &[2, 2]).await;
    assert_eq!((count(&lip, "turns").await, count(&lip, "cut").await), (7, 3));
    for file in files(&lip.home().join("captures")) {
        replayed(stranger(&["openai"], ""), &file, 2).await;
    }
}

/// Waits until so many turns stand in each file to their ends.
#[cfg(target_os = "linux")]
async fn written(lip: &Lip, turns: &[usize]) {
    let folder = lip.home().join("captures");
    let ended = |file| std::fs::read_to_string(file).expect("text").matches("{\"what\":\"over\"").count();
    while !folder.is_dir() || files(&folder).into_iter().map(ended).collect::<Vec<_>>() != turns {
        tokio::task::yield_now().await;
    }
}

/// The bytes that files of this host may grow to.
#[cfg(target_os = "linux")]
fn files_may_have(lip: &Lip, bytes: Option<u64>) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = Pid::from_raw(i32::try_from(lip.pid()).expect("a number"));
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("a limit");
}
