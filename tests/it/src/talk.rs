//! Speaks the four dialects: as a client that keeps its history, and as a provider that answers each of them. Written from
//! the vendors' references, not from our own codecs.
use serde_json::{Value, json};
use stage::{Answer, Call, End, Recorded, Reply};

/// A dialect as clients speak it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Chat,
    Responses,
    Anthropic,
    Gemini,
}

pub(crate) const TONGUES: [Tongue; 4] = [Tongue::Chat, Tongue::Responses, Tongue::Anthropic, Tongue::Gemini];

/// Every dialect, streamed and not.
pub(crate) fn ways() -> impl Iterator<Item = (Tongue, bool)> {
    TONGUES.into_iter().flat_map(|tongue| [(tongue, false), (tongue, true)])
}

impl Tongue {
    /// A message with one text, as the dialect writes it.
    pub(crate) fn message(self, role: &str, text: &str) -> Value {
        match (self, role) {
            (Self::Gemini, "assistant") => json!({"role": "model", "parts": [{"text": text}]}),
            (Self::Gemini, _) => json!({"role": role, "parts": [{"text": text}]}),
            _ => json!({"role": role, "content": text}),
        }
    }

    /// A call of a function, as the model's side writes it into the history.
    pub(crate) fn tool_call(self, id: &str, name: &str, args: &Value) -> Value {
        match self {
            Self::Chat => json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": name, "arguments": args.to_string()}}]}),
            Self::Responses => {
                json!({"type": "function_call", "call_id": id, "name": name, "arguments": args.to_string()})
            }
            Self::Anthropic => json!({"role": "assistant", "content": [
                {"type": "tool_use", "id": id, "name": name, "input": args}]}),
            Self::Gemini => {
                json!({"role": "model", "parts": [{"functionCall": {"name": name, "args": args}}]})
            }
        }
    }

    /// The result of that call.
    pub(crate) fn tool_result(self, id: &str, name: &str, output: &str) -> Value {
        match self {
            Self::Chat => json!({"role": "tool", "tool_call_id": id, "content": output}),
            Self::Responses => json!({"type": "function_call_output", "call_id": id, "output": output}),
            Self::Anthropic => json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": output}]}),
            Self::Gemini => json!({"role": "user", "parts": [
                {"functionResponse": {"name": name, "response": {"result": output}}}]}),
        }
    }

    /// A request with this history.
    pub(crate) fn call(self, model: &str, stream: bool, history: &[Value]) -> Call {
        let tools = json!({"type": "object", "properties": {"path": {"type": "string"}}});
        match self {
            Self::Chat => Call::chat(
                json!({"model": model, "stream": stream, "messages": history, "tools": [
                    {"type": "function", "function": {"name": "read", "parameters": tools}}]})
                .to_string(),
            ),
            Self::Responses => Call::post(
                "/v1/responses",
                json!({"model": model, "stream": stream, "input": history, "store": false, "tools": [
                    {"type": "function", "name": "read", "parameters": tools, "strict": false}]})
                .to_string(),
            ),
            Self::Anthropic => Call::post(
                "/v1/messages",
                json!({"model": model, "stream": stream, "max_tokens": 64_000, "messages": history, "tools": [
                    {"name": "read", "input_schema": tools}]})
                .to_string(),
            )
            .header("anthropic-version", "2023-06-01"),
            Self::Gemini => {
                let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                let body = json!({"contents": history, "tools": [{"functionDeclarations": [
                    {"name": "read", "parameters": tools}]}]});
                Call::post(&format!("/v1beta/models/{model}:{verb}"), body.to_string())
            }
        }
    }

    /// The text of a good answer, whose form is checked.
    pub(crate) fn text(self, stream: bool, answer: &Answer) -> String {
        assert_eq!((answer.status, answer.end), (200, End::Clean), "{self:?}: {}", answer.text());
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let expected = if stream { "text/event-stream" } else { "application/json" };
        assert!(kind.starts_with(expected), "{self:?}: {kind}");
        if stream { self.streamed(answer) } else { self.whole(&answer.json()) }
    }

    fn whole(self, body: &Value) -> String {
        let text = match self {
            Self::Chat => {
                assert_eq!(
                    (&body["object"], &body["choices"][0]["finish_reason"]),
                    (&json!("chat.completion"), &json!("stop")),
                    "{body}"
                );
                &body["choices"][0]["message"]["content"]
            }
            Self::Responses => {
                assert_eq!(
                    (&body["object"], &body["status"]),
                    (&json!("response"), &json!("completed")),
                    "{body}"
                );
                assert!(body["id"].is_string() && body["model"].is_string(), "{body}");
                let output = body["output"].as_array().expect("output");
                let message = output.iter().find(|item| item["type"] == "message").expect("a message");
                &message["content"][0]["text"]
            }
            Self::Anthropic => {
                assert_eq!(
                    (&body["type"], &body["role"], &body["stop_reason"]),
                    (&json!("message"), &json!("assistant"), &json!("end_turn")),
                    "{body}"
                );
                assert!(body["usage"]["output_tokens"].is_u64() && body["id"].is_string(), "{body}");
                let content = body["content"].as_array().expect("content");
                &content.iter().find(|block| block["type"] == "text").expect("a text")["text"]
            }
            Self::Gemini => {
                assert_eq!(body["candidates"][0]["finishReason"], "STOP", "{body}");
                let parts = body["candidates"][0]["content"]["parts"].as_array().expect("parts");
                &parts.iter().find(|part| part["thought"] != true).expect("a text")["text"]
            }
        };
        text.as_str().unwrap_or_else(|| panic!("no text in {body}")).to_owned()
    }

    fn streamed(self, answer: &Answer) -> String {
        let events = answer.events();
        let values = events.iter().filter(|data| *data != "[DONE]");
        let values: Vec<Value> = values.map(|data| serde_json::from_str(data).expect("JSON")).collect();
        let types: Vec<&str> = values.iter().filter_map(|event| event["type"].as_str()).collect();
        let is_done = events.last().is_some_and(|data| data == "[DONE]");
        let piece = |event: &Value| match self {
            Self::Chat => event["choices"][0]["delta"]["content"].as_str().map(str::to_owned),
            Self::Responses if event["type"] == "response.output_text.delta" => {
                event["delta"].as_str().map(str::to_owned)
            }
            Self::Anthropic => event["delta"]["text"].as_str().map(str::to_owned),
            Self::Gemini => {
                let part = &event["candidates"][0]["content"]["parts"][0];
                part["text"].as_str().filter(|_| part["thought"] != true).map(str::to_owned)
            }
            Self::Responses => None,
        };
        match self {
            Self::Chat => {
                assert!(is_done, "{events:?}");
                let finish = |event: &Value| event["choices"][0]["finish_reason"] == "stop";
                assert_eq!(values.iter().filter(|event| finish(event)).count(), 1, "{events:?}");
            }
            Self::Responses => {
                assert_eq!(types.first(), Some(&"response.created"), "{events:?}");
                assert_eq!(types.last(), Some(&"response.completed"), "{events:?}");
                for (n, event) in values.iter().enumerate() {
                    assert_eq!(event["sequence_number"], n, "{events:?}");
                }
            }
            Self::Anthropic => {
                assert_eq!(types.first(), Some(&"message_start"), "{events:?}");
                let end = &types[types.len() - 3..];
                assert_eq!(end, ["content_block_stop", "message_delta", "message_stop"], "{events:?}");
                assert!(!is_done);
            }
            Self::Gemini => {
                assert!(!is_done, "{events:?}");
                let last = values.last().expect("an event");
                assert_eq!(last["candidates"][0]["finishReason"], "STOP", "{events:?}");
            }
        }
        values.iter().filter_map(piece).collect()
    }
}

/// The dialect in which a provider was asked, by the path.
pub(crate) fn asked_in(request: &Recorded) -> Tongue {
    let path = request.target.split('?').next().unwrap_or_default();
    if path.ends_with("/chat/completions") {
        Tongue::Chat
    } else if path.ends_with("/responses") {
        Tongue::Responses
    } else if path.ends_with("/messages") {
        Tongue::Anthropic
    } else {
        Tongue::Gemini
    }
}

fn wants_stream(request: &Recorded) -> bool {
    request.target.contains(":streamGenerateContent") || request.json()["stream"] == true
}

/// A good answer to a request in whatever dialect it came.
pub(crate) fn says(request: &Recorded, text: &str) -> Reply {
    if request.method == "GET" {
        return Reply::json(404, r#"{"error":{"message":"no list","type":"x","param":null,"code":null}}"#);
    }
    let (tongue, usage) =
        (asked_in(request), json!({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}));
    if wants_stream(request) {
        return Reply::events().send(stream_of(tongue, text)).end();
    }
    let body = match tongue {
        Tongue::Chat => {
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
        }
        Tongue::Responses => response_object(text),
        Tongue::Anthropic => json!({"id": "m", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": usage}),
        Tongue::Gemini => json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]},
            "finishReason": "STOP", "index": 0}], "modelVersion": "m",
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}}),
    };
    Reply::json(200, &body.to_string())
}

fn response_object(text: &str) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}})
}

/// The events of a good stream, whole.
pub(crate) fn stream_of(tongue: Tongue, text: &str) -> String {
    let events = match tongue {
        Tongue::Chat => vec![
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": null}]}),
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        ],
        Tongue::Responses => responses_events(text),
        Tongue::Anthropic => vec![
            json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
                "model": "m", "content": [], "stop_reason": null, "stop_sequence": null,
                "usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ],
        Tongue::Gemini => {
            vec![json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]},
            "finishReason": "STOP", "index": 0}], "modelVersion": "m"})]
        }
    };
    let framed = |event: &Value| match (tongue, event["type"].as_str()) {
        (Tongue::Anthropic | Tongue::Responses, Some(name)) => format!("event: {name}\ndata: {event}\n\n"),
        _ => format!("data: {event}\n\n"),
    };
    let all: String = events.iter().map(framed).collect();
    if tongue == Tongue::Chat { all + "data: [DONE]\n\n" } else { all }
}

fn responses_events(text: &str) -> Vec<Value> {
    let part = json!({"type": "output_text", "text": "", "annotations": []});
    let full = json!({"type": "output_text", "text": text, "annotations": []});
    let item = |status: &str, content: Value| {
        json!({"id": "msg_1", "type": "message", "role": "assistant",
        "status": status, "content": content})
    };
    let object = response_object(text);
    let mut open = object.clone();
    open["status"] = json!("in_progress");
    open["output"] = json!([]);
    let place = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
    let at = |kind: &str, more: Value| {
        let mut event = place.clone();
        event["type"] = json!(kind);
        for (key, value) in more.as_object().expect("an object") {
            event[key] = value.clone();
        }
        event
    };
    let mut events = vec![
        json!({"type": "response.created", "response": open}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", json!([]))}),
        at("response.content_part.added", json!({"part": part})),
        at("response.output_text.delta", json!({"delta": text})),
        at("response.output_text.done", json!({"text": text})),
        at("response.content_part.done", json!({"part": full})),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed", json!([full]))}),
        json!({"type": "response.completed", "response": object}),
    ];
    for (n, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(n);
    }
    events
}
