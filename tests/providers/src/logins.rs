//! Backends that people log in to: strict identity servers and APIs, and the whole life of a login in front of them. Written from the
//! vendors' clients and pages; shares nothing with the connectors.
mod cline;
mod codex;
mod qwen;
mod zen;

use crate::asked::{Asked, Said, Who};
use crate::bugs::Bug;
use crate::clients::{Ask, TONGUES, Tongue};
use crate::provider;
use crate::rows::{self, Row};
use crate::server::Frames;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stage::{Answer, CANARY, Lip, LipBuilder, Recorded, Reply, Upstream};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// The end of a token that is good for as long as anybody tests.
const LATER_S: u64 = 4_102_444_800;
/// The end of one that is over.
const OVER_S: u64 = 1_000_000_000;

/// One server for identity and API, with what it knows.
struct Fake<S> {
    upstream: Upstream,
    state: Arc<Mutex<S>>,
}

impl<S: Send + 'static> Fake<S> {
    /// `bug` corrupts what reaches it, as a wrong connector would.
    async fn start(state: S, bug: Option<&'static Bug>, answer: fn(&mut S, &Recorded) -> Reply) -> Self {
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let upstream = Upstream::by(move |request| {
            let request = bug.map_or_else(|| request.clone(), |bug| bug.corrupted(request));
            answer(&mut shared.lock().expect("a lock"), &request)
        });
        Self { upstream: upstream.await, state }
    }

    /// `http://127.0.0.1:PORT`.
    fn origin(&self) -> String {
        self.upstream.url().trim_end_matches("/v1").to_owned()
    }

    fn with<T>(&self, look: impl FnOnce(&mut S) -> T) -> T {
        look(&mut self.state.lock().expect("a lock"))
    }
}

/// An unsigned token with these claims. Its signature is the mark of secrets and a number.
fn jwt(claims: &Value, n: u32) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{CANARY}{n}", part("{\"alg\":\"none\"}"), part(&claims.to_string()))
}

/// RFC 7636, section 4.2.
fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A form or a query, decoded.
fn form(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                    u8::from_str_radix(std::str::from_utf8(&digits).expect("ASCII"), 16).expect("hex")
                }
                other => other,
            });
        }
        String::from_utf8(bytes).expect("UTF-8")
    };
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
    text.split('&').filter_map(pair).collect()
}

/// A member of a form; empty when it is not there.
fn member<'a>(form: &'a BTreeMap<String, String>, key: &str) -> &'a str {
    form.get(key).map(String::as_str).unwrap_or_default()
}

/// What is asked of every backend: texts, tools and thoughts, streamed and not.
fn asks(model: &str) -> Vec<Ask> {
    let ask = Ask { model: model.to_owned(), prompt: "hello", options: true, ..Ask::default() };
    let tools = Ask { prompt: "list src", options: false, tools: true, ..ask.clone() };
    let thinks = Ask { prompt: "think", options: false, thinks: true, ..ask.clone() };
    let both = |ask: Ask| [Ask { stream: true, ..ask.clone() }, ask];
    [ask, tools, thinks].into_iter().flat_map(both).collect()
}

/// From all frontends, all of [`asks`]: every client must hear what was said.
async fn all_frontends(lip: &Lip, model: &str) -> Result<(), String> {
    for tongue in TONGUES {
        for ask in asks(model) {
            let said = vec![Said::Text(Who::User, ask.prompt.to_owned())];
            let asked = Asked { said, thinks: ask.thinks, ..Asked::default() };
            let expected = provider::told(&asked);
            let told = tongue.read(&ask, &lip.send(tongue.call(&ask)).await)?;
            if told != expected {
                return Err(format!("{tongue:?} hears {told:?}, not {expected:?}"));
            }
        }
    }
    Ok(())
}

/// With the libraries that users add themselves.
pub(crate) fn with_bundle(lip: LipBuilder) -> LipBuilder {
    let folder = lip.home().join("lip/plugins");
    std::fs::create_dir_all(&folder).expect("a folder");
    let library = stage::bundle("oauth");
    std::fs::copy(&library, folder.join(library.file_name().expect("a name"))).expect("a copy");
    lip
}

/// With the bundle and no other library: each start of a host looks at all that are there.
fn alone(lip: LipBuilder) -> LipBuilder {
    let folder = lip.home().join("libraries");
    std::fs::create_dir_all(&folder).expect("a folder");
    let library = stage::bundle("oauth");
    std::fs::copy(&library, folder.join(library.file_name().expect("a name"))).expect("a copy");
    lip.plugins_dir(&folder)
}

/// A row of the general table.
fn row(name: &str) -> &'static Row {
    rows::all().into_iter().find(|row| row.name == name).expect("a row")
}

/// A body, or a stream.
fn replied(answer: Result<Value, Frames>) -> Reply {
    match answer {
        Ok(whole) => Reply::json(200, &whole.to_string()),
        Err(frames) => frames.all.iter().fold(Reply::events(), |reply, frame| reply.send(frame)).end(),
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}

/// A time as RFC 3339 writes it. `unix_s` counts from 1970.
fn iso(unix_s: u64) -> String {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut days, mut year) = (unix_s / 86_400, 1970);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (day, of_day) = (days + 1, unix_s % 86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// A plain question by Chat Completions.
async fn hello(lip: &Lip, model: &str) -> Answer {
    let ask = Ask { model: model.to_owned(), prompt: "hello", ..Ask::default() };
    lip.send(Tongue::Chat.call(&ask)).await
}

/// Is it a refusal that says to wait for about ten minutes?
fn waits_for_ten_minutes(answer: &Answer) -> bool {
    let wait: u64 = answer.header("retry-after").and_then(|value| value.parse().ok()).unwrap_or_default();
    answer.status == 429 && (590..=600).contains(&wait)
}
