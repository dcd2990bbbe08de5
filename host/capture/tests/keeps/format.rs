use crate::kit::{bytes, kept, rules, turn};
use bytes::Bytes;
use capture::read::read;
use capture::record::{
    Asked, Data, Ended, Head, How, Piece, Record, Request, RetryWord, Trouble, VERSION, line,
};
use capture::tape::Tapes;
use capture::turn::turns;
use proptest::prelude::*;

fn data() -> impl Strategy<Value = Data> {
    let text = "[ -~äß\n\"]{0,40}".prop_map(|text: String| Data(text.into()));
    let raw = proptest::collection::vec(any::<u8>(), 0..40).prop_map(|raw| Data(raw.into()));
    prop_oneof![text, raw]
}

fn headers() -> impl Strategy<Value = Vec<(String, Data)>> {
    proptest::collection::vec(("[a-z-]{1,8}", data()), 0..3)
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
    file.extend_from_slice(b"{\"what\":\"sent\",\"turn\":\n{\"what\":\"of a later version\",\"turn\":1}\n");
    let spoilt = read(&file).expect("a capture");
    assert_eq!(spoilt.bad.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [whole.records.len() + 2]);
    assert_eq!(turns(&spoilt), turns(&whole));
}

#[test]
fn other_files_and_versions_are_told_apart() {
    for (file, wanted) in [
        (&b""[..], "the file is empty"),
        (b"hello", "this is no capture file"),
        (b"{\"what\":\"gap\",\"turn\":1}\n", "this is no capture file"),
        (
            b"{\"what\":\"capture\",\"version\":2,\"program\":\"lip 9\",\"at_ms\":1}\n",
            "version 2, written by lip 9",
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
