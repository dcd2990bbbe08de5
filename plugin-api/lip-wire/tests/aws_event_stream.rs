//! AWS event streams: the published vectors, every type of header, each kind of damage, and the same result for every split of the bytes.
use bytes::Bytes;
use lip_wire::frame::aws_event_stream::{Decoder, Fault, Message, Value};
use proptest::{collection::vec, prelude::*};

/// Vectors of AWS's own decoders and of messages that Amazon's chat services send: fact, bytes.
const VECTORS: [(&str, &str); 7] = [
    ("empty", "000000100000000005c248eb7d98c8ff"),
    ("payload alone", "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936"),
    ("one number", "0000002b0000000e348bec7b086576656e742d6964040000a00c7b27666f6f273a27626172277dd3890285"),
    (
        "one text",
        "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1",
    ),
    (
        "all types",
        "000000cc000000af0fae64ca0a6576656e742d74797065040000a00c0c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e\
         0a626f6f6c2066616c73650109626f6f6c207472756500046279746502cf08627974652062756606001449276d2061206c6974746c6520746561706f7421\
         0974696d657374616d70080000000000845fed05696e74313603002a05696e7436340500000000028757b20475756964090102030405060708090a0b0c0d\
         0e0f107b27666f6f273a27626172277daba5f10c",
    ),
    (
        "event",
        "0000007c0000005c3bddcf780b3a6576656e742d74797065070016617373697374616e74526573706f6e73654576656e740d3a636f6e74656e742d747970\
         650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22636f6e74656e74223a224869227db02babdc",
    ),
    (
        "exception",
        "0000008300000061a9d144e50f3a657863657074696f6e2d747970650700135468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d7479\
         70650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765223a22736c6f\
         77227d7224f209",
    ),
];

fn vector(fact: &str) -> Vec<u8> {
    let (_, hex) = VECTORS.iter().find(|(name, _)| *name == fact).unwrap_or(&("", ""));
    let digits: Vec<u8> = hex.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
    digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}

fn all() -> Vec<u8> {
    VECTORS.iter().flat_map(|(fact, _)| vector(fact)).collect()
}

/// What came, and how it ended.
type Read = (Vec<Message>, Result<(), Fault>);

fn read<'a>(decoder: &mut Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let (mut messages, mut fault) = (Vec::new(), None);
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(next) = decoder.next_event() {
            match next {
                Ok(message) => messages.push(message),
                Err(found) => assert_eq!(fault.replace(found), None, "a second fault"),
            }
        }
    }
    let end = decoder.finish();
    (messages, fault.map_or(end, Err))
}

fn whole(bytes: &[u8]) -> Read {
    read(&mut Decoder::default(), [bytes])
}

/// A message as a server writes it, with true checksums.
fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = (headers.len() + payload.len() + 16) as u32;
    let len = headers.len() as u32;
    let mut bytes = [total.to_be_bytes(), len.to_be_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend_from_slice(headers);
    bytes.extend_from_slice(payload);
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

#[test]
fn vectors_are_read_whole_and_cut_at_every_byte() {
    let stream = all();
    let expected = whole(&stream);
    assert_eq!((expected.0.len(), expected.1), (VECTORS.len(), Ok(())));
    for cut in 0..=stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(read(&mut Decoder::default(), [a, b]), expected, "cut at {cut}");
    }
    assert_eq!(read(&mut Decoder::default(), stream.chunks(1)), expected);
}

#[test]
fn messages_say_what_they_are() {
    let (messages, _) = whole(&all());
    let of = |at: usize| (messages[at].headers().collect::<Vec<_>>(), messages[at].payload.as_ref());
    assert_eq!(of(0), (vec![], &b""[..]));
    assert_eq!(of(1), (vec![], &b"{'foo':'bar'}"[..]));
    assert_eq!(of(2), (vec![("event-id", Value::Integer(40_972))], &b"{'foo':'bar'}"[..]));
    assert_eq!(messages[3].text("content-type"), Some("application/json"));
    assert_eq!(messages[2].text("event-id"), None, "a number is no text");
    let uuid = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let values = [
        ("event-type", Value::Integer(40_972)),
        ("content-type", Value::Text("application/json")),
        ("bool false", Value::Bool(false)),
        ("bool true", Value::Bool(true)),
        ("byte", Value::Byte(-49)),
        ("byte buf", Value::Bytes(b"I'm a little teapot!")),
        ("timestamp", Value::Timestamp(8_675_309)),
        ("int16", Value::Short(42)),
        ("int64", Value::Long(42_424_242)),
        ("uuid", Value::Uuid(uuid)),
    ];
    assert_eq!(of(4).0, values);
    assert_eq!(messages[5].text(":event-type"), Some("assistantResponseEvent"));
    assert_eq!(messages[5].payload, &br#"{"content":"Hi"}"#[..]);
    assert_eq!(messages[6].text(":exception-type"), Some("ThrottlingException"));
}

#[test]
fn a_changed_byte_is_a_fault_wherever_it_is() {
    let good = vector("all types");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (messages, end) = whole(&bad);
        let expected = if at < 12 { Fault::PreludeChecksum } else { Fault::MessageChecksum };
        assert_eq!((messages.len(), end), (0, Err(expected)), "byte {at}");
    }
}

#[test]
fn nothing_comes_after_a_fault() {
    let mut bad = vector("event");
    bad[40] ^= 1;
    let mut decoder = Decoder::default();
    let (messages, end) = read(&mut decoder, [&vector("empty")[..], &bad, &vector("empty")]);
    assert_eq!((messages.len(), end), (1, Err(Fault::MessageChecksum)));
    decoder.push(vector("empty").into());
    assert_eq!((decoder.next_event(), decoder.finish()), (None, Ok(())));
}

#[test]
fn a_tail_that_is_cut_off_is_told() {
    let good = vector("event");
    for end in 1..good.len() {
        let (messages, told) = whole(&[&good[..], &good[..end]].concat());
        assert_eq!((messages.len(), told), (1, Err(Fault::Truncated { bytes: end })));
    }
}

#[test]
fn lengths_and_headers_that_cannot_be_are_faults() {
    let prelude = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    };
    for (total, headers) in
        [(0, 0), (15, 0), (16, 1), (30, 15), (u32::MAX, u32::MAX), (1 << 20, 128 * 1024 + 1)]
    {
        assert_eq!(whole(&prelude(total, headers)).1, Err(Fault::Lengths { total, headers }));
    }
    let bytes_max = 16 * 1024 * 1024;
    assert_eq!(whole(&prelude(16 * 1024 * 1024 + 1, 0)).1, Err(Fault::TooLarge { bytes_max }));
    assert_eq!(whole(&prelude(16 * 1024 * 1024, 0)).1, Err(Fault::Truncated { bytes: 12 }));
    let mut small = Decoder::new(28);
    let stream = [message(b"", b"123456789012"), message(b"", b"1234567890123")].concat();
    let (messages, end) = read(&mut small, stream.chunks(5));
    assert_eq!((messages.len(), end), (1, Err(Fault::TooLarge { bytes_max: 28 })));
    for headers in [
        &b"\x01"[..],
        b"\x00\x00",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x02",
        b"\x01a\x03\x00",
        b"\x01a\x04\x00\x00\x00",
        b"\x01a\x06\x00",
        b"\x01a\x07\x00\x02b",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
        b"\x01a\x08\x00\x00\x00\x00\x00\x00\x00",
        b"\x01a\x09123456789012345",
        b"\x01a\x00\x01",
    ] {
        assert_eq!(whole(&message(headers, b"{}")).1, Err(Fault::Header), "{headers:?}");
    }
    assert_eq!(whole(&message(b"\x01a\x00\x01a\x06\x00\x00", b"")).0.len(), 1);
}

#[test]
fn a_message_in_one_chunk_is_not_copied() {
    let stream = Bytes::from([vector("event"), vector("exception")].concat());
    let mut decoder = Decoder::default();
    decoder.push(stream.clone());
    for from in [0, 124] {
        let message = decoder.next_event().expect("a message").expect("a good one");
        let at = message.payload.as_ptr() as usize - stream.as_ptr() as usize;
        assert!((from..from + 131).contains(&at), "{at}");
    }
    assert_eq!((decoder.next_event(), decoder.finish()), (None, Ok(())));
}

#[test]
fn faults_are_sentences() {
    for fault in [
        Fault::TooLarge { bytes_max: 7 },
        Fault::Lengths { total: 1, headers: 2 },
        Fault::PreludeChecksum,
        Fault::MessageChecksum,
        Fault::Header,
        Fault::Truncated { bytes: 3 },
    ] {
        assert!(fault.to_string().contains("event stream"), "{fault:?}");
    }
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        (0_u8..2).prop_map(|kind| vec![kind]),
        any::<u8>().prop_map(|v| vec![2, v]),
        any::<[u8; 4]>().prop_map(|v| [&[4], &v[..]].concat()),
        any::<[u8; 8]>().prop_map(|v| [&[8], &v[..]].concat()),
        vec(any::<u8>(), 0..5).prop_map(|v| [&[6, 0, v.len() as u8], &v[..]].concat()),
        "[aé]{0,4}".prop_map(|v| [&[7, 0, v.len() as u8], v.as_bytes()].concat()),
        any::<[u8; 16]>().prop_map(|v| [&[9], &v[..]].concat()),
    ];
    ("[a-z:é]{1,4}", value).prop_map(|(name, value)| [&[name.len() as u8], name.as_bytes(), &value].concat())
}

proptest! {
    /// Whatever is sent arrives, however it is cut; whatever is damaged does not.
    #[test]
    fn splits_do_not_change_messages(
        parts in vec((vec(header(), 0..4), vec(any::<u8>(), 0..40)), 0..5),
        tail in 0_usize..20,
        cuts in vec(any::<prop::sample::Index>(), 0..8),
        damage in proptest::option::of((any::<prop::sample::Index>(), 1_u8..)),
    ) {
        let mut stream: Vec<u8> = parts.iter().flat_map(|(headers, payload)| message(&headers.concat(), payload)).collect();
        let n_good = stream.len();
        stream.extend_from_slice(&message(b"", b"tail")[..tail]);
        if let Some((at, bits)) = &damage && n_good > 0 {
            stream[at.index(n_good)] ^= bits;
        }
        let expected = whole(&stream);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let cut = read(&mut Decoder::default(), at.windows(2).map(|w| &stream[w[0]..w[1]]));
        prop_assert_eq!(&cut, &expected);
        if damage.is_none() || n_good == 0 {
            let payloads: Vec<_> = expected.0.iter().map(|m| m.payload.to_vec()).collect();
            let sent: Vec<_> = parts.iter().map(|(_, payload)| payload.clone()).collect();
            prop_assert_eq!(payloads, sent);
            let n_headers: Vec<_> = expected.0.iter().map(|m| m.headers().count()).collect();
            prop_assert_eq!(n_headers, parts.iter().map(|(headers, _)| headers.len()).collect::<Vec<_>>());
            prop_assert_eq!(expected.1, if tail == 0 { Ok(()) } else { Err(Fault::Truncated { bytes: tail }) });
        } else {
            prop_assert!(expected.1.is_err() && expected.0.len() < parts.len());
        }
    }
}
