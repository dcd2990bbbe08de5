//! Records what connectors ask their providers for, as cassettes that `lip plugin test` replays without any network.
//!
//! Recorded from requests that pass without translation: there the client's body is what the connector is given.
use crate::clients::{Ask, Tongue};
use crate::provider::{KEY, Provider, Sent};
use crate::rows::{Door, Row, Server};
use crate::stories::{Instance, host};
use serde_json::{Map, Value, json};
use stage::{Call, Lip, Recorded};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the host and HTTP add to every request; the rest is the connector's.
const OF_THE_HOST: [&str; 5] =
    ["host", "content-length", "user-agent", "accept-encoding", "x-llmproxy-loop-guard"];
/// Headers whose values differ from run to run.
const CHANGING: [&str; 1] = ["x-opencode-session"];
/// Where a custom backend lies.
const OWN_VENDOR: &str = "https://gateway.example";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cassettes")
}

fn file_of(row: &Row) -> String {
    let name = row.name.replace(", ", " ").replace(' ', "-").to_lowercase();
    format!("{name}.json")
}

/// The vendor's own host in place of the simulated one.
fn url(row: &Row, target: &str) -> String {
    let vendor = if row.vendor.is_empty() { OWN_VENDOR } else { row.vendor };
    let origin: Vec<&str> = vendor.split('/').take(3).collect();
    format!("{}{target}", origin.join("/"))
}

fn request(row: &Row, seen: &Recorded) -> Value {
    let mut headers = Map::new();
    for (name, value) in &seen.headers {
        let name = name.to_ascii_lowercase();
        let value =
            if CHANGING.contains(&name.as_str()) { "*".to_owned() } else { value.replace(KEY, "{api_key}") };
        if !OF_THE_HOST.contains(&name.as_str()) {
            headers.insert(name, json!(value));
        }
    }
    let mut request = json!({"method": seen.method, "url": url(row, &seen.target), "headers": headers});
    if !seen.body.is_empty() {
        request["body"] = seen.json();
    }
    request
}

/// The newest exchange.
fn exchange(at: &Instance) -> (Value, Value) {
    let seen = at.provider.upstream.last();
    let Sent { status, kind, body } = at.provider.take().pop().expect("an exchange").sent;
    (request(at.row, &seen), json!({"status": status, "content_type": kind, "body": body}))
}

async fn turn(lip: &Lip, at: &Instance, door: &Door, name: &str, ask: Ask) -> Option<Value> {
    let tongue = door.tongue()?;
    at.provider.take();
    let named = Ask { model: format!("{}:{}", at.name, ask.model), ..ask.clone() };
    let answer = lip.send(tongue.call(&named)).await;
    let (request, upstream) = exchange(at);
    assert!(request["url"].as_str().is_some_and(|url| url.contains(door.path)), "{name}: {request}");
    Some(
        json!({"name": format!("{} {name}", dialect(tongue)), "task": "turn", "dialect": dialect(tongue), "model": ask.model,
        "stream": ask.stream, "body": tongue.body(&ask), "request": request, "answer": upstream,
        "client": {"status": answer.status}}),
    )
}

const fn dialect(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::Chat => "openai-chat",
        Tongue::Responses => "openai-responses",
        Tongue::Anthropic => "anthropic-messages",
        Tongue::Gemini => "gemini",
    }
}

/// Which doors the row's own model comes through.
fn doors(row: &'static Row) -> Vec<&'static Door> {
    let all = row.doors.iter().filter(|door| door.server != Server::Ollama);
    match row.name {
        "opencode-go" => all.take(1).collect(),
        "opencode-go, models of Messages" => all.skip(1).take(1).collect(),
        "opencode-go, models of Responses" => all.skip(2).collect(),
        _ => all.collect(),
    }
}

async fn cassette(lip: &Lip, at: &Instance) -> Value {
    let row = at.row;
    let mut takes = Vec::new();
    for door in doors(row) {
        let text = Ask { model: row.talks.to_owned(), prompt: "hello", options: true, ..Ask::default() };
        let tools = Ask {
            model: row.talks.to_owned(),
            stream: true,
            prompt: "list src",
            tools: true,
            ..Ask::default()
        };
        let refused = Ask { model: row.talks.to_owned(), prompt: "fail 403", ..Ask::default() };
        takes.extend(turn(lip, at, door, "text", text).await);
        takes.extend(turn(lip, at, door, "streamed tools", tools).await);
        if !row.thinks.is_empty() {
            let think = Ask { model: row.thinks.to_owned(), prompt: "think", thinks: true, ..Ask::default() };
            takes.extend(turn(lip, at, door, "reasoning", think).await);
        }
        takes.extend(turn(lip, at, door, "refused", refused).await);
    }
    if row.list.is_some() {
        at.provider.take();
        lip.send(Call::get("/v1/models")).await;
        let (request, answer) = exchange(at);
        takes.push(json!({"name": "models", "task": "models", "request": request, "answer": answer,
            "client": {"status": 200, "models": row.models}}));
    }
    let mut cassette = json!({"connector": row.kind, "takes": takes});
    if !row.config.is_empty() {
        cassette["config"] = own_config(row);
    }
    cassette
}

/// The configuration of a row that is not all defaults.
fn own_config(row: &Row) -> Value {
    let mut config = Map::new();
    for line in row.config.lines() {
        let (key, value) = line.split_once(" = ").expect("a line of TOML");
        let value = if value == "{ x-team = \"blue\" }" { "{\"x-team\": \"blue\"}" } else { value };
        config.insert(key.to_owned(), serde_json::from_str(value).expect("a plain value"));
    }
    if row.vendor.is_empty() {
        config.insert("base_url".to_owned(), json!(format!("{OWN_VENDOR}{}", row.base)));
    }
    config.into()
}

/// The cassettes in the tree are what the stories record; `LIP_WRITE=1` writes them.
#[tokio::test]
async fn cassettes_are_what_the_stories_record() {
    let mut differing = Vec::new();
    for row in crate::rows::all() {
        let provider = Arc::new(Provider::start(row, None).await);
        let at = Instance { row, name: "recorded".to_owned(), provider, key: KEY };
        // A host for each: a list of models then asks this row alone.
        let instances = [at];
        let lip = host(&instances).await;
        let text = format!("{:#}\n", cassette(&lip, &instances[0]).await);
        assert!(!text.contains(KEY), "{}: a cassette holds the key", row.name);
        let path = folder().join(file_of(row));
        if std::env::var_os("LIP_WRITE").is_some() {
            fs::create_dir_all(folder()).expect("a folder");
            fs::write(&path, &text).expect("a cassette");
        }
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            differing.push(row.name);
        }
    }
    let again = "run `LIP_WRITE=1 cargo test -p providers` and read what changed";
    assert!(differing.is_empty(), "{differing:?} differ; {again}");
}

async fn test_plugin(cassettes: &Path) -> stage::Output {
    let builder = Lip::builder().args("plugin test --no-checks --cassettes").arg(cassettes);
    builder.run().await
}

/// The shipped libraries ask for exactly what was recorded, at the vendors' own addresses.
#[tokio::test]
async fn cassettes_replay_against_the_libraries() {
    let done = test_plugin(&folder()).await;
    assert!(done.success, "{}{}", done.stdout, done.stderr);
    let n_ok = done.stdout.lines().filter(|line| line.starts_with("ok  ")).count();
    let n_takes: usize = crate::rows::all().iter().map(|row| n_takes(row)).sum();
    assert_eq!(n_ok, n_takes, "{}", done.stdout);
}

fn n_takes(row: &Row) -> usize {
    let text = fs::read_to_string(folder().join(file_of(row))).expect("a cassette");
    let cassette: Value = serde_json::from_str(&text).expect("JSON");
    cassette["takes"].as_array().map_or(0, Vec::len)
}

/// One changed word of a cassette, and the command says what differs.
#[tokio::test]
async fn changed_cassettes_do_not_replay() {
    let changes: [(&str, Value, &str); 6] = [
        ("/takes/0/request/url", json!("https://api.openai.com/v2/chat/completions"), "the URL is"),
        ("/takes/0/request/method", json!("PUT"), "the method is"),
        ("/takes/0/request/headers/authorization", json!("{api_key}"), "the headers is"),
        ("/takes/0/request/body/model", json!("gpt-4o"), "the body is"),
        ("/takes/0/client/status", json!(201), "the client's status is"),
        ("/takes/0/request/headers/x-new", json!("1"), "the headers is"),
    ];
    let text = fs::read_to_string(folder().join("openai.json")).expect("a cassette");
    let good: Value = serde_json::from_str(&text).expect("JSON");
    for (place, value, told) in changes {
        let (parent, key) = place.rsplit_once('/').expect("a path");
        let mut bad = good.clone();
        bad.pointer_mut(parent).expect("a place")[key] = value;
        let home = Lip::builder();
        let dir = home.home().join("cassettes");
        fs::create_dir_all(&dir).expect("a folder");
        fs::write(dir.join("openai.json"), bad.to_string()).expect("a cassette");
        let done = home.args("plugin test openai --no-checks --cassettes").arg(&dir).run().await;
        assert!(!done.success && done.stdout.contains(told), "{place}: {}{}", done.stdout, done.stderr);
    }
}

/// Without cassettes the command runs the checks of the test kit on the library as it was built.
#[tokio::test]
async fn built_library_passes_the_checks() {
    let done = Lip::builder().args("plugin test openai-responses").run().await;
    assert!(done.success, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("odd_config_is_no_panic") && done.stdout.lines().count() >= 14,
        "{}",
        done.stdout
    );
}
