//! One model reasons, another one answers: over real backends of any dialect, in every frontend, and when things go wrong.
mod faults;

use crate::talk::{TONGUES, Tongue, says, ways};
use crate::team::{Chat, Team, backend};
use serde_json::{Value, json};
use stage::{Answer, Lip, LipBuilder, Recorded, Reply, Upstream};

const MODEL: &str = "hybrid:[openrouter:thinker,openai:doer]";
const INSTRUCTION: &str = "Consider this reasoning when formulating your response:";

/// Chat chunks with these deltas; `finish` is told after them, unless it is empty.
fn chunks(deltas: &[Value], finish: &str) -> String {
    let chunk = |delta: &Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "t", "choices": [choice]})
        )
    };
    let mut text: String = deltas.iter().map(|delta| chunk(delta, Value::Null)).collect();
    if !finish.is_empty() {
        text += &chunk(&json!({}), json!(finish));
        text += "data: [DONE]\n\n";
    }
    text
}

fn reasons(text: &str) -> Value {
    json!({"reasoning_content": text})
}

fn says_content(text: &str) -> Value {
    json!({"content": text})
}

/// A thinker whose stream has these deltas, in one piece.
fn thinks(deltas: &[Value], finish: &str) -> Reply {
    Reply::events().send(chunks(deltas, finish)).end()
}

/// The host with a thinker (`openrouter`) and a doer (`openai`, the default).
struct Duo {
    lip: Lip,
    thinker: Upstream,
    doer: Upstream,
}

impl Duo {
    async fn new(thinker: Upstream, doer: Upstream, settings: &str) -> Self {
        Self::with(thinker, doer, settings, |builder| builder).await
    }

    async fn with(
        thinker: Upstream,
        doer: Upstream,
        settings: &str,
        change: impl FnOnce(LipBuilder) -> LipBuilder,
    ) -> Self {
        let backends = backend("openai", &doer.url()) + &backend("openrouter", &thinker.url());
        let config = format!("default_backend = \"openai\"\n{backends}[backends.hybrid]\n{settings}\n");
        let lip = change(Lip::builder().config_toml(&config).replayed()).start().await;
        Self { lip, thinker, doer }
    }

    async fn ask(&self, stream: bool) -> Answer {
        self.lip.chat(body(MODEL, stream)).await
    }

    /// What the doer was told beside the client's words.
    fn told(&self) -> String {
        let messages = self.doer.last().json()["messages"].clone();
        let system = messages.as_array().expect("messages").iter().find(|m| m["role"] == "system").cloned();
        system.map(|system| system["content"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }
}

fn body(model: &str, stream: bool) -> String {
    let options = json!({"include_usage": true});
    let messages = json!([{"role": "user", "content": "hi"}]);
    json!({"model": model, "stream": stream, "stream_options": options, "messages": messages}).to_string()
}

async fn doer() -> Upstream {
    Upstream::by(|request| says(request, "done")).await
}

/// Reasoning and text of a streamed chat answer, as a client that knows both reads them.
fn read(answer: &Answer) -> (String, String) {
    let events = answer.events();
    let chunks = events.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.fold((String::new(), String::new()), |(mut reasoning, mut text), chunk| {
        let delta = &chunk["choices"][0]["delta"];
        reasoning += delta["reasoning_content"].as_str().unwrap_or_default();
        text += delta["content"].as_str().unwrap_or_default();
        (reasoning, text)
    })
}

#[tokio::test]
async fn every_client_gets_reasoning_then_answer_from_any_two_backends() {
    for (thinker, doer) in [("openai", "anthropic"), ("anthropic", "gemini"), ("gemini", "openai")] {
        let team = Team::new().await;
        for (tongue, stream) in ways() {
            let mut chat = Chat::new(&team.lip, tongue, stream);
            chat.model = format!("hybrid:[{thinker}:t,{doer}:d]");
            let answer = chat.attempt_raw("hi").await;
            let text = answer.text();
            assert_eq!(answer.status, 200, "{tongue:?}: {text}");
            assert!(text.contains(&format!("{thinker} speaks")), "{tongue:?} {stream}: {text}");
            assert!(text.contains(&format!("{doer} speaks")), "{tongue:?} {stream}: {text}");
            let asked = team.turns(doer).pop().expect("a turn");
            let sent = String::from_utf8_lossy(&asked.body).into_owned();
            assert!(sent.contains(INSTRUCTION) && sent.contains(&format!("{thinker} speaks")), "{sent}");
            assert!(
                !String::from_utf8_lossy(&team.turns(thinker).pop().expect("a turn").body)
                    .contains(INSTRUCTION)
            );
        }
        let n = TONGUES.len() * 2;
        assert_eq!((team.turns(thinker).len(), team.turns(doer).len()), (n, n));
    }
}

#[tokio::test]
async fn reasoning_streams_while_it_comes_and_the_thinker_is_stopped_at_its_answer() {
    let gate = stage::Gate::default();
    let reply = Reply::events()
        .send(chunks(&[reasons("first "), reasons("then")], ""))
        .hold(&gate)
        .send(chunks(&[says_content("nobody reads this")], ""))
        .then_silence();
    let duo = Duo::new(Upstream::always(reply).await, doer().await, "").await;
    let mut open = duo.lip.open_chat(body(MODEL, true)).await;
    open.read_until("then").await;
    assert!(duo.doer.requests().is_empty(), "the second phase waits for the first");
    gate.open();
    let answer = open.rest().await;
    duo.thinker.hung_up().await;
    assert_eq!(read(&answer), ("first then".to_owned(), "done".to_owned()), "{}", answer.text());
    assert_eq!(
        duo.told(),
        format!("{INSTRUCTION}\n\n<reasoning>first then</reasoning>").replace("reasoning>", "thinking>")
    );
    let usage = answer.events().iter().rev().find(|data| data.contains("hybrid")).cloned().expect("usage");
    let usage: Value = serde_json::from_str(&usage).expect("JSON");
    let hybrid = &usage["usage"]["hybrid"];
    assert_eq!(hybrid["reasoning"]["model"], "openrouter:thinker");
    assert_eq!(
        (&hybrid["reasoning"]["output_tokens"], &hybrid["reasoning"]["estimated"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(hybrid["execution"]["model"], "openai:doer");
}

#[tokio::test]
async fn presets_and_selectors_say_how_the_phases_ask() {
    let duo = Duo::new(Upstream::always(thinks(&[reasons("r")], "stop")).await, doer().await, "").await;
    let model = "hybrid:[openrouter:thinker?temperature=0.1,openai:gpt-5?top_p=0.5]";
    assert_eq!(duo.lip.chat(body(model, false)).await.status, 200);
    let first = duo.thinker.last().json();
    assert_eq!((&first["temperature"], &first["stream"]), (&json!(0.1), &json!(true)));
    assert!(first["reasoning"]["effort"] == "high" || first["reasoning_effort"] == "high", "{first}");
    let second = duo.doer.last().json();
    assert_eq!((&second["top_p"], &second["reasoning_effort"]), (&json!(0.5), &json!("low")));
    assert_eq!((&second["model"], second.get("temperature")), (&json!("gpt-5"), None));
}

#[tokio::test]
async fn client_that_leaves_ends_the_phase_that_runs() {
    let silent = || Reply::events().send(chunks(&[reasons("r")], "")).then_silence();
    let duo = Duo::new(Upstream::always(silent()).await, doer().await, "").await;
    let mut open = duo.lip.open_chat(body(MODEL, true)).await;
    open.read_until("\"r\"").await;
    drop(open);
    duo.thinker.hung_up().await;
    let duo = Duo::new(
        Upstream::always(thinks(&[reasons("r")], "stop")).await,
        Upstream::always(Reply::silence()).await,
        "",
    )
    .await;
    let open = duo.lip.open_chat(body(MODEL, true)).await;
    duo.doer.received(1).await;
    drop(open);
    duo.doer.hung_up().await;
}

#[tokio::test]
async fn probability_decides_after_the_first_turn() {
    let wants = |probability: &'static str| async move {
        let thinker = Upstream::always(thinks(&[reasons("r")], "stop")).await;
        let duo = Duo::with(thinker, doer().await, "", |builder| {
            builder.env("REASONING_INJECTION_PROBABILITY", probability)
        })
        .await;
        let mut chat = Chat::new(&duo.lip, Tongue::Chat, true);
        chat.model = MODEL.to_owned();
        for _ in 0..20 {
            chat.say("go on").await;
        }
        duo.thinker.requests().len()
    };
    assert_eq!((wants("0").await, wants("1").await), (1, 20));
    let some = wants("0.5").await;
    assert!((3..=19).contains(&some), "about half: {some}");
}

#[tokio::test]
async fn forced_route_reaches_the_phases() {
    let thinker = Upstream::always(thinks(&[reasons("r")], "stop")).await;
    let duo = Duo::with(thinker, doer().await, "", |builder| builder.arg("--static-route").arg(MODEL)).await;
    let answer = duo.lip.chat(body("whatever", false)).await;
    assert_eq!((answer.status, answer.header("x-lip-route")), (200, Some(MODEL)), "{}", answer.text());
    assert_eq!((duo.thinker.requests().len(), duo.doer.requests().len()), (1, 1));
}

#[tokio::test]
async fn conversation_is_known_to_both_phases() {
    let answers = |request: &Recorded| says(request, "x");
    let go = Upstream::by(answers).await;
    let config =
        format!("[backends.opencode-go]\napi_url = \"{}\"\napi_key = \"k\"\n[backends.hybrid]\n", go.url());
    let lip = Lip::builder().config_toml(&config).start().await;
    let mut chat = Chat::new(&lip, Tongue::Chat, false).header("x-session-id", "one");
    chat.model = "hybrid:[opencode-go:glm-5.2,opencode-go:kimi-k3]".to_owned();
    chat.say("hi").await;
    chat.say("again").await;
    let sessions: Vec<_> =
        go.requests().iter().filter_map(|r| r.header("x-opencode-session").map(str::to_owned)).collect();
    assert_eq!(sessions.len(), 4);
    assert!(sessions.iter().all(|session| *session == sessions[0]), "{sessions:?}");
}
