//! Connectors in C and C++, and libraries of every version of the interface, in the real host and in both cages.
use stage::{Lip, LipBuilder, Reply, Upstream, foreign_library, museum};
use std::fs;
use std::path::Path;

const CAGES: &[&str] = if cfg!(target_os = "linux") { &["inproc", "child"] } else { &["inproc"] };
const WHOLE: &str = r#"{"choices":[{"message":{"content":"from acme"}}]}"#;
const DELTA: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"from acme"}}]}"#;

fn in_cage(cage: &str) -> LipBuilder {
    Lip::builder().env("LIP_PLUGIN_ISOLATION", cage)
}

#[tokio::test]
async fn connectors_in_c_and_cpp_pass_every_check_in_both_cages() {
    for source in ["c/acme.c", "cpp/acme.cpp"] {
        for cage in CAGES {
            let tried = in_cage(cage).args("plugin test").arg(foreign_library(source)).run().await;
            assert!(tried.success, "{source}, {cage}: {}", tried.printed());
            assert!(tried.stdout.contains("answer_reaches_the_client"), "{}", tried.stdout);
        }
    }
}

/// A turn, not streamed and streamed, through the one library of `file` in the real host.
async fn serves(file: &Path, id: &str, cage: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(file, folder.path().join("x.so")).unwrap();
    let upstream = Upstream::by(|request| match request.json()["stream"].as_bool() {
        Some(true) => Reply::events()
            .send(format!(": alive\n\n{}", &DELTA[..20]))
            .send(format!("{}\n\ndata: [DONE]\n\n", &DELTA[20..]))
            .end(),
        _ => Reply::json(200, WHOLE),
    })
    .await;
    let lip = in_cage(cage)
        .plugins_dir(folder.path())
        .args("--default-backend")
        .arg(id)
        .env("ACME_API_KEY", "sk-acme")
        .env("ACME_API_BASE_URL", &upstream.url())
        .start()
        .await;
    let told = |what: &str| format!("{} ({cage}): {what}", file.display());
    let body = r#"{"n": 1e2, "model":"m","messages":[]}"#;
    let answer = lip.chat(body).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "from acme", "{}", told(&answer.text()));
    assert_eq!(upstream.last().body, body.as_bytes(), "{}", told("the body as it came"));
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-acme"));
    let streamed = lip.chat(r#"{"stream":true,"model":"m","messages":[]}"#).await.text();
    assert!(streamed.contains(DELTA) && streamed.ends_with("data: [DONE]\n\n"), "{}", told(&streamed));
    // Only the connector in C++ reads the stream, and leaves the comment behind.
    assert_eq!(streamed.contains(": alive"), id != "acme-cpp", "{}", told(&streamed));
}

#[tokio::test]
async fn connectors_in_c_and_cpp_serve_turns_in_both_cages() {
    for cage in CAGES {
        serves(&foreign_library("c/acme.c"), "acme-c", cage).await;
        serves(&foreign_library("cpp/acme.cpp"), "acme-cpp", cage).await;
    }
}

#[tokio::test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
async fn museum_serves_turns() {
    let mut n = 0;
    for entry in fs::read_dir(museum()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|end| end == "so") {
            let id = if file.to_str().unwrap().ends_with("-c.so") { "acme-c" } else { "acme" };
            serves(&file, id, CAGES[n % 2]).await;
            n += 1;
        }
    }
    assert!(n >= 5, "{n} libraries");
}
