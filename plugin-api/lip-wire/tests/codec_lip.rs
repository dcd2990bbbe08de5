//! Dialect `lip`: the canonical model as its own wire format.
use lip_wire::{
    Dialect,
    canon::{At, Event, Extensions, Failure, Json, Native, Part, Start, Usage},
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_request, encode_request,
    },
};

#[test]
fn fields_of_a_newer_version_are_kept() {
    let body =
        br#"{"model":"m","turns":[],"from_the_future":{"a": 1.0},"extensions":{"no-such-dialect":{"x":1}}}"#;
    let (request, _) = decode_request(Dialect::Lip, body, &UrlParts::default()).expect("decodes");
    let kept = request.extensions.get(Dialect::Lip, "from_the_future").map(Json::get);
    assert_eq!(kept, Some(r#"{"a": 1.0}"#));
    let (bytes, losses) =
        encode_request(Dialect::Lip, &request, &RequestOptions::default()).expect("encodes");
    let (again, _) = decode_request(Dialect::Lip, &bytes, &UrlParts::default()).expect("decodes");
    assert_eq!((again, losses.len()), (request, 0));
}

#[test]
fn wrong_canonical_fields_are_named_by_path() {
    let body = br#"{"model":"m","turns":[{"role":"boss","parts":[]}]}"#;
    let error = decode_request(Dialect::Lip, body, &UrlParts::default()).expect_err("is refused");
    assert!(error.to_string().starts_with("turns[0].role: unknown variant `boss`"), "{error}");
}

#[test]
fn events_come_back_and_a_cut_is_told() {
    let at = At { choice: 0, part: 0 };
    let raw = Json::parse("{\"a\":\n1}").expect("is json");
    let sent = [
        Event::Start(Box::new(Start { id: Some("r".to_owned()), ..Start::default() })),
        Event::PartStart { at, part: Box::new(Part::text("")) },
        Event::Text { at, text: "a\n😀".to_owned() },
        Event::PartExtra { at, extensions: Box::new(Extensions::new()) },
        Event::PartEnd { at },
        Event::Usage(Box::new(Usage { input: Some(1), ..Usage::default() })),
        Event::Native { dialect: Dialect::Gemini, at: None, name: None, raw: raw.clone() },
    ];
    let mut encoder = StreamEncoder::new(Dialect::Lip, EncodeCtx::default()).expect("lip streams");
    let mut decoder = StreamDecoder::new(Dialect::Lip).expect("lip streams");
    let (mut bytes, mut got) = (Vec::new(), Vec::new());
    sent.iter().for_each(|event| encoder.encode(event, &mut bytes));
    let stream = String::from_utf8(bytes).expect("utf-8");
    for frame in stream.split_terminator("\n\n") {
        assert_eq!(frame.lines().count(), 1, "one line per frame");
        let data = frame.strip_prefix("data: ").expect("a data line");
        decoder.push_event(None, data.as_bytes(), &mut got).expect("decodes");
    }
    decoder.finish(&mut got);
    assert_eq!(got.pop(), Some(Event::Failed(Box::new(Failure::truncated()))));
    // Line breaks between the tokens of raw JSON become blanks in a frame.
    let Some(Event::Native { raw: flat, .. }) = got.pop() else {
        return assert_eq!(got.len(), 99);
    };
    let native = |raw| Native { dialect: Dialect::Gemini, raw };
    assert_eq!(native(flat), native(Json::parse("{\"a\": 1}").expect("is json")));
    assert_eq!(got, sent[..6]);
}
