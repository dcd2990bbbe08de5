use super::*;
use serde_json::json;

fn folded(dialect: Dialect, body: &str) -> (Value, Vec<String>) {
    let folded = answer(dialect, Mode::Stream, true, body.as_bytes());
    (Value::Object(folded.value), folded.problems)
}

#[test]
fn chat_chunks_add_up() {
    let chunk = |rest: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",{rest}}}\n\n"
        )
    };
    let delta = |delta: &str| {
        chunk(&format!("\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]"))
    };
    let body = [
        delta(r#"{"role":"assistant","content":""}"#),
        delta(r#"{"content":"he"}"#),
        delta(r#"{"content":"y"}"#),
        delta(
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
        ),
        delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#),
        chunk(r#""choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]"#),
        chunk(r#""choices":[],"usage":{"total_tokens":3}"#),
        "data: [DONE]\n\n".to_owned(),
    ];
    let (value, problems) = folded(Dialect::Chat, &body.concat());
    assert_eq!(problems, Vec::<String>::new());
    let message = &value["choices"][0]["message"];
    assert_eq!(message["content"], "hey");
    assert_eq!(
        message["tool_calls"],
        json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}])
    );
    assert_eq!(
        (&value["choices"][0]["finish_reason"], &value["usage"]["total_tokens"]),
        (&json!("tool_calls"), &json!(3))
    );
    let (_, problems) = folded(Dialect::Chat, &body[1..6].concat());
    assert_eq!(problems, ["the first delta of a choice has no role", "no [DONE]"]);
}

#[test]
fn anthropic_events_add_up_and_keep_their_order() {
    let event = |kind: &str, rest: &str| format!("event: {kind}\ndata: {{\"type\":\"{kind}\"{rest}}}\n\n");
    let body = [
        event("message_start", r#","message":{"id":"m","usage":{"input_tokens":5,"output_tokens":1}}"#),
        event(
            "content_block_start",
            r#","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}"#,
        ),
        event(
            "content_block_delta",
            r#","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"p\":1}"}"#,
        ),
        event("content_block_stop", r#","index":0"#),
        event("message_delta", r#","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":4}"#),
        event("message_stop", ""),
    ];
    let (value, problems) = folded(Dialect::Anthropic, &body.concat());
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(value["content"], json!([{"type": "tool_use", "id": "t", "name": "f", "input": {"p": 1}}]));
    assert_eq!(value["usage"], json!({"input_tokens": 5, "output_tokens": 4}));
    let (_, problems) =
        folded(Dialect::Anthropic, &[&body[0], &body[2], &body[1]].map(String::as_str).concat());
    assert_eq!(
        problems,
        ["content_block_delta out of order", "no message_stop", "a content block without its stop"]
    );
}

#[test]
fn gemini_frames_add_up() {
    let body = concat!(
        r#"data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"he"}]}}]}"#,
        "\n\n",
        r#"data: {"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"y"}]},"finishReason":"STOP"}],"responseId":"r"}"#,
        "\n\n",
    );
    let (value, problems) = folded(Dialect::Gemini, body);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(value["candidates"][0]["content"], json!({"role": "model", "parts": [{"text": "hey"}]}));
    let first = body
        .split("data: {\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"y")
        .next()
        .unwrap();
    assert_eq!(folded(Dialect::Gemini, first).1, ["a candidate without finishReason"]);
    assert!(folded(Dialect::Gemini, ": nothing\n\n").1.contains(&"no event at all".to_owned()));
}

#[test]
fn responses_events_must_tell_what_the_end_tells() {
    let event = |n: usize, kind: &str, rest: &str| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{n}{rest}}}\n\n")
    };
    let item = r#"{"id":"i","type":"message","content":[{"type":"output_text","text":"hey"}]}"#;
    let body = |text: &str| {
        [
            event(0, "response.created", ""),
            event(1, "response.in_progress", ""),
            event(2, "response.output_item.added", r#","output_index":0,"item":{"id":"i"}"#),
            event(
                3,
                "response.output_text.delta",
                &format!(r#","output_index":0,"content_index":0,"item_id":"i","delta":"{text}""#),
            ),
            event(4, "response.output_item.done", &format!(r#","output_index":0,"item":{item}"#)),
            event(5, "response.completed", &format!(r#","response":{{"output":[{item}]}}"#)),
        ]
        .concat()
    };
    let (value, problems) = folded(Dialect::Responses, &body("hey"));
    assert_eq!((value["output"][0]["id"].as_str(), problems), (Some("i"), Vec::new()));
    assert_eq!(
        folded(Dialect::Responses, &body("ho")).1,
        ["/0/content/0/text: the deltas tell another text"]
    );
}

#[test]
fn errors_inside_streams_are_found() {
    for (dialect, body) in [
        (Dialect::Chat, "data: {\"error\":{\"message\":\"no\"}}\n\n"),
        (Dialect::Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"no\"}}\n\n"),
        (Dialect::Gemini, "data: {\"error\":{\"message\":\"no\"}}\n\n"),
        (
            Dialect::Responses,
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,\"message\":\"no\"}\n\n",
        ),
    ] {
        let (value, problems) = folded(dialect, body);
        assert_eq!((&value["error"]["message"], problems), (&json!("no"), Vec::<String>::new()), "{dialect}");
    }
}
