//! What is kept of turns, and what comes of it when they are carried out again: the same bytes, without a network and without a key.
mod losses;
mod masks;

use crate::talk::{says, ways};
use crate::team::{BACKENDS, Team, backend};
use stage::{Call, Gate, Lip, LipBuilder, Reply, Upstream};
use std::path::{Path, PathBuf};

const OUTPUT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";

/// Its capture files, once all that waits is written.
async fn kept(lip: &Lip) -> Vec<PathBuf> {
    kept_by(lip, "").await
}

/// As [`kept`], of a host that asks for this key.
async fn kept_by(lip: &Lip, key: &str) -> Vec<PathBuf> {
    loop {
        let metrics = lip.send(Call::get("/metrics").bearer(key)).await.text();
        let value = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(name)).expect("a metric");
            line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number")
        };
        if value("lip_capture_waiting") == 0.0 && value("lip_turns_open") == 0.0 {
            return files(&lip.home().join("captures"));
        }
        tokio::task::yield_now().await;
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// A host that has the same backends and no key, and whose backends lead nowhere.
fn stranger(names: &[&str], top: &str) -> LipBuilder {
    let mut config = format!("default_backend = \"{}\"\n{top}\n", names[0]);
    for name in names {
        config.extend(
            backend(name, "http://127.0.0.1:9/v1")
                .lines()
                .filter(|line| !line.starts_with("api_key"))
                .map(|line| format!("{line}\n")),
        );
    }
    Lip::builder().config_toml(&config)
}

async fn replayed(builder: LipBuilder, file: &Path, n: usize) {
    let output = builder.args("capture replay").arg(file).run().await;
    assert!(output.success, "{}", output.printed());
    assert!(output.stdout.ends_with(&format!("{n} of {n} turns gave the same bytes\n")), "{}", output.stdout);
}

#[tokio::test]
async fn every_frontend_gets_the_same_bytes_again() {
    let team = Team::with("", |builder| builder.args("--capture-dir captures")).await;
    let mut n = 0;
    for (tongue, stream) in ways() {
        // Its own dialect, and three that are translated; a backend that is not there; a command that this host answers itself.
        for name in BACKENDS {
            let call = tongue.call(&format!("{name}:m"), stream, &[tongue.message("user", "hello")]);
            assert_eq!(team.lip.send(call).await.status, 200, "{name}");
        }
        let call = tongue.call("no-such-backend:m", stream, &[tongue.message("user", "hello")]);
        team.lip.send(call).await;
        let session = format!("s-{tongue:?}-{stream}");
        for words in ["!/backend(anthropic)", "hello"] {
            let call = tongue.call("m", stream, &[tongue.message("user", words)]);
            assert_eq!(team.lip.send(call.header("x-session-id", &session)).await.status, 200);
        }
        n += BACKENDS.len() + 3;
    }
    // Refused before they were turns, and yet let in.
    assert_eq!(team.lip.chat("{").await.status, 400);
    let files = kept(&team.lip).await;
    let [file] = &files[..] else { panic!("{files:?}") };
    replayed(stranger(&BACKENDS, ""), file, n + 1).await;
    // One turn of a session goes through those before it: the command chose its backend.
    let shown = team.lip.cli(&format!("capture show {} --session s-Chat-true", file.display())).await;
    let rows: Vec<&str> = shown.stdout.lines().filter(|line| line.contains("/v1/chat/completions")).collect();
    assert!(rows.len() == 2 && rows[0].contains(" - ") && rows[1].contains("anthropic"), "{}", shown.stdout);
    let turn = rows[1].split_whitespace().next().expect("a number");
    let output = stranger(&BACKENDS, "").args("capture replay --turn").arg(turn).arg(file).run().await;
    assert!(
        output.success && output.stdout.ends_with("1 of 1 turns gave the same bytes\n"),
        "{}",
        output.printed()
    );
    let story = team.lip.cli(&format!("capture show {} --turn {turn}", file.display())).await.stdout;
    assert!(
        story.contains("client >") && story.contains("> anthropic 0") && story.contains("client <"),
        "{story}"
    );
    let raw =
        team.lip.cli(&format!("capture show {} --turn {turn} --format raw", file.display())).await.stdout;
    assert!(raw.starts_with("data: ") && raw.ends_with("data: [DONE]\n\n"), "{raw}");
}

#[tokio::test]
async fn failover_cuts_and_departed_clients_come_again() {
    let gate = Gate::default();
    let held = gate.clone();
    let flaky = Upstream::by(move |request| {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let events = || Reply::status(200).header("Content-Type", "text/event-stream").chunked();
        match () {
            () if text.contains("cut me") => events().send(OUTPUT).send(&OUTPUT[..20]).reset(),
            () if text.contains("hold me") => events().send(OUTPUT).hold(&held).end(),
            () if text.contains("lose me") => Reply::nothing().close(),
            () if text.contains("wait") => Reply::status(429)
                .header("retry-after", "7")
                .full(r#"{"error":{"message":"slow","type":"t","param":null,"code":null}}"#),
            () => Reply::json(500, r#"{"error":{"message":"broken","type":"t","param":null,"code":null}}"#),
        }
    })
    .await;
    let good = Upstream::by(|request| says(request, "good")).await;
    let team = Team::of("", vec![("openai", flaky), ("anthropic", good)], |builder| {
        builder.args("--capture-dir captures")
    })
    .await;
    let ask = |model: &str, stream: bool, words: &str| {
        serde_json::json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": words}]}).to_string()
    };
    let mut n = 0;
    for stream in [false, true] {
        for words in ["fail", "lose me", "wait"] {
            assert_eq!(team.lip.chat(ask("openai:m|anthropic:m", stream, words)).await.status, 200);
            assert!(team.lip.chat(ask("openai:m", stream, words)).await.status >= 400);
            n += 2;
        }
    }
    assert!(team.lip.chat(ask("openai:m", true, "cut me")).await.text().contains("half"));
    let mut open = team.lip.open_chat(ask("openai:m", true, "hold me")).await;
    open.read_until("half").await;
    drop(open);
    let file = kept(&team.lip).await.remove(0);
    replayed(stranger(&["openai", "anthropic"], ""), &file, n + 2).await;
    let shown = team.lip.cli(&format!("capture show {}", file.display())).await.stdout;
    assert!(shown.contains("openai anthropic") && shown.contains("left"), "{shown}");
    gate.open();
}

#[tokio::test]
async fn other_bytes_are_told_with_their_place() {
    let upstream = Upstream::by(|request| says(request, "hello")).await;
    let lip = Lip::builder().openai(&upstream.url()).args("--capture-dir captures").start().await;
    lip.chat(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).await;
    let file = kept(&lip).await.remove(0);
    let text = std::fs::read_to_string(&file).expect("text");
    // What the client got, and not what its upstream said, which it names.
    let (before, sent) = text.split_once("{\"what\":\"sent\"").expect("a line");
    let (_, came) = before.split_once("{\"what\":\"came\"").expect("a line");
    let said = came.lines().nth(1).expect("what the upstream said");
    let named = format!("\"bytes\":{}}}\n{}", said.len(), said.replacen("hello", "hullo", 1));
    assert!(sent.contains("\"as\":0}"), "{sent}");
    let other = lip.home().join("other.capture");
    std::fs::write(&other, format!("{before}{{\"what\":\"sent\"{}", sent.replacen("\"as\":0}", &named, 1)))
        .expect("a file");
    let output = lip.cli(&format!("capture replay {}", other.display())).await;
    assert!(!output.success && output.stdout.contains("turn 1: differs: byte "), "{}", output.printed());
    assert!(output.stdout.contains("hullo") && output.stdout.contains("hello"), "{}", output.stdout);
    // A file that was cut in the middle of a turn.
    let cut = lip.home().join("cut.capture");
    std::fs::write(&cut, before).expect("a file");
    let output = lip.cli(&format!("capture replay {}", cut.display())).await;
    assert!(!output.success && output.stdout.contains("a part of it is missing"), "{}", output.printed());
    let output = lip.cli("capture show lip.toml").await;
    assert!(!output.success && output.stderr.contains("lip.toml cannot be read"), "{}", output.printed());
}
