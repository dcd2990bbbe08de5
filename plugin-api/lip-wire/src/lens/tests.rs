//! The lens against tables of corner cases.
#![expect(clippy::too_many_lines, reason = "tables, no branches")]
use super::*;

fn lens(dialect: Dialect, body: &str) -> Lens {
    scan(dialect, &Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn refusal(dialect: Dialect, body: impl AsRef<[u8]>) -> LensError {
    scan(dialect, &Bytes::copy_from_slice(body.as_ref())).unwrap_err()
}

#[test]
fn refusals_name_the_place_and_the_remedy() {
    let chat = Dialect::OpenAiChat;
    for (body, sentence) in [
        ("", "the request body is empty: expected a JSON object"),
        (" \r\n\t", "the request body is empty: expected a JSON object"),
        ("\u{feff}{}", "the request body starts with a byte order mark: send UTF-8 without one"),
        ("[1]", "the request body must be a JSON object, found an array"),
        ("null", "the request body must be a JSON object, found null"),
        (r#"{"model":1}"#, "model: expected a string, found a number"),
        (r#"{"model":null}"#, "model: expected a string, found null"),
        (r#"{"stream":"yes"}"#, "stream: expected true or false, found a string"),
        (
            r#"{"stream_options":{"include_usage":1}}"#,
            "stream_options.include_usage: expected true or false, found a number",
        ),
        (r#"{"messages":{}}"#, "messages: expected an array, found an object"),
        (r#"{"messages":[{}, "x"]}"#, "messages[1]: expected an object, found a string"),
        (r#"{"messages":[{"role":7}]}"#, "messages[0].role: expected a string, found a number"),
        (r#"{"model":"a","mod\u0065l":"b"}"#, "model: the field stands more than once; send it once"),
        (
            r#"{"messages":[{"role":"user","content":"a","content":"b"}]}"#,
            "messages[0].content: the field stands more than once; send it once",
        ),
        (
            r#"{"metadata":{"user_id":"a","user_id":"b"}}"#,
            "metadata.user_id: the field stands more than once; send it once",
        ),
        ("{\"a\":1,\n \"b\" 2}", "malformed JSON at line 2 column 6: expected `:`, found `2`"),
        (r#"{"a":1} x"#, "malformed JSON at line 1 column 9: expected the end of the body, found `x`"),
        (r#"{"a":"b"#, "the JSON body ends too early at line 1 column 8: expected the end of the string"),
        (r#"{"a":NaN}"#, "malformed JSON at line 1 column 6: expected a value, found `N`"),
        (
            "{\"a\":\"b\u{1}\"}",
            "malformed JSON at line 1 column 8: expected an escaped control character, found `\\u{1}`",
        ),
        (r#"{"a":é}"#, "malformed JSON at line 1 column 6: expected a value, found a non-ASCII character"),
    ] {
        assert_eq!(refusal(chat, body).to_string(), sentence, "{body}");
    }
    assert_eq!(refusal(chat, b"{\"a\":\"\xff\"}"), LensError::NotUtf8 { offset: 6 });
    assert_eq!(refusal(chat, r#"{"model":[]}"#).path(), Some("model"));
    assert_eq!(refusal(chat, "{").path(), None);
    assert_eq!(
        refusal(Dialect::Gemini, r#"{"generationConfig":{},"generation_config":{}}"#).path(),
        Some("generation_config")
    );
    assert_eq!(
        refusal(Dialect::Gemini, r#"{"generation_config":{"topP":1,"top_p":1}}"#).path(),
        Some("generation_config.top_p")
    );
    assert_eq!(
        refusal(Dialect::OpenAiResponses, r#"{"input":3}"#).to_string(),
        "input: expected a string or an array, found a number"
    );
}

#[test]
fn nesting_stops_at_the_limit() {
    let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(scan(Dialect::OpenAiChat, &Bytes::from(nested(127))).is_ok());
    assert!(matches!(refusal(Dialect::OpenAiChat, nested(128)), LensError::TooDeep { .. }));
    let in_message = |n: usize| format!("{{\"messages\":[{{\"x\":{}{}}}]}}", "[".repeat(n), "]".repeat(n));
    assert!(scan(Dialect::OpenAiChat, &Bytes::from(in_message(125))).is_ok());
    assert!(matches!(refusal(Dialect::OpenAiChat, in_message(126)), LensError::TooDeep { .. }));
    assert!(matches!(refusal(Dialect::OpenAiChat, "[".repeat(200_000)), LensError::TooDeep { .. }));
    assert!(matches!(refusal(Dialect::OpenAiChat, "{\"a\":".repeat(100_000)), LensError::TooDeep { .. }));
}

/// Values after the manner of the public JSON test collections: must (y), must not (n) parse; (i) is our choice.
#[test]
fn values_are_judged_by_the_grammar() {
    let yes = [
        "[]",
        "{}",
        "0",
        "-0",
        "1",
        "-1.5",
        "1e5",
        "1E+5",
        "1.25e-7",
        "1e99999",
        "123456789012345678901234567890",
        "\"\"",
        r#""\u0000""#,
        r#""\/""#,
        r#""\ud835""#,
        r#""\udc00\ud800""#,
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "[ 1 ,\t2\r\n]",
        "[[[]]]",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}",
        "true",
        "false",
        "null",
        "[null,true]",
        "\"é日🦀\"",
    ];
    let no = [
        "",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\" 1}",
        "01",
        "-",
        "-01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1.e1",
        "0x1",
        "Infinity",
        "-Infinity",
        "nan",
        "tru",
        "True",
        "nulll",
        "\"",
        "\"\\\"",
        r#""\x41""#,
        r#""\u12""#,
        r#""\u12G4""#,
        "\"\n\"",
        "\"\t\"",
        "'a'",
        "[1]]",
        "// c\n1",
        "/**/1",
        "1 1",
        "\u{b}1",
        "\u{a0}1",
        "\u{2060}",
    ];
    for value in yes {
        let body = format!("{{\"unknown\":{value}}}");
        assert!(scan(Dialect::OpenAiChat, &Bytes::from(body)).is_ok(), "{value}");
    }
    for value in no {
        let body = format!("{{\"unknown\":{value}}}");
        let refused = refusal(Dialect::OpenAiChat, &body);
        assert!(matches!(refused, LensError::Syntax { .. }), "{value}: {refused:?}");
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&body).is_err(), "{value}");
    }
}

#[test]
fn owned_fields_are_found_by_their_decoded_key() {
    let chat = lens(
        Dialect::OpenAiChat,
        r#" {"mod\u0065l" : "gp\u0074-5", "stream":true,"stream_options":{"x":1,"include_usage":false},
            "unknown":{"model":"no","messages":3}, "temperature":0.70, "max_completion_tokens":1e3,
            "session_id":"s1","metadata":{"user_id":"u1","session_id":""},"user":""} "#,
    );
    assert_eq!(chat.model().as_deref(), Some("gpt-5"));
    assert_eq!(chat.raw(Field::Model), Some(&br#""gp\u0074-5""#[..]));
    assert_eq!(chat.stream(), Some(true));
    assert_eq!(chat.include_usage(), Some(false));
    assert_eq!(chat.raw(Field::Temperature), Some(&b"0.70"[..]));
    assert_eq!(chat.raw(Field::MaxCompletionTokens), Some(&b"1e3"[..]));
    assert_eq!(chat.json_type(Field::Metadata), Some(JsonType::Object));
    let hints: Vec<_> = chat.session_hints().collect();
    assert_eq!(hints, [(Field::SessionId, "s1".into()), (Field::MetadataUserId, "u1".into())]);
    assert!(chat.messages().is_empty());
    let empty = lens(Dialect::OpenAiChat, "{ }");
    assert_eq!((empty.model(), empty.stream()), (None, None));
    let gemini = lens(
        Dialect::Gemini,
        r#"{"generation_config":{"max_output_tokens":5,"topP":0.5},"cachedContent":"cachedContents/a"}"#,
    );
    assert_eq!(gemini.raw(Field::MaxTokens), Some(&b"5"[..]));
    assert_eq!(gemini.raw(Field::TopP), Some(&b"0.5"[..]));
    assert_eq!(gemini.session_hints().count(), 1);
    let conversation = lens(Dialect::OpenAiResponses, r#"{"conversation":{"id":"conv_1"}}"#);
    let hints: Vec<_> = conversation.session_hints().collect();
    assert_eq!(hints, [(Field::ConversationId, "conv_1".into())]);
}

fn roles(lens: &Lens) -> Vec<Role> {
    lens.messages().iter().map(|m| m.role).collect()
}

fn newest(lens: &Lens) -> (Vec<String>, usize) {
    let text = lens.user_text(lens.newest_user().unwrap());
    let parts = text.parts.iter().map(|p| p.text.to_string()).collect();
    (parts, text.n_tool_results)
}

#[test]
fn user_text_is_told_from_tool_results() {
    use Role::{Assistant, Developer, System, Tool, User};
    let chat = lens(
        Dialect::OpenAiChat,
        r#"{"messages":[{"role":"system","content":"s"},{"content":[{"type":"text","text":"a\n"},
            {"type":"image_url","image_url":{"url":"u","text":"no"}},{"text":"b","type":"text"}],"role":"user"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},
            {"role":"tool","tool_call_id":"1","content":"result"}]}"#,
    );
    assert_eq!(roles(&chat), [System, User, Assistant, Tool]);
    assert_eq!(newest(&chat), (vec!["a\n".to_owned(), "b".to_owned()], 0));
    assert_eq!(chat.user_text(3), UserText::default());
    assert_eq!(chat.user_text(99), UserText::default());

    let responses = lens(
        Dialect::OpenAiResponses,
        r#"{"input":[{"type":"message","role":"developer","content":"d"},
            {"role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"u"}]},
            {"type":"reasoning","summary":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"c","output":"out"},{"type":"item_reference","id":"x"}]}"#,
    );
    assert_eq!(roles(&responses), [Developer, User, Assistant, Assistant, Tool, Role::Other]);
    assert_eq!(newest(&responses), (vec!["hi".to_owned()], 0));
    let text = lens(Dialect::OpenAiResponses, r#"{"input":"just \u0074ext"}"#);
    assert_eq!(newest(&text), (vec!["just text".to_owned()], 0));

    let anthropic = lens(
        Dialect::AnthropicMessages,
        r#"{"messages":[{"role":"user","content":"first"},{"role":"user","content":[
            {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"not typed"}]},
            {"type":"text","text":"typed","cache_control":{"type":"ephemeral"}}]}]}"#,
    );
    assert_eq!(newest(&anthropic), (vec!["typed".to_owned()], 1));

    let gemini = lens(
        Dialect::Gemini,
        r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"text":"asked"},
            {"thought":true,"text":"thought"},{"function_response":{"name":"f","response":{"text":"no"}}},
            {"functionResponse":{"name":"g"}}]}]}"#,
    );
    assert_eq!(roles(&gemini), [Assistant, User]);
    assert_eq!(newest(&gemini), (vec!["asked".to_owned()], 2));
    let single = lens(Dialect::Gemini, r#"{"contents":{"parts":{"text":"asked"}}}"#);
    assert_eq!((roles(&single), newest(&single)), (vec![User], (vec!["asked".to_owned()], 0)));

    let lip = lens(
        Dialect::Lip,
        r#"{"turns":[{"role":"user","parts":[{"content":{"text":{"text":"asked"}},"cache":{}},
            {"content":{"tool_result":{"call_id":"c","parts":[{"content":{"text":{"text":"no"}}}]}}}]}]}"#,
    );
    assert_eq!(newest(&lip), (vec!["asked".to_owned()], 1));
}

#[test]
fn texts_alone_are_found_raw() {
    use Dialect::{AnthropicMessages, Gemini, Lip, OpenAiChat, OpenAiResponses};
    let cases: &[(Dialect, &str, &str, Option<&[&str]>)] = &[
        (
            AnthropicMessages,
            "messages",
            r#"[{"type":"text","text":"a\n","cache_control":{"text":"no"}}]"#,
            Some(&[r#""a\n""#]),
        ),
        (
            Gemini,
            "contents",
            r#"[ {"text":"a"} , {"text":"b","thought":true} ]"#,
            Some(&[r#""a""#, r#""b""#]),
        ),
        (OpenAiResponses, "input", r#"[{"type":"input_text","text":"a"}]"#, Some(&[r#""a""#])),
        (Lip, "turns", r#"[{"content":{"text":{"text":"a"}}}]"#, Some(&[r#""a""#])),
        (OpenAiChat, "messages", "[]", Some(&[])),
        (OpenAiChat, "messages", r#""a""#, None),
        (OpenAiChat, "messages", r#"["a"]"#, None),
        (OpenAiChat, "messages", "null", None),
        (AnthropicMessages, "messages", r#"[{"type":"image","source":{}}]"#, None),
        (AnthropicMessages, "messages", r#"[{"type":"tool_result","text":"a"}]"#, None),
        (Gemini, "contents", r#"[{"text":"a"},{"inlineData":{}}]"#, None),
        (Gemini, "contents", r#"{"text":"a"}"#, None),
        (AnthropicMessages, "messages", r#"[{"type":"text","text":"a"},{"type":"text"}]"#, None),
    ];
    for (dialect, list, content, expected) in cases {
        let name = if matches!(dialect, Gemini | Lip) { "parts" } else { "content" };
        let lens = lens(
            *dialect,
            &format!(r#"{{"{list}":[{{"role":"user"}},{{"role":"user","{name}":{content}}}]}}"#),
        );
        let expected = expected.map(|all| all.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
        assert_eq!(lens.texts_alone(1), expected, "{dialect} {content}");
        assert_eq!((lens.texts_alone(0), lens.texts_alone(2)), (None, None));
    }
}

#[test]
fn lone_surrogates_are_legal_and_told() {
    let lens = lens(Dialect::OpenAiChat, r#"{"messages":[{"role":"user","content":"!/help \ud835 x"}]}"#);
    let text = lens.user_text(0);
    assert!(text.parts[0].lossy);
    // Cutting the command keeps the half character as the client wrote it.
    let mut edits = lens.edits();
    edits.replace_in_text(&lens, &text.parts[0], 0..7, "").unwrap();
    assert_eq!(lens.splice(&edits), r#"{"messages":[{"role":"user","content":"\ud835 x"}]}"#);
}

#[test]
fn carried_seals_are_seen_where_strings_begin() {
    for (content, expected) in [
        (r#"[{"signature":"lip1:gemini:encrypted:x"}]"#, true),
        (r#"[{"signature":"bGlwMTpnZW1pbmk="}]"#, true),
        (r#""lip1:x""#, true),
        (r#""a lip1: \"lip1:""#, false),
        (r#"[{"x":["lip","bGlwM","l","b",""]}]"#, false),
    ] {
        let body = format!(
            r#"{{"model":"lip1:","messages":[{{"role":"assistant","content":{content}}},{{"role":"user"}}]}}"#
        );
        let scanned = lens(Dialect::AnthropicMessages, &body);
        let carrying: Vec<bool> = scanned.messages().iter().map(|message| message.carries_seal).collect();
        assert_eq!(carrying, [expected, false], "{content}");
    }
}
