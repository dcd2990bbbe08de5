//! Connector libraries that are dropped into a folder, and what a bad one costs.
use stage::{Call, Connection, End, Lip, Reply, Upstream, library, n_bundled, plugins_with, staged};
use std::fs;
use std::path::PathBuf;

const ECHO: &str = r#"{"model":"echo:echo","messages":[{"role":"user","content":"still here"}]}"#;

fn panicky() -> PathBuf {
    library("tests/it/panicky", "panicky")
}

fn chat(model: &str) -> String {
    format!(r#"{{"model":"panicky:{model}","messages":[]}}"#)
}

#[tokio::test]
async fn library_of_an_outside_author_is_picked_up() {
    let folder = tempfile::tempdir().unwrap();
    let acme = library("tests/third-party", "acme");
    fs::copy(&acme, folder.path().join(acme.file_name().unwrap())).unwrap();
    let upstream =
        Upstream::always(Reply::json(200, r#"{"choices":[{"message":{"content":"from acme"}}]}"#)).await;
    let bundled = staged().join("plugins");
    let lip = Lip::builder()
        .plugins_dir(&bundled)
        .plugins_dir(folder.path())
        .args("--default-backend acme")
        .env("ACME_API_KEY", "sk-acme")
        .env("ACME_API_BASE_URL", &upstream.url())
        .start()
        .await;
    assert!(lip.stdout().contains(&format!("{} loaded, 0 refused", n_bundled() + 1)), "{}", lip.stdout());
    let body = r#"{"n": 1e2, "model":"m","messages":[]}"#;
    assert_eq!(lip.chat(body).await.json()["choices"][0]["message"]["content"], "from acme");
    assert_eq!(upstream.last().body, body.as_bytes());
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-acme"));
}

#[tokio::test]
async fn libraries_in_the_users_data_folder_are_found() {
    let builder = Lip::builder();
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("lip/plugins");
    fs::create_dir_all(&folder).unwrap();
    let acme = library("tests/third-party", "acme");
    fs::copy(&acme, folder.join(acme.file_name().unwrap())).unwrap();
    let lip = builder.env("XDG_DATA_HOME", data.path().to_str().unwrap()).start().await;
    assert!(lip.stdout().contains(&format!("{} loaded, 0 refused", n_bundled() + 1)), "{}", lip.stdout());
}

#[tokio::test]
async fn good_libraries_serve_beside_bad_files() {
    let folder = plugins_with(&[]);
    let echo = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_str().unwrap().contains("echo"))
        .unwrap();
    let bytes = fs::read(&echo).unwrap();
    for (name, bytes) in [
        ("text.so", &b"no library"[..]),
        ("empty.so", b""),
        ("half.so", &bytes[..bytes.len() / 2]),
        ("notes.txt", b"x"),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fs::create_dir(folder.path().join("folder.so")).unwrap();
    let lip = Lip::builder().plugins_dir(folder.path()).start().await;
    let summary = lip.stdout();
    assert!(summary.contains(&format!("{} loaded", n_bundled())), "{summary}");
    for name in ["text.so", "empty.so", "half.so"] {
        assert!(
            summary.lines().any(|line| line.contains("refused:") && line.contains(name)),
            "{name} in {summary}"
        );
    }
    assert!(!summary.contains("notes.txt"), "{summary}");
    assert!(lip.chat(ECHO).await.text().contains("still here"));
}

#[tokio::test]
async fn first_registration_wins_and_the_second_is_reported() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let acme = library("tests/third-party", "acme");
    fs::copy(&acme, first.path().join("one.so")).unwrap();
    // Another build of the same connector: what stands behind the last section is no part of the program.
    let mut other = fs::read(&acme).unwrap();
    other.extend_from_slice(b"another build");
    fs::write(second.path().join("two.so"), other).unwrap();
    let output =
        Lip::builder().args("plugin list").plugins_dir(first.path()).plugins_dir(second.path()).run().await;
    assert!(output.success, "{output:?}");
    let conflict = output
        .stdout
        .lines()
        .find(|line| line.starts_with("conflict: "))
        .unwrap_or_else(|| panic!("{}", output.stdout));
    assert!(conflict.contains("acme") && conflict.contains("two.so"), "{conflict}");
    let lip = Lip::builder().plugins_dir(first.path()).plugins_dir(second.path()).start().await;
    assert!(lip.stdout().contains("conflict: "), "{}", lip.stdout());
}

#[tokio::test]
async fn host_without_any_library_serves_and_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let lip = Lip::builder().plugins_dir(empty.path()).start().await;
    assert!(lip.stdout().contains("0 loaded"), "{}", lip.stdout());
    let answer = lip.chat(ECHO).await;
    assert_eq!(answer.status, 503);
    answer.error();
}

#[tokio::test]
async fn panic_fails_its_own_turn_and_says_whose_fault_it_is() {
    let folder = plugins_with(&[&panicky()]);
    let lip = Lip::builder().plugins_dir(folder.path()).start().await;
    assert!(lip.chat(chat("calm")).await.text().contains("calm"));
    for model in ["start", "step"] {
        let answer = lip.chat(chat(model)).await;
        assert_eq!(answer.status, 500, "{}", answer.text());
        let message = answer.message();
        assert!(message.contains("panic"), "{message}");
    }
    let answer = lip.chat(chat("stream").replace("\"messages\"", "\"stream\":true,\"messages\"")).await;
    assert_eq!((answer.status, answer.end), (200, End::Clean));
    assert!(answer.text().contains("\"half\"") && answer.text().contains("\"error\""), "{}", answer.text());
    assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
    let models = lip.send(Call::get("/v1/models")).await;
    assert!(models.text().contains("echo:echo") && models.status == 200, "{}", models.text());
    assert!(lip.chat(chat("calm")).await.text().contains("calm"));
}

/// One panic of each kind, and a good turn. All in one session: others would be remembered, within bounds of their own.
async fn round(connection: &mut Connection) {
    let call = |body: &str| Call::chat(body).header("x-session-id", "one");
    for model in ["start", "step"] {
        assert_eq!(connection.send(&call(&chat(model))).await.status, 500);
    }
    assert_eq!(connection.send(&Call::get("/v1/models")).await.status, 200);
    assert!(connection.send(&call(ECHO)).await.text().contains("still here"));
}

#[tokio::test]
async fn thousand_panics_cost_nothing_that_stays() {
    let folder = plugins_with(&[&panicky()]);
    let lip = Lip::builder().plugins_dir(folder.path()).args("--log-level error").start().await;
    let mut connection = lip.connect().await;
    for _ in 0..100 {
        round(&mut connection).await;
    }
    let files = lip.n_files();
    // What leaks grows in every span; a thread that takes memory of its own when it is first needed does so in one.
    let mut grown = Vec::new();
    while grown.last().is_none_or(|grown| *grown > 1 << 20) {
        assert!(grown.len() < 3, "grown by {grown:?} bytes");
        let memory = lip.memory_bytes();
        for _ in 100..1_000 {
            round(&mut connection).await;
        }
        grown.push(lip.memory_bytes().saturating_sub(memory));
    }
    assert_eq!(lip.n_files(), files);
}
