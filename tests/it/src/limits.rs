//! Requests that cannot be served: a 4xx in the client's dialect that says what is wrong, and where.
use stage::{Answer, Call, Lip, Reply, Upstream};

async fn refused(lip: &Lip, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
    let answer = lip.chat(body).await;
    assert!((400..500).contains(&answer.status), "{} for {shown}", answer.status);
    let error = answer.error();
    assert_eq!(error["type"], "invalid_request_error", "{shown}");
    answer
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused() {
    let lip = Lip::builder().start().await;
    let deep = "[".repeat(100_000);
    let long_deep = format!(r#"{{"model":"echo","x":{deep}"#);
    let bodies: [&[u8]; 20] = [
        b"",
        b" ",
        b"{",
        b"[",
        b"nonsense",
        b"{\"model\":}",
        b"{\"model\" \"echo\"}",
        b"{'model':'echo'}",
        b"{\"model\":\"echo\",}",
        b"{\"model\":\"echo\"}x",
        b"{\"model\":\"echo\",\"n\":NaN}",
        b"{\"model\":\"echo\",\"n\":Infinity}",
        b"{\"model\":\"echo\",\"n\":01}",
        b"{\"model\":\"echo\",\"n\":1.}",
        b"{\"model\":\"ec\nho\"}",
        b"{\"model\":\"\\x\"}",
        b"{\"model\":\"\xff\xfe\"}",
        b"\x1f\x8b\x08\x00",
        deep.as_bytes(),
        long_deep.as_bytes(),
    ];
    for body in bodies {
        let answer = refused(&lip, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
}

#[tokio::test]
async fn fields_of_the_wrong_kind_are_named() {
    let lip = Lip::builder().start().await;
    for (body, param) in [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":null,"messages":[]}"#, "model"),
        (r#"{"model":7,"messages":[]}"#, "model"),
        (r#"{"model":["echo"],"messages":[]}"#, "model"),
        (r#"{"model":"","messages":[]}"#, "model"),
        (r#"{"model":"echo","model":"other","messages":[]}"#, "model"),
        (r#"{"model":"echo","mod\u0065l":"other","messages":[]}"#, "model"),
        (r#"{"model":"echo","stream":"yes","messages":[]}"#, "stream"),
        (r#"{"model":"echo","stream":1,"messages":[]}"#, "stream"),
        (r#"{"model":"echo","stream":true,"stream":false,"messages":[]}"#, "stream"),
    ] {
        let answer = refused(&lip, body).await;
        assert_eq!(
            (answer.status, answer.error()["param"].as_str()),
            (400, Some(param)),
            "{body}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn bodies_that_are_no_object_are_refused() {
    let lip = Lip::builder().start().await;
    for body in ["[]", "null", "1", "\"model\"", "[{\"model\":\"echo\"}]"] {
        refused(&lip, body).await;
    }
}

#[tokio::test]
async fn too_large_body_is_a_413_and_is_not_kept() {
    let lip = Lip::builder().start().await;
    let limit = 100 << 20;
    let before = lip.memory_bytes();
    let answer = refused(&lip, vec![b' '; limit + 1]).await;
    assert_eq!(answer.status, 413);
    assert!(answer.message().contains(&limit.to_string()), "{}", answer.text());
    let grown = lip.memory_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "announced as too large, yet {grown} bytes were kept");
}

#[tokio::test]
async fn size_limit_is_configurable_and_exact() {
    let lip = Lip::builder().config_toml("limits.request_body_bytes = 2048").start().await;
    let body = |n: usize| {
        let body = r#"{"model":"echo","messages":[{"role":"user","content":"x"}]}"#;
        body.to_owned() + &" ".repeat(n - body.len())
    };
    assert_eq!(lip.chat(body(2048)).await.status, 200);
    assert_eq!(refused(&lip, body(2049)).await.status, 413);
}

#[tokio::test]
async fn compressed_body_is_a_415() {
    let lip = Lip::builder().start().await;
    for encoding in ["gzip", "br", "zstd", "gzip, identity"] {
        let answer = lip.send(Call::chat("\u{1f}").header("content-encoding", encoding)).await;
        assert_eq!(answer.status, 415, "{encoding}");
        assert!(answer.message().contains(encoding), "{}", answer.text());
    }
}

#[tokio::test]
async fn large_body_with_a_wrong_key_gets_a_clean_401() {
    let lip = Lip::builder().env("API_KEYS", "right").start().await;
    let body =
        format!(r#"{{"model":"echo","messages":[{{"role":"user","content":"{}"}}]}}"#, "x".repeat(3 << 20));
    let mut connection = lip.connect().await;
    let answer = connection.send(&Call::chat(&body).bearer("wrong")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.error()["code"], "invalid_api_key");
    // The body was read to its end: the connection is good for another call.
    let answer = connection.send(&Call::chat(&body).bearer("right")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn unknown_route_is_a_404_and_wrong_method_a_405() {
    let lip = Lip::builder().start().await;
    for (method, target, status) in [
        ("GET", "/", 404),
        ("POST", "/v1/chat/completion", 404),
        ("GET", "/v2/models", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 405),
        ("PUT", "/v1/models/echo", 405),
    ] {
        let answer = lip.send(Call::new(method, target)).await;
        assert_eq!(answer.status, status, "{method} {target}");
        assert!(answer.message().contains(method), "{method} {target}: {}", answer.text());
    }
    let answer = lip.send(Call::new("GET", "/v1/chat/completions")).await;
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")), "{answer:?}");
}

#[tokio::test]
async fn models_that_lead_nowhere_are_said_so() {
    let upstream = Upstream::always(Reply::json(200, r#"{"choices":[{"message":{"content":"ok"}}]}"#)).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    // A prefix that is no backend belongs to the model's own name.
    assert_eq!(lip.chat(r#"{"model":"qwen3:8b","messages":[]}"#).await.status, 200);
    assert_eq!(upstream.last().json()["model"], "qwen3:8b");
    assert_eq!(refused(&lip, r#"{"model":"openai:","messages":[]}"#).await.error()["param"], "model");
}
