//! Records what connectors ask their providers for, as cassettes that `lip plugin test` replays without any network.
//!
//! Recorded from requests that pass without translation: there the client's body is what the connector is given. No client speaks
//! Ollama's own dialect; there it is what was sent, without what the configuration adds.
use crate::clients::{Ask, Tongue};
use crate::proof::host;
use crate::provider::{KEY, Provider, Sent};
use crate::rows::{Door, Row};
use crate::stories::Instance;
use serde_json::{Map, Value, json};
use stage::{Call, Lip, Recorded};
use std::fs;
use std::path::PathBuf;
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

async fn turn(lip: &Lip, at: &Instance, door: &Door, name: &str, ask: Ask) -> Value {
    let tongue = door.tongue().unwrap_or(Tongue::Chat);
    at.provider.take();
    let named = Ask { model: format!("{}:{}", at.name, ask.model), ..ask.clone() };
    let answer = lip.send(tongue.call(&named)).await;
    let (request, upstream) = exchange(at);
    assert!(request["url"].as_str().is_some_and(|url| url.contains(door.path)), "{name}: {request}");
    let (dialect, body) = match door.tongue() {
        Some(tongue) => (dialect(tongue), tongue.body(&ask)),
        None => ("ollama", without_config(&request["body"])),
    };
    json!({"name": format!("{dialect} {name}"), "task": "turn", "dialect": dialect, "model": ask.model,
        "stream": ask.stream, "body": body, "request": request, "answer": upstream, "client": {"status": answer.status}})
}

fn without_config(sent: &Value) -> Value {
    let mut given = sent.clone();
    let fields = given.as_object_mut().expect("an object");
    assert!(fields.remove("keep_alive").is_some());
    let options = fields["options"].as_object_mut().expect("options");
    assert!(options.remove("num_ctx").is_some());
    if options.is_empty() {
        fields.remove("options");
    }
    given
}

const fn dialect(tongue: Tongue) -> &'static str {
    match tongue {
        Tongue::Chat => "openai-chat",
        Tongue::Responses => "openai-responses",
        Tongue::Anthropic => "anthropic-messages",
        Tongue::Gemini => "gemini",
    }
}

/// The rows that are recorded: not those whose libraries users add, and where a key stands in for a login.
fn recorded() -> impl Iterator<Item = &'static Row> {
    crate::rows::all().into_iter().filter(|row| !["opencode-zen", "cline"].contains(&row.kind))
}

/// Which doors the row's own model comes through.
fn doors(row: &'static Row) -> Vec<&'static Door> {
    let all = row.doors.iter();
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
    if row.list.is_some() {
        // The host has asked for the lists of all rows at once.
        let (request, answer) = exchange(at);
        takes.push(json!({"name": "models", "task": "models", "request": request, "answer": answer,
            "client": {"status": 200, "models": row.models}}));
    }
    for door in doors(row) {
        let talks = || Ask { model: row.talks.to_owned(), ..Ask::default() };
        let text = Ask { prompt: "hello", options: true, ..talks() };
        let tools = Ask { stream: true, prompt: "list src", tools: true, ..talks() };
        let refused = Ask { prompt: "fail 403", ..talks() };
        takes.push(turn(lip, at, door, "text", text).await);
        takes.push(turn(lip, at, door, "streamed tools", tools).await);
        if !row.thinks.is_empty() {
            let think = Ask { model: row.thinks.to_owned(), prompt: "think", thinks: true, ..Ask::default() };
            takes.push(turn(lip, at, door, "reasoning", think).await);
        }
        takes.push(turn(lip, at, door, "refused", refused).await);
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
    let (mut instances, mut differing) = (Vec::new(), Vec::new());
    for (idx, row) in recorded().enumerate() {
        let provider = Arc::new(Provider::start(row, None).await);
        instances.push(Instance { row, name: format!("row{idx}"), provider, key: KEY });
    }
    let lip = host(&instances).await;
    lip.send(Call::get("/v1/models")).await;
    for at in &instances {
        let row = at.row;
        let text = format!("{:#}\n", cassette(&lip, at).await);
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

/// The shipped libraries ask for exactly what was recorded, at the vendors' own addresses.
#[tokio::test]
async fn cassettes_replay_against_the_libraries() {
    let done = Lip::builder().args("plugin test --no-checks --cassettes").arg(folder()).run().await;
    assert!(done.success, "{}{}", done.stdout, done.stderr);
    let n_ok = done.stdout.lines().filter(|line| line.trim_start().starts_with("ok  ")).count();
    let n_takes: usize = recorded().map(n_takes).sum();
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
        ("/request/url", json!("https://api.openai.com/v2/chat/completions"), "the URL is"),
        ("/request/method", json!("PUT"), "the method is"),
        ("/request/headers/authorization", json!("{api_key}"), "the headers is"),
        ("/request/headers/x-new", json!("1"), "the headers is"),
        ("/request/body/model", json!("gpt-4o"), "the body is"),
        ("/client/status", json!(201), "the client's status is"),
    ];
    let text = fs::read_to_string(folder().join("openai.json")).expect("a cassette");
    let mut cassette: Value = serde_json::from_str(&text).expect("JSON");
    let take =
        cassette["takes"].as_array().into_iter().flatten().find(|take| take["name"] == "openai-chat text");
    let take = take.expect("a turn").clone();
    let changed = changes.iter().map(|(place, value, _)| {
        let (parent, key) = place.rsplit_once('/').expect("a path");
        let mut bad = take.clone();
        bad.pointer_mut(parent).expect("a place")[key] = value.clone();
        bad
    });
    cassette["takes"] = changed.chain([take.clone()]).collect();
    let plugins = stage::plugins_of(&["openai"]);
    let lip = Lip::builder().plugins_dir(plugins.path());
    let dir = lip.home().join("cassettes");
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(dir.join("openai.json"), cassette.to_string()).expect("a cassette");
    let done = lip.args("plugin test --json --no-checks --cassettes").arg(&dir).run().await;
    assert!(!done.success && done.stderr.contains("6 of 7 failed"), "{}{}", done.stdout, done.stderr);
    let told: Value = serde_json::from_str(&done.stdout).expect("JSON");
    for (n, (place, _, why)) in changes.iter().enumerate() {
        let take = &told["libraries"][0]["cassettes"][n];
        assert!(take["why"].as_str().is_some_and(|told| told.contains(why)), "{place}: {take}");
    }
    assert_eq!(told["libraries"][0]["cassettes"][6]["ok"], true);
    assert_eq!((&told["message"], &told["color"]), (&json!("1/7"), &json!("red")));
}

/// Without cassettes the command runs the checks of the test kit on the library as it was built.
#[tokio::test]
async fn built_library_passes_the_checks() {
    let plugins = stage::plugins_of(&["openai"]);
    let done = Lip::builder().plugins_dir(plugins.path()).args("plugin test openai").run().await;
    assert!(done.success, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout.contains("odd_config_is_no_panic") && done.stdout.lines().count() >= 40,
        "{}",
        done.stdout
    );
}
