use crate::kit::{Word, bytes, kept, rules, turn, turn_of};
use bytes::Bytes;
use capture::read::read;
use capture::record::{Asked, Data, Ended, Head, How, Piece, Record, Request, RetryWord, Trouble, VERSION};
use capture::tape::Tapes;
use capture::turn::turns;
use capture::write::line;
use proptest::prelude::*;
use std::sync::Arc;

fn data() -> impl Strategy<Value = Data> {
    let text = "[ -~äß\n\"]{0,40}".prop_map(|text: String| Data(text.into()));
    let raw = proptest::collection::vec(any::<u8>(), 0..40).prop_map(|raw| Data(raw.into()));
    prop_oneof![text, raw]
}

fn headers() -> impl Strategy<Value = Vec<(String, Data)>> {
    // No value of a header holds a line feed.
    let value =
        data().prop_map(|Data(value)| Data(value.iter().copied().filter(|byte| *byte != b'\n').collect()));
    proptest::collection::vec(("[a-z-]{1,8}", value), 0..3)
}

fn record() -> impl Strategy<Value = Record> {
    let turn = 0..4_u64;
    let ask = proptest::option::of(0..3_u32);
    let how = prop_oneof![Just(How::Whole), Just(How::Broke), Just(How::Left)];
    let retry = prop_oneof![Just(RetryWord::Never), any::<u64>().prop_map(RetryWord::AfterMs)];
    let fault = (retry, "[a-z ]{0,9}").prop_map(|(retry, message)| Trouble {
        side: "upstream".to_owned(),
        kind: 502,
        message,
        code: None,
        hint: None,
        param: None,
        status: None,
        retry,
        unsent: false,
    });
    prop_oneof![
        (turn.clone(), headers(), data()).prop_map(|(turn, headers, body)| Record::Request(Request {
            turn,
            at_us: turn,
            seed: "00".to_owned(),
            method: "POST".to_owned(),
            url: "/x".to_owned(),
            headers,
            setup: String::new(),
            caller: String::new(),
            body,
        })),
        (turn.clone(), 0..3_u32, data()).prop_map(|(turn, ask, body)| Record::Asked(Asked {
            turn,
            ask,
            us: 3,
            attempt: 0,
            backend: "b".to_owned(),
            key: 0,
            key_bytes: 3,
            leased: turn == 0,
            method: "POST".to_owned(),
            url: "http://x".to_owned(),
            headers: Vec::new(),
            body,
        })),
        (turn.clone(), ask.clone(), headers()).prop_map(|(turn, ask, headers)| Record::Heard(Head {
            turn,
            ask,
            us: 1,
            status: 200,
            headers
        })),
        (turn.clone(), ask.clone(), data()).prop_map(|(turn, ask, data)| Record::Came(Piece {
            turn,
            ask,
            us: 2,
            data
        })),
        (turn.clone(), ask, how, proptest::option::of(fault)).prop_map(|(turn, ask, how, fault)| {
            Record::Over(Ended { turn, ask, us: 9, how, renewed: false, fault })
        }),
        turn.prop_map(|turn| Record::Gap { turn }),
    ]
}

fn head() -> Record {
    Record::Capture { version: VERSION, program: "test".to_owned(), at_ms: 5, host: "host-1".to_owned() }
}

proptest! {
    #[test]
    fn any_cut_leaves_all_whole_lines(records in proptest::collection::vec(record(), 0..12), cut in any::<prop::sample::Index>()) {
        let mut file = line(&head());
        let mut ends = vec![file.len()];
        for record in &records {
            file.extend(line(record));
            ends.push(file.len());
        }
        let at = cut.index(file.len() + 1);
        let whole = ends.iter().filter(|end| **end <= at).count();
        match read(&file[..at]) {
            Ok(contents) => {
                prop_assert_eq!(&contents.records[..], &records[..whole.saturating_sub(1)]);
                prop_assert!(contents.bad.is_empty());
                prop_assert_eq!(contents.is_cut, whole > 0 && ends[whole - 1] != at);
                turns(&contents);
            }
            // Not even the first line, or not its end, which is not needed.
            Err(_) => prop_assert!(at < ends[0]),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(raw in proptest::collection::vec(any::<u8>(), 0..300), after in any::<bool>()) {
        let mut file = if after { line(&head()) } else { Vec::new() };
        file.extend(raw);
        if let Ok(contents) = read(&file) {
            turns(&contents);
        }
    }
}

#[test]
fn one_bad_line_costs_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(rules(folder.path())).expect("a thread");
    turn(&tapes, &["x"]);
    kept(&tapes, folder.path());
    let mut file = bytes(folder.path());
    let whole = read(&file).expect("a capture");
    let lines = file.iter().filter(|byte| **byte == b'\n').count();
    file.extend_from_slice(
        b"{\"what\":\"sent\",\"turn\":\n{\"what\":\"of a later version\",\"turn\":1,\"bytes\":3}\na\nb\n",
    );
    let spoilt = read(&file).expect("a capture");
    assert_eq!(spoilt.bad.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [lines + 1]);
    assert_eq!(turns(&spoilt), turns(&whole));
}

#[test]
fn other_files_and_versions_are_told_apart() {
    for (file, wanted) in [
        (&b""[..], "the file is empty"),
        (b"hello", "this is no capture file"),
        (b"{\"what\":\"gap\",\"turn\":1}\n", "this is no capture file"),
        (
            b"{\"what\":\"capture\",\"version\":1,\"program\":\"lip 9\",\"at_ms\":1}\n",
            "version 1, written by lip 9",
        ),
    ] {
        let error = read(file).expect_err("no capture");
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn bytes_that_are_no_text_come_back() {
    let record =
        Record::Sent(Piece { turn: 1, ask: None, us: 1, data: Data(Bytes::from_static(b"\xff\x00a")) });
    let file = [line(&head()), line(&record)].concat();
    assert_eq!(read(&file).expect("a capture").records, [record]);
}

/// Bodies that go on from each other, and pieces that are passed on.
#[test]
fn what_stands_there_already_comes_back_and_is_not_written_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(rules(folder.path())).expect("a thread");
    let said: Vec<String> = (0..300).map(|n| format!("\"word {n}\",")).collect();
    let body = |n: usize| format!("{{\"model\":\"m\",\"messages\":[{}\"end\"]}}", said[..n].concat());
    let (piece, other) = ("a piece of some length", "and another piece of it");
    for n in [250, 260, 300] {
        let asks = body(n).replace("\"m\"", "\"theirs-by-name\"");
        turn_of(&tapes, &body(n), (&asks, &[piece, other, piece]), &[piece, other, "their own", piece]);
    }
    let kept = kept(&tapes, folder.path());
    for (turn, n) in kept.iter().zip([250, 260, 300]) {
        assert!(turn.is_whole(), "{turn:?}");
        assert_eq!(turn.request.body.0, body(n));
        assert_eq!(turn.asks[&0].asked.body.0, body(n).replace("\"m\"", "\"theirs-by-name\""));
        let came: Vec<&[u8]> = turn.asks[&0].came.iter().map(|piece| &piece.data.0[..]).collect();
        assert_eq!(came, [piece.as_bytes(), other.as_bytes(), piece.as_bytes()]);
        assert_eq!(String::from_utf8(turn.bytes()).expect("text"), format!("{piece}{other}their own{piece}"));
    }
    assert_eq!(kept.len(), 3);
    let file = bytes(folder.path());
    let times = |text: &str| memchr::memmem::find_iter(&file, text).count();
    assert_eq!((times("word 249"), times("word 299"), times("theirs-by-name")), (1, 1, 3));
    assert_eq!((times(piece), times(other), times("their own")), (6, 3, 3));
}

#[test]
fn what_names_a_line_that_is_not_there_is_no_whole_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(rules(folder.path())).expect("a thread");
    let long = "long ".repeat(400);
    for _ in 0..2 {
        turn_of(&tapes, &long, (&long, &["a piece of some length"]), &["a piece of some length"]);
    }
    assert_eq!(kept(&tapes, folder.path()).len(), 2);
    let file = bytes(folder.path());
    let without = |line: &[u8]| {
        let at = memchr::memmem::find(&file, line).expect("the line");
        [&file[..at], b"x", &file[at..]].concat()
    };
    let spoilt = read(&without(b"{\"what\":\"request\",\"turn\":1")).expect("a capture");
    assert!(turns(&spoilt).is_empty() && !spoilt.bad.is_empty(), "{spoilt:?}");
    let spoilt = read(&without(b"{\"what\":\"came\",\"turn\":1")).expect("a capture");
    assert_eq!(turns(&spoilt).iter().map(|turn| turn.has_gap).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn no_secret_is_written_where_what_was_written_meets_what_is_new() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = "secret-0123456789";
    let tapes = Tapes::start(capture::rules::Rules { masks: Arc::new(Word(secret)), ..rules(folder.path()) })
        .expect("a thread");
    let (before, after) = ("b".repeat(1000), "a".repeat(1000));
    // Nothing of it is secret, and then what is put between is.
    let whole = format!("{before}secret-0123456{after}");
    let new = format!("{before}secret-0123456789{after}");
    turn_of(&tapes, &whole, (&new, &["secret-01", "23456789"]), &["secret-01234", "56789"]);
    turn_of(&tapes, &new, (&whole, &["secret-01", "23456789 b"]), &["secret-01", "23456789 b"]);
    let kept = kept(&tapes, folder.path());
    let masked = new.replace(secret, &"*".repeat(secret.len()));
    assert_eq!(
        (&kept[0].asks[&0].asked.body.0[..], &kept[1].request.body.0[..]),
        (masked.as_bytes(), masked.as_bytes())
    );
    assert_eq!(
        (&kept[0].request.body.0[..], &kept[1].asks[&0].asked.body.0[..]),
        (whole.as_bytes(), whole.as_bytes())
    );
    assert_eq!(kept[0].bytes(), "*".repeat(secret.len()).as_bytes());
    assert_eq!(kept[1].bytes(), format!("{} b", "*".repeat(secret.len())).as_bytes());
    assert!(memchr::memmem::find(&bytes(folder.path()), secret.as_bytes()).is_none());
}

#[test]
fn turns_of_a_file_make_a_file_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let tapes = Tapes::start(rules(folder.path())).expect("a thread");
    let long = "long ".repeat(400);
    for _ in 0..3 {
        turn_of(&tapes, &long, (&long, &["a piece of some length"]), &["a piece of some length"]);
    }
    let whole_turns = kept(&tapes, folder.path());
    let whole = read(&bytes(folder.path())).expect("a capture");
    // Of what it names nothing is there.
    let records = whole.records.iter().filter(|record| record.turn() == Some(3));
    let one = read(&capture::write::file(&whole, records)).expect("a capture");
    assert_eq!((one.host.as_str(), one.at_ms, one.bad.len()), ("host-1", whole.at_ms, 0));
    assert_eq!(turns(&one), whole_turns[2..]);
}
