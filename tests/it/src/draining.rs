//! A host that is asked to end: what it says of itself, what becomes of open turns, and when it is over.
use crate::talk::{TONGUES, Tongue};
use serde_json::{Value, json};
use stage::{Call, End, Gate, Lip, LipBuilder, OpenAnswer, Reply, Upstream, send, within};
use std::net::SocketAddr;

/// A host whose turns begin and then wait.
struct Scene {
    lip: Lip,
    gate: Gate,
    upstream: Upstream,
}

impl Scene {
    async fn with(change: impl FnOnce(LipBuilder) -> LipBuilder) -> Self {
        let gate = Gate::default();
        let delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun\"}}]}\n\n";
        let end =
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let reply = Reply::events().send(delta).hold(&gate).send(end).end();
        let upstream = Upstream::by(move |asked| match asked.json()["stream"] == true {
            true => reply.clone(),
            false => Reply::silence(),
        })
        .await;
        let builder = Lip::builder().openai(&upstream.url()).env("LIP_OPERATIONS_BIND", "127.0.0.1:0");
        Self { lip: change(builder).start().await, gate, upstream }
    }

    /// Where it is watched.
    fn watched(&self) -> SocketAddr {
        let stdout = self.lip.stdout();
        let place = stdout.lines().find_map(|line| line.trim().strip_prefix("watched   http://"));
        place.and_then(|place| place.strip_suffix("/readyz")?.parse().ok()).expect("an address")
    }

    async fn stream(&self, tongue: Tongue) -> OpenAnswer {
        let mut stream =
            self.lip.connect().await.open(&tongue.call("m", true, &[tongue.message("user", "hi")])).await;
        stream.read_until("begun").await;
        stream
    }
}

async fn ready(address: SocketAddr) -> (u16, Value) {
    let answer = send(address, Call::get("/readyz")).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn host_that_ends_says_so_to_those_who_watch_and_lets_turns_end() {
    let scene = Scene::with(|builder| builder).await;
    let (address, watched) = (scene.lip.address, scene.watched());
    for place in [address, watched] {
        let (status, told) = ready(place).await;
        assert_eq!((status, &told["ready"], &told["draining"]), (200, &json!(true), &json!(false)), "{told}");
        assert_eq!(send(place, Call::get("/livez")).await.status, 200);
    }
    assert_eq!(send(watched, Call::chat("{}")).await.status, 404, "no turns there");
    let stream = scene.stream(Tongue::Chat).await;
    let stopping = tokio::spawn(scene.lip.stop());
    within("the port to close", async { while tokio::net::TcpStream::connect(address).await.is_ok() {} })
        .await;
    let (status, told) = ready(watched).await;
    assert_eq!((status, &told["draining"]), (503, &json!(true)), "{told}");
    assert_eq!(told["reasons"], json!(["the host is shutting down"]));
    assert_eq!(send(watched, Call::get("/livez")).await.status, 200);
    scene.gate.open();
    assert_eq!(stream.rest().await.end, End::Clean);
    let (status, _) = stopping.await.expect("its end");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn host_without_a_backend_is_alive_but_not_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let lip = Lip::builder().plugins_dir(folder.path()).start().await;
    let (status, told) = ready(lip.address).await;
    assert_eq!((status, &told["backends_ready"]), (503, &json!(0)), "{told}");
    assert!(told["reasons"][0].as_str().expect("a reason").starts_with("no backend is ready"), "{told}");
    assert_eq!(lip.send(Call::get("/livez")).await.status, 200);
}

/// A stream that was cut off: an error in the client's dialect, and no end that looks like one.
async fn told(stream: OpenAnswer, tongue: Tongue) {
    let answer = stream.rest().await;
    let text = answer.text();
    assert!(text.contains("the host is shutting down"), "{tongue:?}: {text}");
    let terminal = match tongue {
        Tongue::Chat => "[DONE]",
        Tongue::Anthropic => "message_stop",
        Tongue::Gemini => "finishReason\":\"STOP",
        Tongue::Responses => "response.completed",
    };
    assert!(!text.contains(terminal), "{tongue:?}: {text}");
}

#[tokio::test]
async fn turns_that_outlive_the_drain_end_with_an_error_in_their_dialect() {
    let scene = Scene::with(|builder| builder.env("LIP_TIMEOUTS_DRAIN", "0.2")).await;
    let mut streams = Vec::new();
    for tongue in TONGUES {
        streams.push((tongue, scene.stream(tongue).await));
    }
    let whole = scene.lip.connect().await;
    let whole = tokio::spawn(async move { whole.open(&Call::chat(r#"{"model":"m","messages":[]}"#)).await });
    scene.upstream.received(TONGUES.len() + 1).await;
    let stopping = tokio::spawn(scene.lip.stop());
    for (tongue, stream) in streams {
        told(stream, tongue).await;
    }
    // This one had no head yet.
    let answer = whole.await.expect("an answer").rest().await;
    assert_eq!((answer.status, answer.end), (503, End::Clean), "{}", answer.text());
    assert!(answer.text().contains("host_shutting_down"), "{}", answer.text());
    let (status, output) = stopping.await.expect("its end");
    assert!(status.success(), "{status}");
    assert!(output.stderr.contains("timeouts.drain"), "{}", output.stderr);
}

/// All of a stream over HTTP/2 (RFC 9113), until its end: a reset is none.
async fn read(body: &mut h2::RecvStream, until: &str) -> String {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(until) {
        let Some(chunk) = within("a chunk", body.data()).await else { break };
        let chunk = chunk.unwrap_or_else(|e| panic!("{e} after {}", String::from_utf8_lossy(&heard)));
        body.flow_control().release_capacity(chunk.len()).expect("room");
        heard.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn turns_over_http2_that_outlive_the_drain_are_told_so_too() {
    let scene = Scene::with(|builder| builder.env("LIP_TIMEOUTS_DRAIN", "0.2")).await;
    let stream = tokio::net::TcpStream::connect(scene.lip.address).await.expect("a connection");
    let (send, connection) = within("a handshake", h2::client::handshake(stream)).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let ask = |path: &str, body: &'static str| {
        let request =
            http::Request::post(format!("http://localhost{path}")).header("content-type", "application/json");
        let (response, mut stream) =
            send.clone().send_request(request.body(()).expect("a request"), false).expect("a stream");
        stream.send_data(body.into(), true).expect("a body");
        response
    };
    let mut streams = Vec::new();
    for (path, body, terminal) in [
        (
            "/v1/chat/completions",
            r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
            "[DONE]",
        ),
        (
            "/v1/messages",
            r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
            "message_stop",
        ),
        ("/v1/responses", r#"{"model":"m","stream":true,"input":"hi"}"#, "response.completed"),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#,
            "STOP",
        ),
    ] {
        let mut body = within("a head", ask(path, body)).await.expect("a head").into_body();
        read(&mut body, "begun").await;
        streams.push((path, terminal, body));
    }
    let whole = ask("/v1/chat/completions", r#"{"model":"m","messages":[]}"#);
    scene.upstream.received(streams.len() + 1).await;
    let stopping = tokio::spawn(scene.lip.stop());
    for (path, terminal, mut body) in streams {
        let text = read(&mut body, "\0").await;
        assert!(text.contains("the host is shutting down") && !text.contains(terminal), "{path}: {text}");
    }
    // This one had no head yet.
    let answer = within("a head", whole).await.expect("a head");
    assert_eq!(answer.status(), 503);
    let text = read(&mut answer.into_body(), "\0").await;
    assert!(text.contains("host_shutting_down"), "{text}");
    connection.abort();
    let (status, output) = stopping.await.expect("its end");
    assert!(status.success(), "{status}");
    assert!(!output.stderr.contains("in the middle of an answer"), "{}", output.stderr);
}

#[tokio::test]
async fn second_signal_ends_the_host_at_once() {
    let scene = Scene::with(|builder| builder.env("LIP_TIMEOUTS_DRAIN", "3600")).await;
    let stream = scene.stream(Tongue::Chat).await;
    scene.lip.signal("TERM").await;
    scene.lip.logged("shutting down").await;
    scene.lip.signal("TERM").await;
    told(stream, Tongue::Chat).await;
    assert!(scene.lip.ended().await.success());
}
