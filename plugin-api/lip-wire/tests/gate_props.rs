//! The gate and the faults on hostile bytes, and on what our own encoders write.
use lip_wire::{
    Dialect,
    canon::{self, FailureKind},
    fault::{self, WireFault},
    gate::{self, Terminal, Verdict},
};
use proptest::{collection::vec, prelude::*, sample::select};

const KINDS: [FailureKind; 11] = [
    FailureKind::InvalidRequest,
    FailureKind::Authentication,
    FailureKind::Billing,
    FailureKind::Permission,
    FailureKind::NotFound,
    FailureKind::TooLarge,
    FailureKind::RateLimited,
    FailureKind::Server,
    FailureKind::Overloaded,
    FailureKind::Timeout,
    FailureKind::Truncated,
];

/// The payload of a frame that [`fault::stream_event`] wrote, and its event name.
fn unframed(frame: &str) -> (Option<&str>, &str) {
    let name = frame.lines().find_map(|l| l.strip_prefix("event: "));
    let data = frame.lines().find_map(|l| l.strip_prefix("data: "));
    (name, data.unwrap_or(frame))
}

#[test]
fn errors_that_we_write_are_read_back() {
    for dialect in Dialect::ALL {
        for kind in KINDS {
            let fault = WireFault::new(kind, "what \"happened\"").with_param("model");
            let body = fault::body(dialect, &fault);
            let back = fault::parse(dialect, fault::status(dialect, &fault), &body);
            assert_eq!(back.message, fault.message, "{dialect}");
            if kind != FailureKind::Truncated {
                assert_eq!(back.kind, kind, "{dialect}");
            }
            let frame = String::from_utf8(fault::stream_event(dialect, &fault, Some(1))).unwrap();
            let (name, data) = unframed(&frame);
            let Verdict::Error(back) = gate::classify(dialect, name, data.as_bytes()) else {
                panic!("{dialect} {frame}: no error");
            };
            assert_eq!(back.message, fault.message, "{dialect}");
            assert!(matches!(gate::classify_body(dialect, &body), Verdict::Error(_)), "{dialect}");
        }
    }
}

#[test]
fn canonical_events_are_judged_as_they_are_written() {
    use canon::{Content, Event, Part, Stop, Text};
    let at = canon::At::default();
    let start = |content| Event::PartStart { at, part: Box::new(Part::new(content)) };
    let text = |text: &str| Text { text: text.into(), ..Text::default() };
    let call = r#"{"tool_call":{"id":"c","name":"f","arguments":"{}"}}"#;
    for (event, want) in [
        (Event::Start(Box::default()), Verdict::Prelude),
        (start(Content::Text(text(""))), Verdict::Prelude),
        (start(Content::Text(text("x"))), Verdict::Output),
        (start(Content::Reasoning(canon::Reasoning::default())), Verdict::Prelude),
        (Event::Text { at, text: "x".to_owned() }, Verdict::Output),
        (Event::Arguments { at, text: "{".to_owned() }, Verdict::Output),
        (Event::PartEnd { at }, Verdict::Prelude),
        (Event::Usage(Box::default()), Verdict::Prelude),
        (Event::Ping, Verdict::Prelude),
        (Event::Stop { choice: 0, stop: Box::new(Stop::default()) }, Verdict::End(Terminal::Finished)),
        (Event::End, Verdict::End(Terminal::Done)),
    ] {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(gate::classify(Dialect::Lip, None, json.as_bytes()), want, "{json}");
    }
    let json = format!(r#"{{"part_start":{{"at":{{}},"part":{{"content":{call}}}}}}}"#);
    assert_eq!(gate::classify(Dialect::Lip, None, json.as_bytes()), Verdict::Output);
    let usage =
        Event::Usage(Box::new(canon::Usage { input: Some(3), cache_read: Some(1), ..Default::default() }));
    let picked = gate::usage(Dialect::Lip, serde_json::to_string(&usage).unwrap().as_bytes()).unwrap();
    assert_eq!((picked.input, picked.cached_input, picked.output), (Some(3), Some(1), None));
}

proptest! {
    #[test]
    fn hostile_bytes_get_a_verdict(
        data in prop_oneof![
            vec(any::<u8>(), 0..120),
            "[{}\\[\\]:,\"]{0,8}(\"(error|type|content|usage|choices|candidates|finishReason|message)\":?[{\\[\"0n]?){0,6}[{}\\]\"\\\\é]{0,6}"
                .prop_map(String::into_bytes),
        ],
        dialect in select(Dialect::ALL.to_vec()),
        event in select(vec![None, Some("error"), Some("content_block_delta"), Some("response.output_text.delta")]),
        status in any::<u16>(),
    ) {
        let _ = gate::classify(dialect, event, &data);
        let whole = gate::classify_body(dialect, &data);
        let error = gate::body_error(dialect, &data).map(Verdict::Error);
        prop_assert_eq!(error, Some(whole).filter(|verdict| matches!(verdict, Verdict::Error(_))));
        let _ = gate::usage(dialect, &data);
        let fault = fault::parse(dialect, status, &data);
        prop_assert!(!fault.message.trim().is_empty());
        prop_assert!((400..=u16::MAX).contains(&fault.status));
        for target in Dialect::ALL {
            let body = fault::body(target, &fault);
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
            prop_assert!((400..600).contains(&fault::status(target, &fault)));
        }
    }
}
