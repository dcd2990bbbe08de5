//! Whole replies, and the stream that says the same.
use lip_wire::{
    Dialect,
    canon::{Choice, Content, Part, Reply, Request, Role, ToolCall, Turn, split},
    codec::{ChatReasoning, RequestOptions, decode_reply, encode_reply, encode_request},
};
use serde_json::Value;

use crate::{CHAT, body, collect, ctx, events, frames, golden, pretty, request, stream_of};

const FULL_REPLY: &str = r#"{"id":"c1","object":"chat.completion","created":5,"model":"m","choices":[
 {"index":0,"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"https://e.x","title":"t","start_index":0,"end_index":2}}],
  "tool_calls":[{"id":"call_a","type":"function","function":{"name":"ls","arguments":"{}"}}],"reasoning_content":"hm","vendor":1},
  "logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":[104,105],"top_logprobs":[{"token":"ho","logprob":-1.5,"bytes":null}]}],"refusal":null},"finish_reason":"tool_calls","native_finish_reason":"x"},
 {"index":1,"message":{"role":"assistant","content":null,"refusal":"no"},"logprobs":null,"finish_reason":"content_filter"}],
 "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2,"new":1},"completion_tokens_details":{"reasoning_tokens":3},"cost":0.01},
 "service_tier":"default","system_fingerprint":"fp","moderation":{"input":null}}"#;

#[test]
fn full_reply_comes_back_as_it_was() {
    let (reply, _) = decode_reply(CHAT, FULL_REPLY.as_bytes()).expect("decodes");
    golden("chat_reply_canonical", &pretty(&reply));
    let (bytes, losses) = encode_reply(CHAT, &reply, &ctx()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    let mut want: Value = serde_json::from_str(FULL_REPLY).expect("is json");
    want["choices"][1]["message"]["content"] = Value::Null;
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json"), want);
}

#[test]
fn reply_streams_and_collects_to_the_same() {
    let (reply, _) = decode_reply(CHAT, FULL_REPLY.as_bytes()).expect("decodes");
    let mut events = Vec::new();
    split(reply.clone(), &mut events);
    assert_eq!(collect(events.clone()).expect("complete"), reply);
    let stream = stream_of(&events, ctx());
    golden("chat_stream_of_reply", &stream);
    let again = collect(self::events(&frames(&stream))).expect("complete");
    assert_eq!(again, reply);
}

#[test]
fn foreign_calls_get_an_argument_object_and_derived_ids() {
    let call = ToolCall { name: "f".to_owned(), ..ToolCall::default() };
    let choice = Choice { parts: vec![Part::new(Content::ToolCall(call))], ..Choice::default() };
    let reply = Reply { id: Some("g.1".to_owned()), choices: vec![choice], ..Reply::default() };
    let (whole, _) = encode_reply(CHAT, &reply, &ctx()).expect("encodes");
    let (whole, _) = decode_reply(CHAT, &whole).expect("decodes");
    let mut played = Vec::new();
    split(reply, &mut played);
    let streamed = collect(events(&frames(&stream_of(&played, ctx())))).expect("complete");
    for reply in [whole, streamed] {
        let call = reply.choices[0].parts[0].as_call().expect("a call");
        assert_eq!((call.id.as_deref(), call.arguments.as_str()), (Some("call_g_1_0"), "{}"));
    }
}

#[test]
fn reasoning_details_keep_their_seals() {
    let frames = [
        r#"{"id":"g","choices":[{"index":0,"delta":{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","format":"anthropic-claude-v1","index":0}]}}]}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","signature":"SIG","format":"anthropic-claude-v1","index":0}]}}]}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"ENC","id":"rs_1","format":"openai-responses-v1","index":1}]}}]}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ];
    let reply = collect(events(&frames)).expect("complete");
    let [thought, sealed, _] = &reply.choices[0].parts[..] else { panic!("{reply:?}") };
    let seal = thought.signature.as_ref().expect("signature");
    assert_eq!((seal.dialect, seal.data.as_str()), (Dialect::AnthropicMessages, "SIG"));
    let Content::Reasoning(inner) = &sealed.content else { panic!("{sealed:?}") };
    assert_eq!(
        inner.encrypted.as_ref().map(|s| (s.dialect, s.data.as_str())),
        Some((Dialect::OpenAiResponses, "ENC"))
    );
    let again = collect(events(&self::frames(&stream_of(&events(&frames), ctx())))).expect("complete");
    assert_eq!(again.choices, reply.choices);
    let turn = Turn::new(Role::Assistant, reply.choices[0].parts.clone());
    let request =
        Request { origin: Some(CHAT), model: "m".to_owned(), turns: vec![turn], ..Request::default() };
    let back = self::request(&body(&request).to_string());
    assert_eq!(back.turns, request.turns);
    let options = RequestOptions { chat_reasoning: ChatReasoning::Omit, ..RequestOptions::default() };
    let (_, losses) = encode_request(CHAT, &request, &options).expect("encodes");
    assert_eq!(losses.len(), 2, "{losses:?}");
}
