//! Error bodies of every dialect, read and written.
#![expect(clippy::too_many_lines, reason = "tables, no branches")]
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use Dialect::{AnthropicMessages, Gemini, Ollama, OpenAiChat, OpenAiResponses};
use FailureKind as K;

fn written(dialect: Dialect, fault: &WireFault) -> Value {
    serde_json::from_slice(&body(dialect, fault)).unwrap()
}

#[test]
fn each_kind_is_said_in_the_words_of_each_dialect() {
    for (kind, openai, anthropic, google, statuses) in [
        (K::InvalidRequest, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", [400, 400]),
        (K::Authentication, "authentication_error", "authentication_error", "UNAUTHENTICATED", [401, 401]),
        (K::Billing, "insufficient_quota", "billing_error", "PERMISSION_DENIED", [402, 402]),
        (K::Permission, "permission_error", "permission_error", "PERMISSION_DENIED", [403, 403]),
        (K::NotFound, "invalid_request_error", "not_found_error", "NOT_FOUND", [404, 404]),
        (K::TooLarge, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT", [413, 413]),
        (K::RateLimited, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED", [429, 429]),
        (K::Server, "server_error", "api_error", "INTERNAL", [500, 500]),
        (K::Overloaded, "server_error", "overloaded_error", "UNAVAILABLE", [503, 529]),
        (K::Timeout, "server_error", "timeout_error", "DEADLINE_EXCEEDED", [504, 504]),
        (K::Truncated, "server_error", "api_error", "UNAVAILABLE", [502, 502]),
    ] {
        let fault = WireFault::new(kind, "m");
        for dialect in [OpenAiChat, OpenAiResponses] {
            let body = written(dialect, &fault);
            assert_eq!(body["error"]["type"], openai);
            assert_eq!(body["error"]["message"], "m");
            assert_eq!(body["error"]["param"], Value::Null);
            assert!(body["error"].get("code").is_some());
        }
        assert_eq!(
            written(AnthropicMessages, &fault),
            json!({"type": "error", "error": {"type": anthropic, "message": "m"}})
        );
        assert_eq!(
            written(Gemini, &fault),
            json!({"error": {"code": statuses[0], "message": "m", "status": google}})
        );
        assert_eq!(status(OpenAiChat, &fault), statuses[0]);
        assert_eq!(status(AnthropicMessages, &fault), statuses[1]);
    }
    let busy = parse(AnthropicMessages, 529, br#"{"error":{"type":"overloaded_error"}}"#);
    assert_eq!((status(Gemini, &busy), status(AnthropicMessages, &busy)), (503, 529));
}

#[test]
fn codes_params_ids_and_waits_are_written() {
    let mut fault = WireFault::new(K::InvalidRequest, "too \"long\"\n")
        .with_code("context_length_exceeded")
        .with_param("messages");
    fault.request_id = Some("req_1".to_owned());
    fault.retry_after = Some(Duration::from_millis(1500));
    assert_eq!(
        written(OpenAiChat, &fault),
        json!({"error": {"message": "too \"long\"\n", "type": "invalid_request_error", "param": "messages",
            "code": "context_length_exceeded"}})
    );
    assert_eq!(written(AnthropicMessages, &fault)["request_id"], "req_1");
    assert_eq!(
        written(Gemini, &fault)["error"]["details"],
        json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}])
    );
    assert_eq!(written(Ollama, &fault), json!({"error": "too \"long\"\n"}));
    assert!(fault.is_context_length());
    assert!(!WireFault::new(K::RateLimited, "context window quota").is_context_length());
}

#[test]
fn stream_errors_have_the_frame_of_their_dialect() {
    let fault = WireFault::new(K::Overloaded, "busy");
    let text = |dialect, n| String::from_utf8(stream_event(dialect, &fault, n)).unwrap();
    for (dialect, sequence, event) in [
        (
            OpenAiChat,
            None,
            "data: {\"error\":{\"code\":null,\"message\":\"busy\",\"param\":null,\"type\":\"server_error\"}}\n\n",
        ),
        (
            OpenAiResponses,
            Some(7),
            "event: error\ndata: {\"code\":\"server_error\",\"message\":\"busy\",\"param\":null,\"sequence_number\":7,\"type\":\"error\"}\n\n",
        ),
        (
            AnthropicMessages,
            None,
            "event: error\ndata: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"},\"type\":\"error\"}\n\n",
        ),
        (
            Gemini,
            None,
            "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
        (Ollama, None, "{\"error\":\"busy\"}\n"),
    ] {
        let (got, want) = (text(dialect, sequence), event);
        // Key order is serde_json's affair; the frame and the values are ours.
        let parts = |s: &str| {
            let (head, json) = s.split_at(s.find('{').unwrap());
            (head.to_owned(), serde_json::from_str::<Value>(json.trim()).unwrap(), s.ends_with("\n"))
        };
        assert_eq!(parts(&got), parts(want), "{dialect}");
        assert_eq!(got.matches('\n').count(), want.matches('\n').count(), "{dialect}");
    }
    let head = FailedResponse { id: "resp_1", model: "m", created_at: 5, sequence: 3 };
    let failed = String::from_utf8(response_failed(&fault, &head)).unwrap();
    let data = failed.strip_prefix("event: response.failed\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data.trim()).unwrap();
    assert_eq!(data["response"]["error"], json!({"code": "server_error", "message": "busy"}));
    assert_eq!((&data["sequence_number"], &data["response"]["id"]), (&json!(3), &json!("resp_1")));
}

#[test]
fn upstream_errors_are_understood() {
    for (dialect, status, body, expected) in [
        (
            OpenAiChat,
            401,
            r#"{"error":{"message":"Incorrect API key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            (401, K::Authentication, "Incorrect API key", Some("invalid_api_key")),
        ),
        (
            OpenAiChat,
            429,
            r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#,
            (429, K::RateLimited, "Rate limit reached", Some("rate_limit_exceeded")),
        ),
        (
            OpenAiChat,
            429,
            r#"{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            (429, K::Billing, "You exceeded your quota", Some("insufficient_quota")),
        ),
        (
            OpenAiChat,
            200,
            r#"{"id":"g","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"Provider disconnected"}}"#,
            (502, K::Server, "Provider disconnected", None),
        ),
        (
            OpenAiChat,
            422,
            r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#,
            (422, K::InvalidRequest, "field required", None),
        ),
        (
            OpenAiResponses,
            200,
            r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_is_overloaded","message":"busy"}}}"#,
            (503, K::Overloaded, "busy", Some("server_is_overloaded")),
        ),
        (
            OpenAiResponses,
            200,
            r#"{"type":"error","code":"rate_limit_exceeded","message":"slow","param":null,"sequence_number":3}"#,
            (429, K::RateLimited, "slow", Some("rate_limit_exceeded")),
        ),
        (
            AnthropicMessages,
            200,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            (503, K::Overloaded, "Overloaded", None),
        ),
        (
            AnthropicMessages,
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"big"},"request_id":"req_9"}"#,
            (413, K::TooLarge, "big", None),
        ),
        (
            Gemini,
            429,
            r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}]"#,
            (429, K::RateLimited, "quota", None),
        ),
        (
            Gemini,
            200,
            r#"{"error":{"code":503,"message":"later","status":"UNAVAILABLE"}}"#,
            (503, K::Overloaded, "later", None),
        ),
        (
            Gemini,
            400,
            r#"{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            (400, K::Authentication, "API key not valid", None),
        ),
        (Ollama, 404, r#"{"error":"model 'x' not found"}"#, (404, K::NotFound, "model 'x' not found", None)),
        (
            OpenAiChat,
            502,
            "<html>Bad gateway",
            (502, K::Server, "the upstream answered 502 with an HTML page", None),
        ),
        (OpenAiChat, 503, "", (503, K::Overloaded, "the upstream answered 503 without a body", None)),
        (OpenAiChat, 500, "oops", (500, K::Server, "the upstream answered 500: oops", None)),
        (OpenAiChat, 500, "{}", (500, K::Server, "the upstream answered 500 without a message", None)),
        (OpenAiChat, 200, "[]", (500, K::Server, "the upstream answered 500 without a message", None)),
    ] {
        let fault = parse(dialect, status, body.as_bytes());
        let got = (fault.status, fault.kind, fault.message.as_str(), fault.code.as_deref());
        assert_eq!(got, expected, "{body}");
    }
    let waits =
        parse(Gemini, 429, br#"{"error":{"message":"Please retry in 2s.","status":"RESOURCE_EXHAUSTED"}}"#);
    assert_eq!(waits.retry_after, Some(Duration::from_secs(2)));
    // Read and written in one dialect, the vendor's word stays; in another it is translated.
    let tokens =
        parse(OpenAiChat, 429, br#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#);
    assert_eq!(written(OpenAiResponses, &tokens)["error"]["type"], "tokens");
    assert_eq!(written(AnthropicMessages, &tokens)["error"]["type"], "rate_limit_error");
    let id = parse(
        AnthropicMessages,
        400,
        br#"{"type":"error","error":{"type":"x","message":"m"},"request_id":"r"}"#,
    );
    assert_eq!(id.request_id.as_deref(), Some("r"));
    let long = parse(OpenAiChat, 500, "é".repeat(1000).as_bytes());
    assert!(long.message.chars().count() < 340 && long.message.ends_with('…'));
}
