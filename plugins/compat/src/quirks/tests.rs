use super::joined;
use crate::profile::{Bounds, Quirks, fits};
use lip_plugin::Object;
use serde_json::{Value, json};

fn applied(quirks: &Value, model: &str, body: &str) -> String {
    let quirks: Quirks = serde_json::from_value(quirks.clone()).expect("quirks");
    let mut object = Object::read(body).expect("an object");
    quirks.apply(&mut object, model);
    object.write().unwrap_or_else(|| body.to_owned())
}

#[test]
fn each_quirk_edits_what_it_names() {
    let cases = [
        (json!({"rename": {"a": "b"}}), r#"{"a":1e2}"#, r#"{"b":1e2}"#),
        (json!({"rename": {"a": "b"}}), r#"{"a":1, "b":2}"#, r#"{ "b":2}"#),
        (json!({"allow": ["a"]}), r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        (json!({"allow": ["b"], "rename": {"a": "b"}}), r#"{"a":1,"c":2}"#, r#"{"b":1}"#),
        (json!({"drop": ["a"]}), r#"{"x":{"a":1},"a":1}"#, r#"{"x":{"a":1}}"#),
        (json!({"clamp": {"t": {"min": 0.01, "max": 1}}}), r#"{"t":0}"#, r#"{"t":0.01}"#),
        (json!({"clamp": {"t": {"min": 0.01, "max": 1}}}), r#"{"t":1.5}"#, r#"{"t":1}"#),
        (json!({"clamp": {"t": {"min": 512}}}), r#"{"t": 1e1}"#, r#"{"t": 512}"#),
        (json!({"clamp": {"t": {"min": 512}}}), r#"{"t":"1"}"#, r#"{"t":"1"}"#),
        (json!({"clamp": {"t": {"min": 1}}}), r#"{"t":null}"#, r#"{"t":null}"#),
        (json!({"tool_choice": ["auto"]}), r#"{"tool_choice":"required"}"#, r#"{"tool_choice":"auto"}"#),
        (
            json!({"tool_choice": ["auto"]}),
            r#"{"tool_choice":{"type":"function"}}"#,
            r#"{"tool_choice":"auto"}"#,
        ),
        (json!({"tool_choice": ["auto"]}), r#"{"tools":[1],"tool_choice":"none"}"#, r#"{}"#),
        (json!({"tool_choice": ["auto", "none"]}), r#"{"tool_choice":"none"}"#, r#"{"tool_choice":"none"}"#),
        (json!({"tool_choice": ["auto"]}), r#"{"tool_choice":null}"#, r#"{"tool_choice":null}"#),
        (
            json!({"response_format": ["json_object"]}),
            r#"{"response_format":{"type":"json_schema"}}"#,
            r#"{"response_format":{"type":"json_object"}}"#,
        ),
        (
            json!({"response_format": ["json_object"]}),
            r#"{"response_format":{"type":"text"}}"#,
            r#"{"response_format":{"type":"text"}}"#,
        ),
        (json!({"default": {"a": {"b": 1}}}), r#"{"x":1}"#, r#"{"x":1,"a":{"b":1}}"#),
        (json!({"default": {"a": 1}}), r#"{"a":false}"#, r#"{"a":false}"#),
        (json!({"default": {"a": 1}}), r#"{"a":null}"#, r#"{"a":1}"#),
        (
            json!({"default_streamed_tools": {"s": true}}),
            r#"{"stream":true,"tools":[1]}"#,
            r#"{"stream":true,"tools":[1],"s":true}"#,
        ),
        (
            json!({"default_streamed_tools": {"s": true}}),
            r#"{"stream":false,"tools":[1]}"#,
            r#"{"stream":false,"tools":[1]}"#,
        ),
        (json!({"default_streamed_tools": {"s": true}}), r#"{"stream":true}"#, r#"{"stream":true}"#),
    ];
    for (quirks, body, want) in cases {
        assert_eq!(applied(&quirks, "m", body), want, "{quirks} {body}");
    }
}

#[test]
fn effort_goes_by_the_first_rule_that_fits() {
    let quirks = json!({"effort": [
        {"models": ["a-5*"], "send": {"xhigh": "max"}, "with": {"think": true}, "none": {"think": false}},
        {"models": ["b", "c*"], "omit": true, "with": {"think": true}}
    ]});
    let cases = [
        ("a-5.1", "xhigh", r#"{"reasoning_effort":"max","think":true}"#),
        ("a-5", "low", r#"{"reasoning_effort":"low","think":true}"#),
        ("a-5", "none", r#"{"think":false}"#),
        ("b", "low", r#"{"think":true}"#),
        ("c9", "none", r#"{"think":true}"#),
        ("z", "low", r#"{"reasoning_effort":"low"}"#),
    ];
    for (model, effort, want) in cases {
        let body = json!({"reasoning_effort": effort}).to_string();
        assert_eq!(applied(&quirks, model, &body), want, "{model} {effort}");
    }
    for body in [r#"{"x":1}"#, r#"{"reasoning_effort":{"a":1}}"#, r#"{"reasoning_effort":null}"#] {
        assert_eq!(applied(&quirks, "b", body), body);
    }
    assert_eq!(
        applied(&quirks, "a-5", r#"{"reasoning_effort":"low","think":7}"#),
        r#"{"reasoning_effort":"low","think":7}"#
    );
}

#[test]
fn messages_change_in_place() {
    let quirks = json!({"messages": {
        "roles": {"developer": "system"}, "rename": {"reasoning": "rc"}, "drop": ["meta"], "call_default": {"rc": " "}, "flatten_text": true
    }});
    let cases = [
        (r#"{"role":"developer", "content":"x"}"#, r#"{"role":"system", "content":"x"}"#),
        (r#"{"role":"user","meta":{},"content":"x"}"#, r#"{"role":"user","content":"x"}"#),
        (r#"{"role":"assistant","tool_calls":[1]}"#, r#"{"role":"assistant","tool_calls":[1],"rc":" "}"#),
        (
            r#"{"role":"assistant","tool_calls":[1],"reasoning":"r"}"#,
            r#"{"role":"assistant","tool_calls":[1],"rc":"r"}"#,
        ),
        (r#"{"role":"assistant","tool_calls":[ ]}"#, r#"{"role":"assistant","tool_calls":[ ]}"#),
        (r#"{"role":"user","tool_calls":[1]}"#, r#"{"role":"user","tool_calls":[1]}"#),
        (
            r#"{"content":[{"type":"text","text":"a\n"},{"type":"text","text":"\"b"}]}"#,
            r#"{"content":"a\n\n\"b"}"#,
        ),
        (r#"{"content":[]}"#, r#"{"content":[]}"#),
        ("null", "null"),
        ("[{}]", "[{}]"),
    ];
    for (message, want) in cases {
        let body = |message: &str| format!("{{\"messages\" : [ 1e2 , {message}\n]}}");
        assert_eq!(applied(&quirks, "m", &body(message)), body(want), "{message}");
    }
    for body in [r#"{"messages":7}"#, r#"{"messages":{"role":"developer"}}"#, r#"{"x":[]}"#] {
        assert_eq!(applied(&quirks, "m", body), body);
    }
}

#[test]
fn only_texts_are_joined() {
    assert_eq!(joined(r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#).as_deref(), Some("a\nb"));
    for other in [r#"[{"type":"text"}]"#, r#"[{"type":"image_url","text":"x"}]"#, r#""x""#, "[]", "[7]"] {
        assert_eq!(joined(other), None, "{other}");
    }
}

#[test]
fn bounds_keep_numbers_inside_as_they_are() {
    let bounds = Bounds { min: Some(0.5), max: Some(2.0) };
    for (number, want) in
        [("1e0", None), ("0", Some("0.5")), ("9e99", Some("2")), ("-1e999", Some("0.5")), ("x", None)]
    {
        assert_eq!(bounds.bounded(number).as_deref(), want, "{number}");
    }
}

#[test]
fn pattern_has_one_star() {
    for (pattern, name, want) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "a", true),
        ("a*b", "ab", true),
        ("ab*b", "ab", false),
        ("*", "", true),
    ] {
        assert_eq!(fits(pattern, name), want, "{pattern} {name}");
    }
}
