//! An author's first ten minutes: a new project outside of the repository, one line edited, built, tried, served.
use serde_json::{Value, json};
use stage::{Lip, Reply, Upstream, library_outside, n_bundled, plugins_with};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// `lip plugin new` in `folder`, with the crates of this repository.
async fn new_project(folder: &Path, id: &str, dialect: &str) -> stage::Output {
    let lip = Lip::builder().args("plugin new").arg(id).args("--dialect").arg(dialect);
    lip.arg("--sdk").arg(repository()).arg("--into").arg(folder).run().await
}

/// Says in the one line where its provider is.
fn edit(project: &Path, id: &str, url: &str) {
    let file = project.join("src/lib.rs");
    let source = fs::read_to_string(&file).unwrap();
    let line = source.lines().find(|line| line.contains("\"base_url\":")).expect("the line to edit");
    assert!(line.contains(&format!("https://api.{id}.example")), "{line}");
    let edited = source.replace(line, &format!("\"base_url\": \"{url}\","));
    fs::write(file, edited).unwrap();
}

async fn tried(library: &Path, project: &Path, more: &str) -> Value {
    let lip = Lip::builder().args("plugin test --json").args(more).arg("--cassettes");
    let done = lip.arg(project.join("cassettes")).arg(library).run().await;
    let told: Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {}", done.printed()));
    assert!(done.success, "{}\n{:#}", done.stderr, failures(&told));
    told
}

fn failures(told: &Value) -> Value {
    let checks = told["libraries"].as_array().into_iter().flatten().flat_map(|one| one["checks"].as_array());
    checks.flatten().filter(|check| check["outcome"] == "failed").cloned().collect()
}

/// The library and the folder of a project that was made, edited and built.
async fn built(folder: &TempDir, dialect: &str, url: &str) -> (PathBuf, PathBuf) {
    let id = format!("made-{dialect}");
    let made = new_project(folder.path(), &id, dialect).await;
    assert!(made.success, "{}", made.printed());
    let project = folder.path().join(&id);
    edit(&project, &id, url);
    (library_outside(&project, &id), project)
}

#[tokio::test]
async fn new_edit_build_test_run_pack() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"choices":[{"message":{"content":"from outside"}}]}"#;
    let upstream = Upstream::always(Reply::json(200, answer)).await;
    let (library, project) = built(&folder, "openai-chat", &upstream.url()).await;

    for cage in ["--plugin-isolation inproc", "--plugin-isolation child"] {
        let told = tried(&library, &project, cage).await;
        let [of] = told["libraries"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
        assert_eq!((&told["color"], of["cassettes"].as_array().unwrap().len()), (&json!("brightgreen"), 2));
        assert!(of["passed"] == of["total"] && of["total"].as_u64() > Some(40), "{of:#}");
        assert!(cage.ends_with(of["isolation"].as_str().unwrap()), "{of:#}");
        assert_eq!(of["sha256"].as_str().map(str::len), Some(64));
    }

    let lip = Lip::builder().args("plugin run").arg(&library).start().await;
    assert!(lip.stdout().contains("export MADE_OPENAI_CHAT_API_KEY="), "{}", lip.stdout());
    drop(lip);
    let lip = Lip::builder().args("plugin run").arg(&library).env("MADE_OPENAI_CHAT_API_KEY", "sk-made");
    let lip = lip.start().await;
    let line = lip.stdout().lines().find(|line| line.contains("curl")).unwrap().to_owned();
    assert!(line.contains(&format!("http://{}/v1/chat/completions", lip.address)), "{line}");
    let body = line.split('\'').nth(3).unwrap().replace("\"stream\":true", "\"stream\":false");
    let said = lip.chat(body).await;
    assert_eq!(said.json()["choices"][0]["message"]["content"], "from outside", "{}", said.text());
    assert_eq!(upstream.last().header("authorization"), Some("Bearer sk-made"));
    packed_and_installed(folder.path(), &library).await;
}

/// One file for others, and what they do with it.
async fn packed_and_installed(folder: &Path, library: &Path) {
    let (pack, plugins) = (folder.join("made.lip"), folder.join("plugins"));
    let done = Lip::builder().args("plugin pack").arg(library).arg("-o").arg(&pack).run().await;
    assert!(done.success && pack.is_file(), "{}", done.printed());
    let done = Lip::builder().args("plugin verify").arg(&pack).run().await;
    assert!(done.success && done.stdout.contains("made-openai-chat"), "{}", done.printed());
    let lip = Lip::builder().args("plugin install --yes --dir").arg(&plugins).arg(&pack);
    let done = lip.run().await;
    assert!(done.success, "{}", done.printed());
    let done = Lip::builder().plugins_dir(&plugins).args("plugin list").run().await;
    assert!(done.success && done.stdout.contains("made-openai-chat"), "{}", done.printed());
}

#[tokio::test]
async fn projects_of_every_dialect_pass_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for dialect in ["openai-responses", "anthropic-messages", "gemini"] {
        let (library, project) = built(&folder, dialect, "https://api.acme.example/v1").await;
        let told = tried(&library, &project, "").await;
        assert_eq!(told["color"], "brightgreen", "{told:#}");
    }
}

/// What the libraries that come with LIP need to be told, in one folder.
fn cassettes_of_all() -> TempDir {
    let all = tempfile::tempdir().unwrap();
    for plugin in fs::read_dir(repository().join("plugins")).unwrap() {
        let Ok(own) = fs::read_dir(plugin.unwrap().path().join("cassettes")) else { continue };
        for file in own.map(|file| file.unwrap().path()) {
            fs::copy(&file, all.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    all
}

#[tokio::test]
async fn bundled_libraries_pass_all_checks() {
    let (cassettes, plugins) = (cassettes_of_all(), plugins_with(&[]));
    // Its dozens of backends take ten seconds; they are tried by its own tests.
    let compat = format!("{DLL_PREFIX}lip_compat{DLL_SUFFIX}");
    fs::remove_file(plugins.path().join(compat)).unwrap();
    let lip = Lip::builder().plugins_dir(plugins.path());
    let done = lip.args("plugin test --json --cassettes").arg(cassettes.path()).run().await;
    let told: Value =
        serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {}", done.printed()));
    assert!(done.success, "{}\n{:#}", done.stderr, failures(&told));
    assert_eq!(told["libraries"].as_array().map(Vec::len), Some(n_bundled() - 1));
    for library in told["libraries"].as_array().unwrap() {
        assert!(library["total"].as_u64() > Some(35), "{}: {}", library["plugin"], library["total"]);
    }
}

#[tokio::test]
async fn bad_ids_and_folders_that_are_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("acme")).unwrap();
    for (id, why) in [("acme", "is there already"), ("Acme", "is no id"), ("../acme", "is no id")] {
        let done = new_project(folder.path(), id, "gemini").await;
        assert!(!done.success && done.stderr.contains(why), "{id}: {}", done.printed());
    }
    assert_eq!(fs::read_dir(folder.path().join("acme")).unwrap().count(), 0);
    let done = new_project(folder.path(), "other", "esperanto").await;
    assert!(!done.success && done.stderr.contains("openai-chat"), "{}", done.printed());
    let lip =
        Lip::builder().args("plugin new other --sdk").arg(folder.path()).arg("--into").arg(folder.path());
    let done = lip.run().await;
    assert!(!done.success && done.stderr.contains("a checkout of LIP"), "{}", done.printed());
}
