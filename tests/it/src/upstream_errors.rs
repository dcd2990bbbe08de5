//! A provider that says no: the client reads why, with the status that its SDK maps to the right exception.
use serde_json::{Value, json};
use stage::{End, Lip, Reply, Upstream};

const CHATS: [&str; 2] = [r#"{"model":"m","messages":[]}"#, r#"{"model":"m","stream":true,"messages":[]}"#];
const STATUSES: [u16; 9] = [400, 401, 403, 404, 413, 429, 500, 503, 529];

/// A host in front of one reply, asked both ways.
async fn ask(reply: Reply) -> Vec<stage::Answer> {
    let upstream = Upstream::always(reply).await;
    let lip = Lip::builder().openai(&upstream.url()).replayed().start().await;
    vec![lip.chat(CHATS[0]).await, lip.chat(CHATS[1]).await]
}

#[tokio::test]
async fn openai_errors_reach_the_client_as_they_are() {
    for status in STATUSES {
        let body = format!(
            "{{\"error\": {{\"message\": \"no {status} \\u00e9\", \"type\": \"some_type\", \"param\": \"messages\", \"code\": \"c{status}\", \"more\": 1}}}}\n"
        );
        for answer in ask(Reply::json(status, &body)).await {
            assert_eq!((answer.status, answer.text()), (status, body.clone()));
            assert_eq!(answer.error()["code"], format!("c{status}"));
        }
    }
}

#[tokio::test]
async fn foreign_errors_get_the_openai_shape_and_keep_their_status() {
    let bodies = [
        ("text/html", "<html><body><h1>Bad gateway</h1></body></html>"),
        ("text/plain", "try later"),
        ("application/json", ""),
        ("application/json", r#"{"detail":"try later"}"#),
        ("application/json", r#"{"message":"try later"}"#),
        ("application/json", r#"{"error":"try later"}"#),
        ("application/json", r#"{"error":{"code":"x"}}"#),
        ("application/json", "[1,2"),
        ("application/octet-stream", "\u{0}\u{1}"),
    ];
    for (idx, (kind, body)) in bodies.iter().enumerate() {
        let status = STATUSES[idx % STATUSES.len()];
        for answer in ask(Reply::status(status).header("Content-Type", kind).full(body)).await {
            assert_eq!(answer.status, status, "{body:?}");
            let message = answer.message();
            assert!(!message.is_empty(), "{body:?}");
            if body.contains("try later") {
                assert!(message.contains("try later"), "{body:?} became {message:?}");
            }
        }
    }
}

#[tokio::test]
async fn error_type_tells_what_to_do() {
    for (status, kind) in [
        (401, "authentication_error"),
        (403, "permission_error"),
        (429, "rate_limit_error"),
        (400, "invalid_request_error"),
    ] {
        for answer in ask(Reply::status(status).header("Content-Type", "text/plain").full("no")).await {
            assert_eq!(answer.error()["type"], kind, "{status}");
        }
    }
}

#[tokio::test]
async fn wait_of_the_provider_survives_in_every_shape() {
    for (kind, body) in [
        ("application/json", r#"{"error":{"message":"slow","type":"t","param":null,"code":null}}"#),
        ("text/plain", "slow"),
    ] {
        for status in [429, 503] {
            let reply =
                Reply::status(status).header("Content-Type", kind).header("Retry-After", "7").full(body);
            for answer in ask(reply).await {
                assert_eq!((answer.status, answer.header("retry-after")), (status, Some("7")), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn redirect_is_no_answer() {
    for answer in ask(Reply::status(302).header("Location", "http://127.0.0.1:1/").full("")).await {
        assert_eq!(answer.status, 502);
        answer.error();
    }
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

#[tokio::test]
async fn error_inside_a_stream_before_output_becomes_a_status() {
    let role = json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]});
    let errors = [
        (json!({"error": {"message": "Rate limit", "type": "rate_limit_error", "code": 429}}), 429),
        (json!({"error": {"message": "overloaded", "type": "server_error", "code": "x"}}), 500),
        (
            json!({"error": {"message": "bad", "type": "invalid_request_error", "param": "messages", "code": null}}),
            400,
        ),
    ];
    for (error, status) in errors {
        for prelude in [String::new(), event(&role), format!(": wait\n\n{}", event(&role))] {
            let upstream = Upstream::always(Reply::events().send(prelude + &event(&error)).end()).await;
            let lip = Lip::builder().openai(&upstream.url()).start().await;
            let answer = lip.chat(CHATS[1]).await;
            assert_eq!(answer.status, status, "{}", answer.text());
            assert!(
                answer.message().contains(error["error"]["message"].as_str().unwrap()),
                "{}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn error_inside_a_stream_after_output_ends_it_without_terminator() {
    let output = json!({"choices": [{"index": 0, "delta": {"content": "half"}}]});
    let error =
        json!({"error": {"message": "it broke", "type": "server_error", "code": null, "param": null}});
    let upstream = Upstream::always(Reply::events().send(event(&output)).send(event(&error)).end()).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let answer = lip.chat(CHATS[1]).await;
    assert_eq!((answer.status, answer.end), (200, End::Clean));
    assert_eq!(answer.text(), event(&output) + &event(&error));
}

#[tokio::test]
async fn error_inside_a_whole_answer_becomes_a_status() {
    let body = json!({"error": {"message": "no credit", "type": "x", "code": 402}}).to_string();
    let upstream = Upstream::always(Reply::json(200, &body)).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let answer = lip.chat(CHATS[0]).await;
    assert_eq!(answer.status, 402, "{}", answer.text());
    assert!(answer.message().contains("no credit"));
}

#[tokio::test]
async fn provider_that_is_not_there_is_a_502_that_says_where() {
    let lip = Lip::builder().openai(&nobody()).start().await;
    for chat in CHATS {
        let answer = lip.chat(chat).await;
        assert_eq!(answer.status, 502);
        let message = answer.message();
        assert!(message.contains("127.0.0.1:") && message.contains("refused"), "{message}");
    }
}

/// A URL at which nobody listens: a port that was ours a moment ago.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

#[tokio::test]
async fn provider_without_the_model_list_leaves_the_others() {
    let upstream = Upstream::always(Reply::json(500, "{}")).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let list = lip.send(stage::Call::get("/v1/models")).await;
    assert_eq!(list.status, 200);
    assert!(list.text().contains("echo:echo"), "{}", list.text());
}
