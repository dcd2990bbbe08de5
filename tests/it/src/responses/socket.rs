//! Responses over a WebSocket, as Codex uses it: warm-up, then only what is new.
use super::{counting, events, message, native, native_builder, native_with_keys, object};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stage::{Call, Gate, Lip, Reply, Upstream, within};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

type Headers<'a> = &'a [(&'static str, &'a str)];

struct Socket(WebSocketStream<TcpStream>);

/// Opens a WebSocket, or says with which status it was refused.
async fn open(address: SocketAddr, headers: Headers<'_>) -> Result<Socket, u16> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let mut request = format!("ws://{address}/v1/responses").into_client_request().expect("a request");
    request.headers_mut().insert("openai-beta", "responses_websockets=2026-02-06".parse().expect("a value"));
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    match within("a handshake", client_async(request, stream)).await {
        Ok((socket, _)) => Ok(Socket(socket)),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("no handshake: {error}"),
    }
}

async fn opened(lip: &Lip) -> Socket {
    open(lip.address, &[]).await.expect("a WebSocket")
}

impl Socket {
    async fn say(&mut self, message: impl Into<Message>) {
        within("the host to take a message", self.0.send(message.into())).await.expect("sent");
    }

    /// Asks for a response with these fields.
    async fn create(&mut self, fields: Value) {
        let mut message = json!({"type": "response.create", "model": "m"});
        message.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        self.say(message.to_string()).await;
    }

    /// The next event; `None` when the host has closed.
    async fn hear(&mut self) -> Option<Value> {
        loop {
            match within("an event", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return None,
                other => panic!("not an event: {other:?}"),
            }
        }
    }

    /// The types of all events up to the end of one answer, and the last event.
    async fn answer(&mut self) -> (Vec<String>, Value) {
        let mut kinds = Vec::new();
        loop {
            let event = self.hear().await.expect("an event");
            let kind = event["type"].as_str().expect("a type").to_owned();
            let is_end =
                ["response.completed", "response.incomplete", "response.failed", "error"].contains(&&*kind);
            kinds.push(kind);
            if is_end {
                return (kinds, event);
            }
        }
    }

    async fn response(&mut self) -> Value {
        let (kinds, last) = self.answer().await;
        assert_eq!(last["type"], "response.completed", "{kinds:?} {last}");
        last["response"].clone()
    }

    async fn error(&mut self) -> Value {
        let (kinds, last) = self.answer().await;
        assert_eq!(kinds, ["error"], "{last}");
        for field in ["message", "type", "param", "code"] {
            assert!(last["error"].get(field).is_some(), "no {field} in {last}");
        }
        last
    }
}

/// An upstream of the same dialect that streams, and says how many input items it was sent.
async fn streaming() -> Upstream {
    Upstream::by(|request| {
        let n = request.json()["input"].as_array().map_or(0, Vec::len);
        let response = object(&format!("resp_{n}"), json!([message("msg_1", "x")]), json!({}));
        Reply::events().send(events(&response)).end()
    })
    .await
}

#[tokio::test]
async fn key_is_asked_for_before_the_upgrade() {
    let upstream = streaming().await;
    let lip = native_with_keys(&upstream, "k-one").await;
    assert_eq!(open(lip.address, &[]).await.err(), Some(401));
    assert_eq!(open(lip.address, &[("authorization", "Bearer k-no")]).await.err(), Some(401));
    let mut socket = open(lip.address, &[("authorization", "Bearer k-one")]).await.expect("a WebSocket");
    socket.create(json!({"input": "x"})).await;
    assert_eq!(socket.response().await["id"], "resp_0");
    let answer = lip.send(Call::get("/v1/responses").bearer("k-one")).await;
    assert_eq!((answer.status, answer.error()["type"].as_str()), (405, Some("invalid_request_error")));
}

#[tokio::test]
async fn pages_of_other_origins_are_kept_out_of_an_open_host() {
    let upstream = streaming().await;
    let lip = native(&upstream).await;
    assert_eq!(open(lip.address, &[("origin", "https://evil.test")]).await.err(), Some(403));
    let own = format!("http://{}", lip.address);
    assert!(open(lip.address, &[("origin", &own)]).await.is_ok());
}

#[tokio::test]
async fn warm_up_is_answered_here_and_continued_with_what_is_new() {
    let upstream = streaming().await;
    let lip = native_builder(&upstream, "").replayed().start().await;
    let mut socket = opened(&lip).await;
    let developer = json!({"type": "message", "role": "developer", "content": "rules"});
    socket
        .create(json!({"input": [developer], "generate": false, "store": false, "instructions": "be brief"}))
        .await;
    let (kinds, warm) = socket.answer().await;
    assert_eq!(kinds, ["response.created", "response.in_progress", "response.completed"]);
    assert!(upstream.requests().is_empty());

    let user = json!({"type": "message", "role": "user", "content": "run"});
    socket
        .create(json!({"input": [user], "store": false, "previous_response_id": warm["response"]["id"]}))
        .await;
    assert_eq!(socket.response().await["id"], "resp_2");
    let sent = upstream.last();
    let body = json!({"model": "m", "store": false, "stream": true, "instructions": "be brief", "input": [developer, user]});
    assert_eq!(sent.json(), body);
    assert_eq!(sent.header("openai-beta"), None);

    let output = json!({"type": "function_call_output", "call_id": "c", "output": "done"});
    socket.create(json!({"input": [output], "store": false, "previous_response_id": "resp_2"})).await;
    assert_eq!(socket.response().await["id"], "resp_4");
    assert_eq!(upstream.last().json()["input"], json!([developer, user, message("msg_1", "x"), output]));

    // What is not to be stored is known to this connection only.
    assert_eq!(lip.send(Call::get("/v1/responses/resp_4")).await.status, 404);
}

#[tokio::test]
async fn events_of_another_dialect_come_as_responses() {
    let upstream = Upstream::by(counting).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut socket = opened(&lip).await;
    socket.create(json!({"input": "one", "stream_id": "lane"})).await;
    let first = loop {
        let event = socket.hear().await.expect("an event");
        assert_eq!(event["stream_id"], "lane", "{event}");
        if event["type"] == "response.completed" {
            break event["response"].clone();
        }
    };
    assert_eq!(first["output"][0]["content"][0]["text"], "heard 1");
    socket.create(json!({"input": "two", "previous_response_id": first["id"]})).await;
    assert_eq!(socket.response().await["output"][0]["content"][0]["text"], "heard 3");
    let mut other = opened(&lip).await;
    other.create(json!({"input": "three", "previous_response_id": first["id"]})).await;
    assert_eq!(other.response().await["output"][0]["content"][0]["text"], "heard 3");
}

#[tokio::test]
async fn errors_are_events_and_the_connection_goes_on() {
    let refusal = r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#;
    let upstream = Upstream::in_turn(vec![
        Reply::status(429)
            .header("Retry-After", "7")
            .header("Content-Type", "application/json")
            .full(refusal),
        Reply::events().send(events(&object("resp_1", json!([]), json!({})))).end(),
    ])
    .await;
    let lip = native_builder(&upstream, "k-one,k-two").replayed().start().await;
    let mut socket = open(lip.address, &[("x-api-key", "k-one")]).await.expect("a WebSocket");
    for (message, code) in [
        (Message::text("{"), "invalid_json"),
        (Message::text(r#"{"type":"response.cancel"}"#), "unsupported_event_type"),
        (Message::binary(b"{}".to_vec()), "invalid_message"),
        (Message::text(r#"{"type":"response.create","input":"x"}"#), "missing_required_parameter"),
        (Message::text(r#"{"type":"response.create","model":"m","input":7}"#), "invalid_body"),
        (
            Message::text(r#"{"type":"response.create","model":"m","input":"x","background":true}"#),
            "unsupported_parameter",
        ),
        (
            Message::text(
                r#"{"type":"response.create","model":"m","input":"x","previous_response_id":"resp_no"}"#,
            ),
            "previous_response_not_found",
        ),
    ] {
        socket.say(message).await;
        let error = socket.error().await;
        assert_eq!((&error["status"], &error["error"]["code"]), (&json!(400), &json!(code)));
    }
    assert!(upstream.requests().is_empty());
    socket.create(json!({"input": "x"})).await;
    let error = socket.error().await;
    assert_eq!((&error["status"], &error["headers"]["retry-after"]), (&json!(429), &json!("7")));
    assert_eq!(error["error"]["message"], "slow down");
    socket.create(json!({"input": "x"})).await;
    assert_eq!(socket.response().await["id"], "resp_1");
}

#[tokio::test]
async fn stream_that_is_cut_ends_in_an_error() {
    let whole = events(&object("resp_1", json!([]), json!({})));
    let cut = whole.split("event: response.completed").next().expect("a beginning").to_owned();
    let upstream = Upstream::always(Reply::events().send(cut).end()).await;
    let lip = native(&upstream).await;
    let mut socket = opened(&lip).await;
    socket.create(json!({"input": "x"})).await;
    let (kinds, last) = socket.answer().await;
    assert_eq!(kinds, ["response.created", "response.output_text.delta", "error"]);
    assert_eq!(last["error"]["code"], "upstream_cut");
}

#[tokio::test]
async fn requests_wait_for_their_turn() {
    let gate = Gate::default();
    let (whole, held) = (events(&object("resp_n", json!([]), json!({}))), gate.clone());
    let upstream = Upstream::by(move |_| Reply::events().hold(&held).send(&whole).end()).await;
    let lip = native(&upstream).await;
    let mut socket = opened(&lip).await;
    for _ in 0..18 {
        socket.create(json!({"input": "x"})).await;
    }
    let full = socket.error().await;
    assert_eq!((&full["status"], &full["error"]["code"]), (&json!(429), &json!("websocket_queue_full")));
    upstream.received(1).await;
    assert_eq!(upstream.requests().len(), 1, "one at a time");
    gate.open();
    for _ in 0..17 {
        socket.response().await;
    }
    assert_eq!(upstream.requests().len(), 17);
}

#[tokio::test]
async fn client_gone_closes_upstream() {
    let never = Gate::default();
    let whole = events(&object("resp_1", json!([]), json!({})));
    let begun = whole.split("event: response.completed").next().expect("a beginning").to_owned();
    let upstream = Upstream::always(Reply::events().send(begun).hold(&never)).await;
    let lip = native(&upstream).await;
    let mut socket = opened(&lip).await;
    socket.create(json!({"input": "x"})).await;
    assert_eq!(socket.hear().await.expect("an event")["type"], "response.created");
    drop(socket);
    upstream.hung_up().await;
}

#[tokio::test]
async fn client_gone_before_any_output_closes_upstream() {
    let upstream = Upstream::always(Reply::silence()).await;
    let lip = native(&upstream).await;
    let mut socket = opened(&lip).await;
    socket.create(json!({"input": "x"})).await;
    upstream.received(1).await;
    drop(socket);
    upstream.hung_up().await;
}

#[tokio::test]
async fn message_that_is_too_large_closes_the_connection() {
    let upstream = streaming().await;
    let builder = Lip::builder().env("OPENAI_API_KEY", "k").env("OPENAI_API_BASE_URL", &upstream.url());
    let builder = builder.config_toml("[limits]\nrequest_body_bytes = 5000\n");
    let lip = builder.args("--default-backend openai-responses").start().await;
    let mut socket = opened(&lip).await;
    socket.create(json!({"input": "x".repeat(4000)})).await;
    socket.response().await;
    socket.create(json!({"input": "x".repeat(6000)})).await;
    let error = socket.error().await;
    assert_eq!((&error["status"], &error["error"]["code"]), (&json!(413), &json!("request_too_large")));
    assert_eq!(socket.hear().await, None);
}

#[tokio::test]
async fn answer_that_outlives_the_drain_ends_with_an_error_and_a_close() {
    let gate = Gate::default();
    let delta = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun\"}}]}\n\n";
    let upstream = Upstream::always(Reply::events().send(delta).hold(&gate).end()).await;
    let lip = Lip::builder().openai(&upstream.url()).env("LIP_TIMEOUTS_DRAIN", "0.2").start().await;
    let mut socket = opened(&lip).await;
    socket.create(json!({"input": "x"})).await;
    while socket.hear().await.expect("an event")["type"] != "response.output_text.delta" {}
    let stopping = tokio::spawn(lip.stop());
    let (kinds, last) = socket.answer().await;
    assert!(last.to_string().contains("the host is shutting down"), "{kinds:?} {last}");
    assert!(!kinds.iter().any(|kind| kind == "response.completed"), "{kinds:?}");
    let code = loop {
        match within("a close", socket.0.next()).await {
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("no close: {other:?}"),
        }
    };
    assert_eq!(code, Some(1001));
    assert!(stopping.await.expect("the end").0.success());
}

#[tokio::test]
async fn shutdown_waits_for_the_answer_on_a_socket_and_closes_idle_ones() {
    let gate = Gate::default();
    let text = events(&object("resp_1", json!([message("msg_1", "x")]), json!({})));
    let (head, rest) = text.split_at(text.find("\n\n").expect("an event") + 2);
    let reply = Reply::events().send(head).hold(&gate).send(rest).end();
    let upstream = Upstream::always(reply).await;
    let lip = native(&upstream).await;
    let (mut idle, mut busy) = (opened(&lip).await, opened(&lip).await);
    busy.create(json!({"input": "x"})).await;
    upstream.received(1).await;
    let stopping = tokio::spawn(lip.stop());
    assert_eq!(idle.hear().await, None, "an idle one is closed at once");
    assert!(!stopping.is_finished(), "the host waits for the other one");
    gate.open();
    assert_eq!(busy.response().await["id"], "resp_1");
    assert_eq!(busy.hear().await, None);
    let (status, _) = stopping.await.expect("the end");
    assert!(status.success(), "{status}");
}
