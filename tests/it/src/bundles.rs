//! The bundle of connectors for personal logins: dropped into a built host's folder, it adds its eight; without it, errors name the file.
use serde_json::{Value, json};
use stage::{Lip, LipBuilder, bundle_of_another_clone, plugins_of};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::Path;

/// What the bundle brings, as the documentation lists it.
pub(crate) const EIGHT: [&str; 8] = [
    "antigravity-oauth",
    "cline",
    "gemini-oauth-auto",
    "gemini-oauth-free",
    "gemini-oauth-plan",
    "kiro-oauth-auto",
    "opencode-zen",
    "qwen-oauth",
];

fn host(plugins: &Path) -> LipBuilder {
    let config = EIGHT.map(|id| format!("[backends.{id}]\n")).concat();
    Lip::builder().plugins_dir(plugins).config_toml(&config)
}

fn body(model: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]}).to_string()
}

/// Backend → what it lacks.
async fn backends(plugins: &Path) -> Vec<(String, Value)> {
    let told = host(plugins).args("backends --json").run().await;
    assert!(told.success, "{}", told.stderr);
    let rows: Vec<Value> = serde_json::from_str(&told.stdout).expect("JSON");
    rows.into_iter()
        .map(|row| (row["name"].as_str().expect("a name").to_owned(), row["missing"].clone()))
        .collect()
}

#[tokio::test]
async fn the_bundle_adds_its_eight_and_errors_name_it_without() {
    let folder = plugins_of(&["echo"]);
    let file = format!("{DLL_PREFIX}lip_oauth{DLL_SUFFIX}");

    let lip = host(folder.path()).start().await;
    for id in EIGHT {
        let answer = lip.chat(body(&format!("{id}:m"))).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.message().contains(&file), "{}", answer.message());
    }

    let login = lip.cli("login qwen-oauth").await;
    assert!(!login.success && login.stderr.contains(&file), "{}", login.printed());

    // The bundle is built after the host, elsewhere, and put beside what is there while the host runs.
    let bundle = bundle_of_another_clone("oauth");
    fs::copy(&bundle, folder.path().join(&file)).expect("a copy");
    assert_eq!(lip.chat(body("echo:echo")).await.json()["choices"][0]["message"]["content"], "hello");
    drop(lip);

    let lip = host(folder.path()).start().await;
    assert!(lip.stdout().contains("2 loaded, 0 refused"), "{}", lip.stdout());
    for id in EIGHT {
        // Nobody is logged in, so that the connector itself answers: what to do.
        let answer = lip.chat(body(&format!("{id}:m"))).await;
        assert!(matches!(answer.status, 401 | 503), "{id}: {} {}", answer.status, answer.text());
        assert!(
            !answer.message().contains(&file) && answer.message().contains("log"),
            "{id}: {}",
            answer.message()
        );
    }
    let accounts = lip.cli("accounts").await;
    assert!(accounts.success && accounts.stdout.starts_with("nobody is logged in"), "{}", accounts.printed());
    let there = backends(folder.path()).await;
    for id in EIGHT {
        assert!(there.iter().any(|(name, missing)| name == id && missing.is_null()), "{id}: {there:?}");
    }
    drop(lip);

    fs::remove_file(folder.path().join(&file)).expect("it is there");
    for (name, missing) in backends(folder.path()).await.iter().filter(|(name, _)| EIGHT.contains(&&**name)) {
        assert!(missing.as_str().is_some_and(|text| text.contains(&file)), "{name}: {missing}");
    }
}

#[tokio::test]
async fn several_users_are_refused_with_a_reason() {
    let folder = plugins_of(&["echo"]);
    let bundle = stage::bundle("oauth");
    fs::copy(&bundle, folder.path().join(bundle.file_name().expect("a name"))).expect("a copy");
    let lip = host(folder.path()).args("--multi-user-mode --plugin-lock off");
    let lip = lip.env("API_KEYS", "client-key").start().await;
    for id in EIGHT {
        let call = stage::Call::chat(body(&format!("{id}:m"))).bearer("client-key");
        let answer = lip.send(call).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.message().contains("account of one person"), "{}", answer.message());
    }
}
