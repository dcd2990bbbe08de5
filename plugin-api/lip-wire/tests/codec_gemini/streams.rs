//! Streams of Gemini, in both framings, and what ends them.
use super::*;

#[test]
fn reply_streams_and_collects_to_the_same() {
    let (reply, _) = decode_reply(GEMINI, FULL_REPLY.as_bytes()).expect("decodes");
    let mut played = Vec::new();
    split(reply.clone(), &mut played);
    assert_eq!(collect(played.clone()).expect("complete"), reply);
    let stream = stream_of(&played, ctx());
    golden("gemini_stream_of_reply", &stream);
    assert!(!stream.contains("[DONE]"), "gemini has no terminator");
    let mut again = collect(events(&frames(&stream))).expect("complete");
    // Probabilities and citations come last: in a stream they belong to no open text.
    let (Content::Text(want), Content::Text(_)) =
        (&reply.choices[0].parts[1].content, &again.choices[0].parts[1].content)
    else {
        panic!("{again:?}")
    };
    assert_eq!(again.choices[0].logprobs, want.logprobs);
    let mut bare = reply.clone();
    for choice in bare.choices.iter_mut().chain(&mut again.choices) {
        choice.logprobs.clear();
        for part in &mut choice.parts {
            if let Content::Text(text) = &mut part.content {
                text.logprobs.clear();
                text.annotations.clear();
            }
        }
    }
    // Fields of the answer come in another order.
    assert_eq!(json(&pretty(&again)), json(&pretty(&bare)));
}

const TOOL_STREAM: [&str; 5] = [
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"I should ","thought":true}]},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"look.","thought":true}]},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Looking"}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"ls","args":{"p":2}}}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":5,"totalTokenCount":18},"modelVersion":"m","responseId":"r"}"#,
];

#[test]
fn tool_stream_decodes_and_encodes() {
    let events = events(&TOOL_STREAM);
    let lines: String =
        events.iter().map(|event| serde_json::to_string(event).expect("serialises") + "\n").collect();
    golden("gemini_stream_events", &lines);
    let stream = stream_of(&events, ctx());
    golden("gemini_stream_encoded", &stream);
    assert_eq!(collect(self::events(&frames(&stream))), collect(events));
}

#[test]
fn array_form_is_one_json_value() {
    let events = events(&TOOL_STREAM);
    let array = stream_of(&events, EncodeCtx { gemini_array: true, ..ctx() });
    let list: Vec<Value> = serde_json::from_str(&array).expect("one array");
    let sse: Vec<Value> = frames(&stream_of(&events, ctx())).iter().map(|f| json(f)).collect();
    assert_eq!(list, sse);
    assert_eq!(collect(self::events(&[&array])), collect(events));
    let cut = self::events(&TOOL_STREAM[..2]);
    let array = stream_of(&cut, EncodeCtx { gemini_array: true, ..ctx() });
    let list: Vec<Value> = serde_json::from_str(&array).expect("an error still closes the array");
    assert_eq!(list.last().map(|frame| &frame["error"]["status"]), Some(&json(r#""INTERNAL""#)));
}

#[test]
fn cut_stream_is_a_failure_and_gets_no_finish_reason() {
    for n in 0..TOOL_STREAM.len() {
        let events = events(&TOOL_STREAM[..n]);
        assert_eq!(events.last(), Some(&Event::Failed(Box::new(Failure::truncated()))), "after {n}");
        let stream = stream_of(&events, ctx());
        assert!(!stream.contains("finishReason"), "{stream}");
        assert!(stream.contains(r#""error":{"code":502"#), "{stream}");
    }
    assert_eq!(events(&TOOL_STREAM).last(), Some(&Event::End));
}

#[test]
fn errors_are_read_whole_and_in_streams() {
    let cases = [
        (
            r#"{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}"#,
            FailureKind::RateLimited,
        ),
        (r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#, FailureKind::Overloaded),
        (
            r#"{"error":{"code":400,"message":"key","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            FailureKind::Authentication,
        ),
    ];
    for (body, kind) in cases {
        let (reply, _) = decode_reply(GEMINI, body.as_bytes()).expect(body);
        assert_eq!(reply.failure.as_ref().map(|f| f.kind), Some(kind), "{body}");
        let (again, _) = encode_reply(GEMINI, &reply, &ctx()).expect("encodes");
        let inner = json(body.trim_matches(['[', ']']));
        assert!(
            body.contains("details") || serde_json::from_slice::<Value>(&again).expect("is json") == inner
        );
        let events = events(&[TOOL_STREAM[0], body, TOOL_STREAM[4]]);
        let Some(Event::Failed(failure)) = events.last() else { panic!("{events:?}") };
        assert_eq!(failure.kind, kind);
    }
}

#[test]
fn every_finish_reason_has_its_meaning() {
    let stop = |word: &str, part: &str| {
        let body =
            format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}},"finishReason":"{word}"}}]}}"#);
        let (whole, _) = decode_reply(GEMINI, body.as_bytes()).expect("decodes");
        let whole = match whole.failure {
            Some(_) => None,
            None => whole.choices[0].stop.clone().map(|stop| stop.reason),
        };
        let streamed = collect(events(&[&body])).ok();
        let streamed = streamed.map(|reply| reply.choices[0].stop.clone().expect("stop").reason);
        assert_eq!(whole, streamed, "{word}");
        whole
    };
    let (text, call) = (r#"{"text":"a"}"#, r#"{"functionCall":{"name":"f"}}"#);
    let cases = [
        ("STOP", text, Some(StopReason::End)),
        ("STOP", call, Some(StopReason::ToolUse)),
        ("FUNCTION_CALL", call, Some(StopReason::ToolUse)),
        ("MAX_TOKENS", call, Some(StopReason::Length)),
        ("SPII", text, Some(StopReason::ContentFilter)),
        ("RECITATION", text, Some(StopReason::ContentFilter)),
        ("SAFETY", "", Some(StopReason::ContentFilter)),
        ("MALFORMED_FUNCTION_CALL", text, Some(StopReason::Malformed)),
        ("MALFORMED_FUNCTION_CALL", "", None),
        ("OTHER", text, Some(StopReason::Other)),
    ];
    for (word, part, want) in cases {
        assert_eq!(stop(word, part), want, "{word} {part}");
    }
}

#[test]
fn refused_prompt_is_a_content_filter() {
    let body = r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3},"responseId":"r","modelVersion":"m"}"#;
    let (whole, _) = decode_reply(GEMINI, body.as_bytes()).expect("decodes");
    let streamed = collect(events(&[body])).expect("complete");
    assert_eq!(whole, streamed);
    let stop = whole.choices[0].stop.as_ref().expect("stop");
    assert_eq!((stop.reason, stop.raw.as_deref()), (StopReason::ContentFilter, Some("PROHIBITED_CONTENT")));
    let (bytes, _) = encode_reply(GEMINI, &whole, &ctx()).expect("encodes");
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json"), json(body));
    let mut played = Vec::new();
    split(whole.clone(), &mut played);
    let stream = stream_of(&played, ctx());
    assert_eq!(collect(events(&frames(&stream))), Ok(whole));
}

#[test]
fn signatures_stay_with_their_parts() {
    let frames = [
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"c2ln"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"b"},{"text":"t","thought":true,"thoughtSignature":"c2xn"},{"inlineData":{"mimeType":"image/png","data":"QQ=="},"thought":true,"thoughtSignature":"aW1n"}]},"finishReason":"STOP"}]}"#,
    ];
    let reply = collect(events(&frames)).expect("complete");
    let seen: Vec<_> = reply.choices[0]
        .parts
        .iter()
        .map(|part| (part.as_text(), part.signature.as_ref().map(|sealed| sealed.data.as_str())))
        .collect();
    assert_eq!(
        seen,
        [(Some("a"), Some("c2ln")), (Some("b"), None), (None, Some("c2xn")), (None, Some("aW1n"))]
    );
    let mut played = Vec::new();
    split(reply.clone(), &mut played);
    let stream = stream_of(&played, ctx());
    let again = collect(events(&self::frames(&stream))).expect("complete");
    assert_eq!(again.choices, reply.choices);
}

#[test]
fn stream_tells_nothing_after_its_end_and_survives_odd_frames() {
    let odd = [
        r#"{"candidates":[{"content":{"parts":[{"text":"a\ud835"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"\udc00"}]}}]}"#,
        r#"{"candidates":[{}],"unknown":{"x":1}}"#,
        r#"{"candidates":[{"content":null,"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"late"}]}}]}"#,
        "[DONE]",
    ];
    let reply = collect(events(&odd)).expect("complete");
    assert_eq!(reply.choices[0].parts, [Part::text("a\u{1d400}")], "late text is dropped, halves are joined");
}
