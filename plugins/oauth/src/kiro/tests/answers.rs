//! What of Kiro's messages reaches the client.
use super::Kiro;
use super::support::{
    answers, bytes, call, end, events, exception, frame, hi, run, said, stop, stream, text, turn,
};
use lip_plugin::{Value, json, serde_json};
use lip_testkit::{Reply, Stage};

#[test]
fn an_answer_is_told_event_by_event() {
    let seen = turn(
        "claude-opus-4-8",
        &hi(),
        [answers(&[
            ("initial-response", json!({})),
            ("messageMetadataEvent", json!({"conversationId": "c", "utteranceId": "u-1"})),
            ("reasoningContentEvent", json!({"text": "hm"})),
            ("reasoningContentEvent", json!({"signature": "sig"})),
            said("He"),
            ("assistantResponseEvent", json!({"assistantResponseEvent": {"content": "llo"}})),
            ("followupPromptEvent", json!({"x": 1})),
            ("contextUsageEvent", json!({"contextUsagePercentage": 12.5})),
            ("meteringEvent", json!({"usage": 0.1, "unit": "credit"})),
            end(),
            ("meteringEvent", json!({"usage": 0.25, "unit": "credit"})),
        ])],
    );
    let mut all = events(&seen);
    let start = all.remove(0);
    assert_eq!(
        (start["start"]["id"].as_str(), start["start"]["model"].as_str()),
        (Some("u-1"), Some("claude-opus-4-8"))
    );
    assert_eq!(
        all,
        [
            json!({"part_start": {"at": {"part": 0}, "part": {"content": {"reasoning": {}}}}}),
            json!({"reasoning": {"at": {"part": 0}, "kind": "text", "text": "hm"}}),
            json!({"signature": {"at": {"part": 0}, "sealed": {"dialect": "lip", "data": "sig"}}}),
            json!({"part_end": {"at": {"part": 0}}}),
            json!({"part_start": {"at": {"part": 1}, "part": {"content": {"text": {"text": ""}}}}}),
            json!({"text": {"at": {"part": 1}, "text": "He"}}),
            json!({"text": {"at": {"part": 1}, "text": "llo"}}),
            json!({"part_end": {"at": {"part": 1}}}),
            json!({"usage": {"input": 13, "output": 5, "total": 18, "cache_read": 2, "cache_write": 1}}),
            json!({"stop": {"choice": 0, "stop": {"reason": "end"}}}),
            json!("end"),
        ]
    );
    assert!(seen.notes.contains(&"Kiro has metered 0.25 credit".to_owned()), "{:?}", seen.notes);
    assert_eq!(seen.reports, [json!({"account": "a", "outcome": "good"})]);
}

#[test]
fn events_are_the_same_wherever_the_stream_is_cut() {
    let whole = stream(&[said("Hé"), call("t1", "read", "{\"a\":1}", true), end()]);
    let expected = turn("m", &hi(), [bytes(whole.clone())]).body;
    assert!(!expected.is_empty());
    for cut in 1..whole.len() {
        let (a, b) = whole.split_at(cut);
        let reply = Reply::chunks(200, "application/vnd.amazon.eventstream", [a.to_vec(), b.to_vec()]);
        assert_eq!(turn("m", &hi(), [reply]).body, expected, "cut at {cut}");
    }
}

#[test]
fn calls_are_told_whole_whatever_their_order() {
    let seen = turn(
        "m",
        &hi(),
        [answers(&[
            said("I look."),
            call("t1", "read", "", false),
            call("t2", "write", "{\"b\":", false),
            call("t1", "read", "{\"a\"", false),
            call("t1", "read", ":1}", false),
            ("toolUseEvent", json!({"toolUseId": "t2", "name": "write", "input": "2}", "stop": true})),
            ("toolUseEvent", json!({"toolUseId": "t1", "name": "read", "stop": true})),
            ("toolUseEvent", json!({"toolUseId": "t3", "name": "list", "input": {"x": 1}, "stop": true})),
            ("toolUseEvent", json!({"toolUseId": "t4", "name": "now", "stop": true})),
            end(),
        ])],
    );
    let all = events(&seen);
    let calls: Vec<(&str, &str)> = all
        .iter()
        .filter_map(|event| event.pointer("/part_start/part/content/tool_call"))
        .filter_map(|call| Some((call["id"].as_str()?, call["name"].as_str()?)))
        .collect();
    assert_eq!(calls, [("t2", "write"), ("t1", "read"), ("t3", "list"), ("t4", "now")]);
    let arguments: Vec<&str> =
        all.iter().filter_map(|event| event.pointer("/arguments/text")?.as_str()).collect();
    assert_eq!(arguments, ["{\"b\":2}", "{\"a\":1}", "{\"x\":1}", "{}"]);
    assert_eq!(stop(&seen), "tool_use");
}

#[test]
fn the_end_is_told_by_what_came() {
    let stopped = |reason: &str| ("metadataEvent", json!({"stopReason": reason}));
    for (sent, reason) in [
        (vec![said("a"), stopped("end_turn")], "end"),
        (vec![said("a"), stopped("max_tokens")], "length"),
        (vec![said("a"), stopped("MAX_TOKENS")], "length"),
        (vec![said("a"), stopped("refusal")], "refusal"),
        (vec![said("a"), stopped("content_filtered")], "content_filter"),
        (vec![said("a")], "length"),
        (vec![call("t", "x", "{}", true)], "tool_use"),
        (vec![call("t", "x", "{}", true), stopped("end_turn")], "tool_use"),
        (vec![call("t", "x", "{}", true), call("u", "y", "{", false), end()], "length"),
        (vec![said("a"), call("u", "y", "{", false)], "length"),
        (vec![said("a"), ("contextUsageEvent", json!({"contextUsagePercentage": 100})), end()], "length"),
    ] {
        let seen = turn("m", &hi(), [answers(&sent)]);
        assert_eq!(stop(&seen), reason, "{sent:?}");
        assert_eq!(seen.error, None);
        assert!(!text(&seen).contains("{\"u\""));
    }
}

#[test]
fn damage_never_looks_finished() {
    let good = stream(&[said("Hello"), end()]);
    let mut bad = good.clone();
    let last = bad.len() - 1;
    bad[last] ^= 1;
    for (what, reply) in [
        ("a wrong checksum", bytes(bad)),
        ("half a message", bytes(good[..good.len() - 3].to_vec())),
        ("a broken connection", bytes(good.clone()).cut()),
        ("silence", bytes(stream(&[said("Hello")])).silent()),
        (
            "a payload that is no JSON",
            bytes([stream(&[said("Hello")]), frame(&[(":event-type", "x")], b"{")].concat()),
        ),
        (
            "an exception",
            bytes(
                [stream(&[said("Hello")]), exception("InternalServerException", &json!({"message": "boom"}))]
                    .concat(),
            ),
        ),
        (
            "an error",
            bytes(
                [stream(&[said("Hello")]), frame(&[(":message-type", "error"), (":error-code", "x")], b"")]
                    .concat(),
            ),
        ),
        (
            "an invalid state",
            answers(&[
                said("Hello"),
                ("invalidStateEvent", json!({"reason": "INVALID_TASK_ASSIST_PLAN", "message": "no"})),
            ]),
        ),
    ] {
        let seen = turn("m", &hi(), [reply]);
        assert!(seen.error.is_some(), "{what}");
        assert_eq!((text(&seen).as_str(), stop(&seen).as_str()), ("Hello", ""), "{what}");
        assert_eq!(seen.requests.len(), 1, "{what}: nothing is asked again after output");
    }
}

#[test]
fn an_answer_without_a_word_is_asked_for_again() {
    let empty = || answers(&[("messageMetadataEvent", json!({"utteranceId": "u"})), end()]);
    let seen = turn("m", &hi(), [empty(), empty(), answers(&[said("at last"), end()])]);
    assert_eq!((text(&seen).as_str(), seen.requests.len()), ("at last", 3));
    let id = |n: usize| seen.requests[n].header("amz-sdk-invocation-id").map(str::to_owned);
    assert!(id(0).is_some() && id(0) == id(2));
    assert_eq!(seen.requests[2].header("amz-sdk-request"), Some("attempt=3; max=3"));
    let seen = turn("m", &hi(), [empty(), empty(), empty(), answers(&[said("late"), end()])]);
    assert_eq!((seen.requests.len(), seen.error.and_then(|e| e.status)), (3, Some(502)));
}

#[test]
fn older_models_think_between_tags() {
    let mut asked = hi();
    asked["reasoning"] = json!({"mode": "enabled", "budget_tokens": 2000});
    let sent = [said("<thin"), said("king>pl"), said("an</thinking>\n\nHe"), said("llo"), end()];
    let thoughts = |seen: &lip_testkit::Outcome| -> String {
        events(seen).iter().filter_map(|event| event.pointer("/reasoning/text")?.as_str()).collect()
    };
    let seen = turn("claude-haiku-4.5", &asked, [answers(&sent)]);
    assert_eq!((text(&seen), thoughts(&seen)), ("Hello".to_owned(), "plan".to_owned()));
    let content =
        seen.requests[0].json()["conversationState"]["currentMessage"]["userInputMessage"]["content"].clone();
    assert_eq!(
        content,
        "<thinking_mode>enabled</thinking_mode><max_thinking_length>2000</max_thinking_length>\n\nhi"
    );
    // What only began like a tag is text, and an answer.
    let seen = turn("claude-haiku-4.5", &asked, [answers(&[said("<think"), end()])]);
    assert_eq!((text(&seen).as_str(), seen.requests.len()), ("<think", 1));
    // Where nobody asked for it, tags are text.
    let seen = turn("claude-haiku-4.5", &hi(), [answers(&sent)]);
    assert_eq!(text(&seen), "<thinking>plan</thinking>\n\nHello");
}

#[test]
fn withheld_reasoning_is_kept_for_the_next_turn() {
    let seen = turn(
        "m",
        &hi(),
        [answers(&[("reasoningContentEvent", json!({"redactedContent": "xyz"})), said("a"), end()])],
    );
    let part =
        events(&seen).iter().find_map(|event| event.pointer("/part_start/part").cloned()).unwrap_or_default();
    assert_eq!(
        part["content"]["reasoning"],
        json!({"encrypted": {"dialect": "lip", "data": "xyz"}, "redacted": true})
    );
}

#[test]
fn an_answer_that_is_not_streamed_is_one_reply() {
    let stage = Stage::of::<Kiro>().account("a", &["t"], &super::support::with_profile()).model("auto");
    let reply = answers(&[said("He"), said("llo"), call("t1", "x", "{}", true), end()]);
    let seen = stage.reply(reply).turn(hi().to_string()).run();
    let reply: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(reply["choices"][0]["parts"][0]["content"]["text"]["text"], "Hello");
    assert_eq!(reply["choices"][0]["parts"][1]["content"]["tool_call"]["arguments"], "{}");
    assert_eq!(
        (reply["choices"][0]["stop"]["reason"].as_str(), reply["usage"]["output"].as_u64()),
        (Some("tool_use"), Some(5))
    );
    let stage = Stage::of::<Kiro>().account("a", &["t"], &super::support::with_profile());
    let seen = run(stage, "m", &hi(), [bytes(Vec::new()), bytes(Vec::new()), bytes(Vec::new())]);
    assert_eq!(seen.status, 0);
}

#[test]
fn hostile_calls_are_bounded() {
    let many: Vec<_> = (0..300).map(|n| call(&format!("t{n}"), "x", "", false)).collect();
    let seen = turn("m", &hi(), [answers(&many)]);
    assert_eq!(seen.code(), "io");
    let large = "x".repeat(1 << 20);
    let long: Vec<_> = (0..17).map(|_| call("t", "x", &large, false)).collect();
    assert_eq!(turn("m", &hi(), [answers(&long)]).code(), "io");
}
