//! What the host counts, against what its clients saw; and where it is sent.
use crate::scraped::{Scraped, scrape};
use crate::talk::{TONGUES, Tongue, says};
use crate::team::backend;
use serde_json::{Value, json};
use stage::{Call, End, Gate, Lip, LipBuilder, Reply, Upstream, within};
use std::collections::BTreeMap;

/// Two backends; the first one does as the model says.
async fn team(change: impl FnOnce(LipBuilder) -> LipBuilder) -> (Lip, Upstream, Upstream) {
    let first = Upstream::by(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match () {
            () if body.contains("do fail") => Reply::json(
                500,
                r#"{"error":{"message":"broken","type":"t","param":null,"code":"odd-code-7"}}"#,
            ),
            () if body.contains("do refuse") => {
                Reply::json(400, r#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#)
            }
            () => says(request, "first"),
        }
    })
    .await;
    let second = Upstream::by(|request| says(request, "second")).await;
    let config = backend("openai", &first.url()) + &backend("openrouter", &second.url());
    let builder = Lip::builder().config_toml(&config).env("LIP_OPERATIONS_BIND", "127.0.0.1:0");
    (change(builder).start().await, first, second)
}

/// A small generator: every failure is repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Turns that are counted; the promise is about 2,000, `LIP_TURNS=2000`.
const TURNS: usize = 160;

#[tokio::test]
async fn counts_are_what_clients_saw() {
    let n = std::env::var("LIP_TURNS").map_or(TURNS, |n| n.parse().expect("a number"));
    let (lip, first, second) = team(|builder| builder).await;
    let mut dice = Dice(7);
    let (mut good, mut bad, mut here, mut moved) = (0, 0, 0, 0);
    for _ in 0..n {
        let (tongue, stream) = (TONGUES[dice.below(4) as usize], dice.below(2) == 0);
        let (wish, model) = match dice.below(10) {
            0 => ("do refuse", "openai:m"),
            1 => ("do fail", "openai:m"),
            2 => ("do fail", "openai:m|openrouter:m"),
            3 => ("!/hello", "openai:m"),
            _ => ("hi", "openai:m"),
        };
        // Gemini says the model in its path.
        let named = model.replace('|', "%7C");
        let model = if tongue == Tongue::Gemini { &*named } else { model };
        let answer = lip.send(tongue.call(model, stream, &[tongue.message("user", wish)])).await;
        match (answer.status, answer.text()) {
            (200, text) if text.contains("second") => (good, moved) = (good + 1, moved + 1),
            (200, text) if text.contains("first") => good += 1,
            (200, text) if !text.contains("broken") => here += 1,
            _ => bad += 1,
        }
    }
    let seen = scrape(&lip).await;
    let outcome = |word: &str| seen.sum("lip_turns_total", &[&format!("lip_outcome=\"{word}\"")]);
    assert_eq!(
        (outcome("answered"), outcome("failed"), outcome("answered_here"), outcome("client_gone")),
        (f64::from(good), f64::from(bad), f64::from(here), 0.0),
        "{seen:?}"
    );
    assert!(good > 0 && bad > 0 && here > 0 && moved > 0, "{good} {bad} {here} {moved}");
    // A failed attempt was followed by another one, or was its turn's last.
    let failed = seen.sum("lip_attempts_total", &["failed"]);
    assert_eq!(seen.sum("lip_failovers_total", &["\"openai\""]), failed - f64::from(bad), "{seen:?}");
    assert_eq!(seen.sum("gen_ai_server_request_duration_seconds_count", &[]), n as f64);
    assert_eq!(seen.sum("lip_turn_overhead_seconds_count", &[]), n as f64);
    for (name, provider) in [("\"openai\"", first), ("\"openrouter\"", second)] {
        let n = provider.requests().iter().filter(|request| request.method == "POST").count() as f64;
        assert_eq!(seen.sum("lip_attempts_total", &[name]), n, "{name}");
        assert_eq!(seen.sum("gen_ai_client_operation_duration_seconds_count", &[name]), n, "{name}");
    }
    // The ledger writes behind the turns.
    let kept = |seen: &Scraped, what: &str| seen.sum(&format!("lip_usage_{what}"), &[]);
    let mut seen = seen;
    while kept(&seen, "waiting") > 0.0 {
        seen = scrape(&lip).await;
    }
    assert_eq!((kept(&seen, "written_total"), kept(&seen, "lost_total")), (n as f64, 0.0), "{seen:?}");
    // A backend that rests is not available, and these lack nothing else.
    for name in ["\"openai\"", "\"openrouter\""] {
        let rests = seen.sum("lip_backend_rests_seconds", &[name]) > 0.0;
        assert_eq!(
            seen.sum("lip_backend_available", &[name]),
            f64::from(u8::from(!rests)),
            "{name}: {seen:?}"
        );
    }
    // What an upstream or a client may write freely is no label.
    assert!(
        !seen.0.keys().any(|series| series.contains("odd-code") || series.contains("do fail")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn open_turns_are_listed_while_they_are_open() {
    let gate = Gate::default();
    let delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun\"}}]}\n\n";
    let end =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::always(Reply::events().send(delta).hold(&gate).send(end).end()).await;
    let lip = Lip::builder().openai(&upstream.url()).env("LIP_OPERATIONS_BIND", "127.0.0.1:0").start().await;
    let mut stream = lip.open_chat(r#"{"model":"openai:m","stream":true,"messages":[]}"#).await;
    stream.read_until("begun").await;
    let told = lip.send(Call::get("/v1/diagnostics/activity")).await.json();
    assert_eq!(
        (&told["total_active_connections"], &told["turns"][0]["backend"]),
        (&json!(1), &json!("openai")),
        "{told}"
    );
    assert_eq!(
        (&told["turns"][0]["is_answering"], &told["turns"][0]["stream"]),
        (&json!(true), &json!(true)),
        "{told}"
    );
    assert!(told["turns"][0]["bytes_tx"].as_u64().is_some_and(|bytes| bytes >= delta.len() as u64), "{told}");
    assert_eq!(scrape(&lip).await.sum("lip_turns_open", &[]), 1.0);
    gate.open();
    assert_eq!(stream.rest().await.end, End::Clean);
    let closed = async { while scrape(&lip).await.sum("lip_turns_open", &[]) > 0.0 {} };
    within("the turn to be over", closed).await;
    let gone = lip.open_chat(r#"{"model":"openai:m","stream":true,"messages":[]}"#).await;
    drop(gone);
}

#[tokio::test]
async fn counts_are_for_operators_only() {
    let (lip, _first, _second) = team(|builder| {
        builder.env("API_KEYS", "sk-client").args("--multi-user-mode --egress-allow-private 127.0.0.1")
    })
    .await;
    let status = |call: Call| async { lip.send(call).await.status };
    assert_eq!(status(Call::get("/metrics")).await, 401);
    assert_eq!(
        status(Call::get("/metrics").bearer("sk-client").header("origin", "https://evil.test")).await,
        403
    );
    let answer = lip.send(Call::get("/metrics").bearer("sk-client")).await;
    let seen = Scraped::of(&answer.text());
    assert_eq!(seen.sum("lip_backend_available", &["\"openai\""]), 1.0, "{}", answer.text());
    assert_eq!(seen.sum("lip_backend_keys", &["\"openai\"", "usable"]), 1.0);
    assert_eq!(seen.sum("lip_draining", &[]), 0.0);
    assert!(seen.sum("process_memory_usage_bytes", &[]) > 1e6);
    assert!(!answer.text().contains("sk-"), "{}", answer.text());
    assert_eq!(scrape(&lip).await.sum("lip_build", &[]), 1.0);
}

/// A receiver of OTLP that answers as the specification says.
async fn receiver() -> Upstream {
    Upstream::by(|request| match request.header("content-type") {
        Some("application/json") => Reply::json(200, "{}"),
        other => Reply::json(415, &format!("{{\"message\":\"{other:?}\"}}")),
    })
    .await
}

fn texts(list: &Value) -> BTreeMap<String, Value> {
    let of = |one: &Value| (one["key"].as_str().expect("a key").to_owned(), one["value"].clone());
    list.as_array().expect("attributes").iter().map(of).collect()
}

#[tokio::test]
async fn spans_and_counts_reach_their_receiver_also_when_the_host_ends() {
    let receiver = receiver().await;
    let endpoint = receiver.url().trim_end_matches("/v1").to_owned();
    let (lip, first, second) = team(|builder| {
        let builder = builder.env("LIP_TELEMETRY_OTLP_ENDPOINT", &endpoint);
        builder.env("LIP_TELEMETRY_OTLP_KEY", "sk-receiver").env("LIP_TELEMETRY_OTLP_EVERY", "3600")
    })
    .await;
    let body =
        json!({"model": "openai:m|openrouter:m", "messages": [{"role": "user", "content": "do fail"}]});
    assert!(lip.chat(body.to_string()).await.text().contains("second"));
    let (status, _) = lip.stop().await;
    assert!(status.success(), "{status}");
    let sent = receiver.requests();
    let targets: Vec<&str> = sent.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(targets, ["/v1/metrics", "/v1/traces"]);
    assert!(sent.iter().all(|request| request.header("authorization") == Some("Bearer sk-receiver")));
    let traces = sent[1].json();
    let resource = texts(&traces["resourceSpans"][0]["resource"]["attributes"]);
    assert_eq!(resource["service.name"], json!({"stringValue": "lip"}));
    let spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone();
    assert_eq!(spans.len(), 1 + first.requests().len() + second.requests().len(), "{traces}");
    let of = |n: usize| texts(&spans[n]["attributes"]);
    assert_eq!(of(0)["lip.outcome"], json!({"stringValue": "answered"}));
    assert_eq!(
        (&of(1)["error.type"], &spans[1]["status"]["code"]),
        (&json!({"stringValue": "internal"}), &json!(2))
    );
    let last = of(spans.len() - 1);
    assert_eq!(last["lip.backend"], json!({"stringValue": "openrouter"}));
    assert!(last.contains_key("gen_ai.usage.output_tokens"), "{traces}");
    assert!(!traces.to_string().contains("do fail"), "no words of a client: {traces}");
    let metrics = sent[0].json();
    let list =
        metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().expect("metrics").clone();
    let turns = list.iter().find(|metric| metric["name"] == "lip.turns").expect("turns");
    assert_eq!(turns["sum"]["dataPoints"][0]["asInt"], "1", "{turns}");
}

#[tokio::test]
async fn receiver_that_is_not_there_costs_nothing_and_is_told_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = nobody.local_addr().expect("an address");
    drop(nobody);
    let (lip, _first, _second) = team(|builder| {
        let builder = builder.env("LIP_TELEMETRY_OTLP_ENDPOINT", &format!("http://{place}"));
        builder.env("LIP_TELEMETRY_OTLP_EVERY", "0.1")
    })
    .await;
    lip.logged("telemetry is not received").await;
    assert_eq!(
        lip.chat(r#"{"model":"openai:m","messages":[{"role":"user","content":"hi"}]}"#).await.status,
        200
    );
    let (status, output) = lip.stop().await;
    assert!(
        status.success() && output.stderr.matches("telemetry is not received").count() == 1,
        "{}",
        output.stderr
    );
}
