//! Seals of reasoning go home: what one dialect's upstream sealed comes back to it through the clients of every other.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use bytes::Bytes;
use lip_wire::codec::{
    EncodeCtx, RequestOptions, UrlParts, decode_reply, decode_request, encode_reply, encode_request,
};
use lip_wire::{Dialect, lens};
use serde_json::{Value, json};

const CLIENTS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini];

/// An answer of an upstream, and what of it must come back in the next request.
fn upstreams() -> Vec<(Dialect, Value, Value)> {
    let thinking = json!({"type": "thinking", "thinking": "hm\n\nso", "signature": "U0lH+/=="});
    let redacted = json!({"type": "redacted_thinking", "data": "UkVE"});
    let text = json!({"type": "text", "text": "hi"});
    let message = |content: Value| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}})
    };
    let item = json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA_-="});
    let said = json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "hi", "annotations": []}]});
    let response = json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [item, said]});
    vec![
        (Dialect::AnthropicMessages, message(json!([thinking, text])), json!(["hm\n\nso", "U0lH+/=="])),
        (Dialect::AnthropicMessages, message(json!([redacted, text])), json!([null, "UkVE"])),
        (Dialect::OpenAiResponses, response, json!(["hm", "gAAA_-="])),
    ]
}

/// Answers of a Gemini upstream, and the signatures of their parts.
fn gemini_answers() -> Vec<(Value, Value)> {
    let answer = |parts: Value| {
        json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
            "modelVersion": "gemini-3-pro", "responseId": "r"})
    };
    let text = json!({"text": "hi", "thoughtSignature": "VEVY"});
    let call = |id: &str| json!({"functionCall": {"id": id, "name": "ls", "args": {}}});
    let mut signed = call("a");
    signed["thoughtSignature"] = "Q0FM".into();
    vec![
        (answer(json!([text])), json!([["hi", "VEVY"]])),
        (answer(json!([signed, call("b")])), json!([["a", "Q0FM"], ["b", null]])),
        (answer(json!([text, signed])), json!([["hi", "VEVY"], ["a", "Q0FM"]])),
    ]
}

#[test]
fn signatures_of_calls_and_texts_come_home_through_every_client() {
    let ctx = EncodeCtx { reply_id: "1".to_owned(), ..EncodeCtx::default() };
    for (answer, want) in gemini_answers() {
        let (reply, _) = decode_reply(Dialect::Gemini, answer.to_string().as_bytes()).expect("a reply");
        for client in CLIENTS {
            let (bytes, _) = encode_reply(client, &reply, &ctx).expect("encoded");
            let shown: Value = serde_json::from_slice(&bytes).expect("JSON");
            let request = next_request(client, &shown);
            let sent = translated(client, &request, Dialect::Gemini);
            let parts = sent["contents"][1]["parts"].as_array().expect("parts");
            let got: Vec<Value> = parts
                .iter()
                .map(|part| {
                    let name = part.get("text").unwrap_or(&part["functionCall"]["id"]);
                    json!([name, part["thoughtSignature"]])
                })
                .collect();
            assert_eq!(json!(got), want, "through {client}: {request}");
        }
    }
}

/// What a client of `dialect` sends next: the answer as it came, and a word of the user.
fn next_request(dialect: Dialect, reply: &Value) -> Value {
    match dialect {
        Dialect::OpenAiChat => {
            json!({"model": "m", "messages": [{"role": "user", "content": "a"}, reply["choices"][0]["message"], {"role": "user", "content": "b"}]})
        }
        Dialect::OpenAiResponses => {
            let mut input = vec![json!({"role": "user", "content": "a"})];
            input.extend(reply["output"].as_array().expect("items").iter().cloned());
            input.push(json!({"role": "user", "content": "b"}));
            json!({"model": "m", "input": input})
        }
        Dialect::AnthropicMessages => {
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"},
                {"role": "assistant", "content": reply["content"]}, {"role": "user", "content": "b"}]})
        }
        _ => {
            let user = |text: &str| json!({"role": "user", "parts": [{"text": text}]});
            json!({"contents": [user("a"), reply["candidates"][0]["content"], user("b")]})
        }
    }
}

/// Text and seal of the reasoning in a request to `dialect`.
fn brought_back(dialect: Dialect, request: &Value) -> Value {
    if dialect == Dialect::OpenAiResponses {
        let items = request["input"].as_array().expect("items");
        let item = items.iter().find(|item| item["type"] == "reasoning").expect("a reasoning item");
        return json!([item["summary"][0]["text"], item["encrypted_content"]]);
    }
    let block = &request["messages"][1]["content"][0];
    match block["type"].as_str() {
        Some("redacted_thinking") => json!([null, block["data"]]),
        _ => json!([block["thinking"], block["signature"]]),
    }
}

fn translated(from: Dialect, body: &Value, to: Dialect) -> Value {
    let url = UrlParts { model: Some("m"), stream: Some(false) };
    let (mut request, _) = decode_request(from, body.to_string().as_bytes(), &url).expect("a request");
    request.model = "m".to_owned();
    let (bytes, _) = encode_request(to, &request, &RequestOptions::default()).expect("encoded");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn seals_come_home_through_every_client() {
    let ctx = EncodeCtx { reply_id: "1".to_owned(), ..EncodeCtx::default() };
    for (upstream, answer, want) in upstreams() {
        let (reply, _) = decode_reply(upstream, answer.to_string().as_bytes()).expect("a reply");
        for client in CLIENTS {
            let (bytes, _) = encode_reply(client, &reply, &ctx).expect("encoded");
            let shown: Value = serde_json::from_slice(&bytes).expect("JSON");
            let request = next_request(client, &shown);
            let sent = translated(client, &request, upstream);
            assert_eq!(brought_back(upstream, &sent), want, "{upstream} through {client}: {request}");
        }
    }
}

fn carries_seal(dialect: Dialect, body: &str) -> bool {
    let lens = lens::scan(dialect, &Bytes::copy_from_slice(body.as_bytes())).expect("a request");
    lens.messages().iter().any(|message| message.carries_seal)
}

#[test]
fn carried_seals_never_reach_an_upstream_of_the_clients_dialect() {
    let ctx = EncodeCtx { reply_id: "1".to_owned(), ..EncodeCtx::default() };
    for (upstream, answer, _) in upstreams() {
        let (reply, _) = decode_reply(upstream, answer.to_string().as_bytes()).expect("a reply");
        for client in
            CLIENTS.into_iter().filter(|client| *client != upstream && *client != Dialect::OpenAiChat)
        {
            let (bytes, _) = encode_reply(client, &reply, &ctx).expect("encoded");
            let shown: Value = serde_json::from_slice(&bytes).expect("JSON");
            let request = next_request(client, &shown).to_string();
            assert!(carries_seal(client, &request), "{request}");
            let sent = translated(client, &serde_json::from_str(&request).expect("JSON"), client).to_string();
            assert!(!carries_seal(client, &sent), "{sent}");
        }
    }
}

#[test]
fn streamed_thoughts_of_gemini_clients_come_home_whole() {
    let seal = {
        let (_, answer, _) = upstreams().remove(0);
        let (reply, _) =
            decode_reply(Dialect::AnthropicMessages, answer.to_string().as_bytes()).expect("a reply");
        let (bytes, _) = encode_reply(Dialect::Gemini, &reply, &EncodeCtx::default()).expect("encoded");
        let shown: Value = serde_json::from_slice(&bytes).expect("JSON");
        shown["candidates"][0]["content"]["parts"][0]["thoughtSignature"].clone()
    };
    let thought = |text: &str| json!({"text": text, "thought": true});
    let sealed = json!({"text": "", "thought": true, "thoughtSignature": seal});
    let parts = json!([thought("hm\n"), thought("\nso"), sealed, {"text": "hi"}]);
    let request = json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": parts},
        {"role": "user", "parts": [{"text": "b"}]}]});
    let sent = translated(Dialect::Gemini, &request, Dialect::AnthropicMessages);
    assert_eq!(brought_back(Dialect::AnthropicMessages, &sent), json!(["hm\n\nso", "U0lH+/=="]));
}
