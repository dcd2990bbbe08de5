//! Splices against a table of edits, byte for byte.
#![expect(clippy::too_many_lines, reason = "tables, no branches")]
use super::*;

fn lens(dialect: Dialect, body: &str) -> Lens {
    scan(dialect, &Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

type Change = fn(&mut Edits, &Lens) -> Result<(), EditError>;

#[test]
fn splices_touch_only_what_they_edit() {
    let chat = Dialect::OpenAiChat;
    let cases: &[(Dialect, &str, Change, &str)] = &[
        (
            chat,
            r#"{ "model" : "a" , "x":1.0 }"#,
            |e, _| e.set_model("b\"c"),
            r#"{ "model" : "b\"c" , "x":1.0 }"#,
        ),
        (chat, r#"{ "x":1 }"#, |e, _| e.set_model("m"), r#"{"model":"m", "x":1 }"#),
        (chat, "{ }", |e, _| e.set_model("m"), r#"{"model":"m" }"#),
        (chat, r#"{"a":1 , "stream":true}"#, |e, _| e.remove(Field::Stream), r#"{"a":1}"#),
        (chat, r#"{"stream":true , "a":1}"#, |e, _| e.remove(Field::Stream), r#"{"a":1}"#),
        (chat, r#"{"a":1,"stream":true,"b":2}"#, |e, _| e.remove(Field::Stream), r#"{"a":1,"b":2}"#),
        (chat, r#"{"stream":true}"#, |e, _| e.remove(Field::Stream), "{}"),
        (chat, r#"{"a":1}"#, |e, _| e.remove(Field::Stream), r#"{"a":1}"#),
        (
            chat,
            r#"{"stream":true,"model":"a"}"#,
            |e, _| e.remove(Field::Stream).and(e.remove(Field::Model)).and(e.set(Field::Seed, 7)),
            r#"{"seed":7}"#,
        ),
        (
            chat,
            r#"{"a":1,"stream":true,"model":"a"}"#,
            |e, _| e.remove(Field::Stream).and(e.remove(Field::Model)),
            r#"{"a":1}"#,
        ),
        (
            chat,
            r#"{"a":1}"#,
            |e, _| e.set(Field::IncludeUsage, true),
            r#"{"stream_options":{"include_usage":true},"a":1}"#,
        ),
        (
            chat,
            r#"{"stream_options":null}"#,
            |e, _| e.set(Field::IncludeUsage, true),
            r#"{"stream_options":{"include_usage":true}}"#,
        ),
        (
            chat,
            r#"{"stream_options":{"x":[1]}}"#,
            |e, _| e.set(Field::IncludeUsage, true),
            r#"{"stream_options":{"include_usage":true,"x":[1]}}"#,
        ),
        (
            chat,
            r#"{"stream_options":{"x":1,"include_usage":true}}"#,
            |e, _| e.remove(Field::IncludeUsage),
            r#"{"stream_options":{"x":1}}"#,
        ),
        (
            chat,
            r#"{"stream_options":{"include_usage":true},"a":1}"#,
            |e, _| e.set(Field::IncludeUsage, false).and(e.remove(Field::StreamOptions)),
            r#"{"a":1}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[]}"#,
            |e, _| e.set(Field::Temperature, 0.5).and(e.set_raw(Field::TopP, " 1.0e0 ")),
            r#"{"generationConfig":{"temperature":0.5,"topP":1.0e0},"contents":[]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"generation_config":{"max_output_tokens":5}}"#,
            |e, _| e.set(Field::MaxTokens, 6).and(e.set(Field::Seed, 1)),
            r#"{"generation_config":{"seed":1,"max_output_tokens":6}}"#,
        ),
        (
            chat,
            r#"{"messages":[{"role":"user","content":"a"} , {"role":"user","content":"b"}]}"#,
            |e, _| {
                e.remove_message(1);
                e.remove_message(9);
                Ok(())
            },
            r#"{"messages":[{"role":"user","content":"a"}]}"#,
        ),
        (
            chat,
            r#"{"messages":[ {"content":"a","role":"user"} , {"role":"user","content":"b"} ]}"#,
            |e, l| {
                let text = l.user_text(0);
                e.replace_text(&text.parts[0], "gone");
                e.remove_message(0);
                e.replace_text(&l.user_text(1).parts[0], "c\n");
                Ok(())
            },
            r#"{"messages":[ {"role":"user","content":"c\n"} ]}"#,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"input":"x"}"#,
            |e, _| {
                e.remove_message(0);
                Ok(())
            },
            r#"{"input":""}"#,
        ),
        (
            chat,
            r#"{"messages":[{"role":"user","content":"\u00e9 !/x(1) t\u00e9 !/y()"}]}"#,
            |e, l| {
                let text = l.user_text(0);
                e.replace_in_text(l, &text.parts[0], 3..10, "<\n>")?;
                e.replace_in_text(l, &text.parts[0], 13..19, "")
            },
            r#"{"messages":[{"role":"user","content":"\u00e9 <\n>t\u00e9"}]}"#,
        ),
        (
            chat,
            r#"{"messages":[{"role":"user","content":[ {"type":"text","text":"a"} , {"type":"image_url"}, {"text":"b","type":"text"} ]}]}"#,
            |e, l| {
                assert!(e.remove_part(l, &l.user_text(0).parts[0]));
                Ok(())
            },
            r#"{"messages":[{"role":"user","content":[ {"type":"image_url"}, {"text":"b","type":"text"} ]}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[{"parts":[{"inlineData":{}} , {"text":"b"} ]}]}"#,
            |e, l| {
                assert!(e.remove_part(l, &l.user_text(0).parts[0]));
                Ok(())
            },
            r#"{"contents":[{"parts":[{"inlineData":{}}  ]}]}"#,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"user","content":"b"}]}"#,
            |e, l| {
                assert!(
                    !e.remove_part(l, &l.user_text(0).parts[0])
                        && !e.remove_part(l, &l.user_text(1).parts[0])
                );
                Ok(())
            },
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"user","content":"b"}]}"#,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"input":"a\u0062"}"#,
            |e, l| {
                assert!(e.append_text(l, "\"c\""));
                Ok(())
            },
            r#"{"input":"a\u0062\n\n\"c\""}"#,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result"},{"type":"text","text":"a"}]} ]}"#,
            |e, l| {
                assert!(e.append_text(l, "c"));
                Ok(())
            },
            r#"{"messages":[{"role":"user","content":[{"type":"tool_result"},{"type":"text","text":"a"}]},{"role":"user","content":"c"} ]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents":[{"role":"model","parts":[{"text":"a"}]}]}"#,
            |e, l| {
                assert!(e.append_text(l, "c"));
                Ok(())
            },
            r#"{"contents":[{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"c"}]}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents": {"parts": {"text":"a"} } }"#,
            |e, l| {
                let text = l.user_text(0);
                assert!(!e.remove_part(l, &text.parts[0]) && e.append_text(l, "c"));
                e.replace_in_text(l, &text.parts[0], 0..1, "b")
            },
            r#"{"contents": {"parts": {"text":"b\n\nc"} } }"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents": {"role":"model","parts":{"text":"a"}} }"#,
            |e, l| {
                assert!(e.append_text(l, "c"));
                Ok(())
            },
            r#"{"contents": [{"role":"model","parts":{"text":"a"}},{"role":"user","parts":[{"text":"c"}]}] }"#,
        ),
        (
            Dialect::Gemini,
            r#"{"contents": {"parts":{"text":"a"}} }"#,
            |e, _| {
                e.remove_message(0);
                Ok(())
            },
            r#"{"contents": [] }"#,
        ),
        (
            chat,
            r#"{"model":"m"}"#,
            |e, l| {
                assert!(!e.append_text(l, "c"));
                Ok(())
            },
            r#"{"model":"m"}"#,
        ),
    ];
    for (dialect, body, change, expected) in cases {
        let lens = lens(*dialect, body);
        let mut edits = lens.edits();
        change(&mut edits, &lens).unwrap();
        assert_eq!(lens.splice(&edits), expected.as_bytes(), "{body}");
    }
}

#[test]
fn impossible_edits_are_refused() {
    let lens = lens(Dialect::OpenAiResponses, r#"{"input":"é"}"#);
    let mut edits = lens.edits();
    assert!(matches!(edits.set(Field::TopK, 1), Err(EditError::NoSuchField { .. })));
    for bad in ["", "1 2", "{", "nul", "\"\n\""] {
        assert!(matches!(edits.set_raw(Field::TopP, bad), Err(EditError::NotJson(_))), "{bad}");
    }
    let text = lens.user_text(0);
    let range = edits.replace_in_text(&lens, &text.parts[0], 1..2, "");
    assert_eq!(range, Err(EditError::BadRange));
    assert!(edits.is_empty());
    // Nothing to do: the very same bytes, not a copy.
    assert_eq!(lens.splice(&edits).as_ptr(), lens.body().as_ptr());
}
