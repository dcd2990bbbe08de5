//! Framing: one table of SSE facts, and the same result for every split of the bytes.
use bytes::Bytes;
use lip_wire::frame::{EventTooLarge, ndjson, sse};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

type Named = (Option<String>, String);

fn named(event: &sse::Event) -> Named {
    let text = |b: &Bytes| String::from_utf8_lossy(b).into_owned();
    (event.event.as_ref().map(text), text(&event.data))
}

struct Read {
    events: Vec<sse::Event>,
    unterminated: Option<sse::Event>,
    retry_ms: Option<u64>,
}

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut decoder = sse::Decoder::default();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(Ok(event)) = decoder.next_event() {
            events.push(event);
        }
    }
    Read { events, unterminated: decoder.finish(), retry_ms: decoder.retry_ms() }
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("sse_cases.json")).unwrap_or_default()
}

fn pair(value: &Value) -> Named {
    (value[0].as_str().map(str::to_owned), value[1].as_str().unwrap_or_default().to_owned())
}

fn check(case: &Value, read: &Read, how: &str) {
    let fact = &case["fact"];
    let want: Vec<Named> = case["events"].as_array().into_iter().flatten().map(pair).collect();
    let got: Vec<Named> = read.events.iter().map(named).collect();
    assert_eq!(got, want, "{fact}, {how}");
    let want = case.get("unterminated").map(pair);
    assert_eq!(read.unterminated.as_ref().map(named), want, "{fact}, {how}");
    assert_eq!(read.retry_ms, case["retry_ms"].as_u64(), "{fact}, {how}");
    if let Some(id) = case["id"].as_str() {
        let last = read.events.last().and_then(|e| e.id.as_deref());
        assert_eq!(last, Some(id.as_bytes()), "{fact}, {how}");
    }
}

#[test]
fn facts_hold_whole_and_cut_at_every_byte() {
    let cases = cases();
    assert_eq!(cases.len(), 24);
    for case in &cases {
        let stream = case["stream"].as_str().unwrap().as_bytes();
        check(case, &read([stream]), "whole");
        for cut in 0..=stream.len() {
            let (a, b) = stream.split_at(cut);
            check(case, &read([a, b]), &format!("cut at {cut}"));
        }
        check(case, &read(stream.chunks(1)), "byte by byte");
    }
}

#[test]
fn single_line_events_are_not_copied() {
    let chunk = Bytes::from_static(b"event: a\ndata: hello\n\ndata: x\n\n");
    let mut decoder = sse::Decoder::default();
    decoder.push(chunk.clone());
    let event = decoder.next_event().unwrap().unwrap();
    assert_eq!(event.data.as_ptr(), chunk[15..].as_ptr());
    assert_eq!(event.name(), Some("a"));
    // A second chunk onto an unread rest loses nothing.
    decoder.push(Bytes::from_static(b"data: y\n\n"));
    assert_eq!(decoder.next_event().unwrap().unwrap().data, "x");
    assert_eq!(decoder.next_event().unwrap().unwrap().data, "y");
    assert_eq!(decoder.next_event(), None);
}

#[test]
fn limits_hold_and_large_events_pass() {
    let too_large = Some(Err(EventTooLarge { bytes_max: 10 }));
    for stream in ["data: 12345678901\n\n", "data: 1234567890123", "data: 12345\ndata: 67890\n\n"] {
        let mut decoder = sse::Decoder::new(10);
        decoder.push(Bytes::from_static(stream.as_bytes()));
        assert_eq!(decoder.next_event(), too_large, "{stream}");
        decoder.push(Bytes::from_static(b"data: x\n\n"));
        assert_eq!((decoder.next_event(), decoder.finish()), (None, None));
    }
    let big = format!("data: {}\n\n", "é".repeat(8_000_000));
    let read = read(big.as_bytes().chunks(60_000));
    assert_eq!(read.events[0].data, big.as_bytes()[6..big.len() - 2]);
    let mut lines = ndjson::Decoder::new(4);
    lines.push(Bytes::from_static(b"1234\n12345\n1\n"));
    assert_eq!(lines.next_event(), Some(Ok(Bytes::from_static(b"1234"))));
    assert_eq!(lines.next_event(), Some(Err(EventTooLarge { bytes_max: 4 })));
    assert_eq!((lines.next_event(), lines.finish()), (None, None));
}

#[test]
fn invalid_utf8_passes_through() {
    let read = read([&b"event: \xff\ndata: a\xffb\n\n"[..]]);
    assert_eq!(read.events[0].data, &b"a\xffb"[..]);
    assert_eq!(read.events[0].name(), None);
}

/// Splits `bytes` at the given places.
fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect()
}

proptest! {
    #[test]
    fn splits_do_not_change_events(
        stream in "(data|event|id|:|retry|x)?[:]?[ a-c\u{feff}é]{0,3}(\n|\r|\r\n)?[data: \n\r]{0,30}",
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = read([stream.as_bytes()]);
        let cut = read(split(stream.as_bytes(), &cuts));
        prop_assert_eq!(whole.events, cut.events);
        prop_assert_eq!(whole.unterminated, cut.unterminated);
    }

    /// Whatever lies between two ends that the scanner tells decodes to at most one event, and nothing is lost.
    #[test]
    fn scanner_ends_fall_where_the_decoder_dispatches(
        stream in "((data|event|x):[ab]{0,2}(\n|\r|\r\n)){0,6}[\n\r]{0,3}(data:z(\n\n|\r\r|\r\n\r\n)){0,3}",
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut scanner = sse::Scanner::new();
        let mut decoder = sse::Decoder::default();
        let mut events = Vec::new();
        for chunk in split(stream.as_bytes(), &cuts) {
            let mut from = 0;
            while let Some(end) = scanner.next_end(chunk, from) {
                decoder.push(Bytes::copy_from_slice(&chunk[from..end]));
                from = end;
                let before = events.len();
                while let Some(event) = decoder.next_event() {
                    events.push(event.unwrap());
                }
                prop_assert!(events.len() <= before + 1);
            }
            decoder.push(Bytes::copy_from_slice(&chunk[from..]));
            prop_assert_eq!(decoder.next_event(), None);
        }
        prop_assert_eq!(events, read([stream.as_bytes()]).events);
    }

    #[test]
    fn lines_survive_every_split(
        lines in vec("[a-zé ]{0,5}", 0..6), last in "[a-z]{0,3}", cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut stream: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
        stream.push_str(&last);
        let mut decoder = ndjson::Decoder::default();
        let mut got = Vec::new();
        for chunk in split(stream.as_bytes(), &cuts) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(line) = decoder.next_event() {
                got.push(line.unwrap());
            }
        }
        got.extend(decoder.finish());
        let want: Vec<&str> = lines.iter().map(|l| l.trim()).chain([last.as_str()]).filter(|l| !l.is_empty()).collect();
        prop_assert_eq!(got, want);
    }
}
