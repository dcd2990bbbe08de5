use super::*;
use bytes::BytesMut;
use lip_abi::{Event, Op};
use parking_lot::Mutex;

/// Memory in which everything that is lent lies in its own place.
#[derive(Default)]
struct Shelf(Mutex<Vec<Bytes>>);

impl Memory for Shelf {
    fn lend(&self, bytes: &Bytes) -> Option<Lent> {
        let mut places = self.0.lock();
        places.push(bytes.clone());
        Some(Lent { place: places.len() as u32 - 1, at: 0, len: bytes.len() as u64 })
    }

    fn view(&self, lent: Lent) -> Option<Bytes> {
        let bytes = self.0.lock().get(lent.place as usize)?.clone();
        let end = lent.at.checked_add(lent.len)?;
        (end <= bytes.len() as u64).then(|| bytes.slice(lent.at as usize..end as usize))
    }
}

fn buf(text: &'static str) -> Buf {
    Buf::from_static(text.as_bytes())
}

fn asks() -> Vec<Ask> {
    let completion = Completion {
        id: 7,
        status: 1,
        flags: 2,
        handle: 3,
        arg: u64::MAX,
        meta: buf("m"),
        body: Buf::from(vec![9; LEND_FROM]),
    };
    vec![
        Ask::Create {
            n: 1,
            connector: "a".into(),
            instance: "a.b".into(),
            config: Bytes::from_static(b"{}"),
        },
        Ask::Start {
            n: 1,
            key: 2,
            moment: Moment { now_ms: 3, looks_until: 4 },
            what: "turn".into(),
            meta: buf("{}"),
            body: buf("body"),
        },
        Ask::Resume { key: 2, moment: Moment { now_ms: 4, looks_until: 0 }, done: vec![completion].into() },
        Ask::Drop { key: 2 },
        Ask::Shutdown { n: 1 },
        Ask::Forget { n: 1 },
    ]
}

fn tells() -> Vec<Tell> {
    let op = Op { id: 1, kind: 2, flags: 3, handle: 4, arg: 5, meta: buf("meta"), body: buf("") };
    let event = Event { kind: 1, index: 2, handle: 3, arg: 4, meta: buf(""), data: buf("data") };
    let out = StepOut { ops: vec![op].into(), cancels: vec![8, 9].into(), events: vec![event].into() };
    let error = || AbiError { code: buf("auth"), detail: buf("{}") };
    vec![
        Tell::Ready { sandbox: "landlock".into() },
        Tell::Refused { why: "no".into() },
        Tell::Created { n: 1, error: None },
        Tell::Created { n: 1, error: Some(error()) },
        Tell::Stepped { key: 2, woken: true, step: Step::Pending, out },
        Tell::Stepped { key: 2, woken: false, step: Step::Failed(error()), out: StepOut::default() },
        Tell::Wake { key: 2 },
        Tell::Log { level: 3, target: "t".into(), message: "é".into() },
        Tell::Freed { places: vec![0, 7] },
    ]
}

fn written<T>(message: &T, write: impl Fn(&T, &Shelf, &mut BytesMut), shelf: &Shelf) -> Bytes {
    let mut out = BytesMut::new();
    write(message, shelf, &mut out);
    out.freeze()
}

#[test]
fn messages_come_back_as_they_were() {
    let shelf = Shelf::default();
    for ask in asks() {
        let bytes = written(&ask, write_ask, &shelf);
        let back = read_ask(bytes, &shelf).expect("a message");
        assert_eq!(format!("{back:?}"), format!("{ask:?}"));
    }
    for tell in tells() {
        let bytes = written(&tell, write_tell, &shelf);
        let back = read_tell(bytes, &shelf).expect("a message");
        assert_eq!(format!("{back:?}"), format!("{tell:?}"));
    }
    assert_eq!(shelf.0.lock().len(), 1, "only the long payload is lent");
}

#[test]
fn no_part_of_a_message_is_one() {
    let shelf = Shelf::default();
    for tell in tells() {
        let bytes = written(&tell, write_tell, &shelf);
        for end in 0..bytes.len() {
            assert!(read_tell(bytes.slice(..end), &shelf).is_err(), "{end} bytes of {tell:?}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(read_tell(longer.into(), &shelf).is_err(), "one byte more than {tell:?}");
    }
}

#[test]
fn every_changed_byte_is_survived() {
    let shelf = Shelf::default();
    for tell in tells() {
        let bytes = written(&tell, write_tell, &shelf);
        for at in 0..bytes.len() {
            for value in [0, 1, 2, 3, 127, 255] {
                let mut changed = bytes.to_vec();
                changed[at] = value;
                // Whatever it means, it is a message or it is none.
                let _ = read_tell(changed.into(), &shelf);
            }
        }
    }
}

#[test]
fn counts_are_bounded_before_anything_is_made() {
    let mut message = vec![68];
    message.extend_from_slice(&2u64.to_le_bytes());
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(&u32::MAX.to_le_bytes());
    let wrong = read_tell(message.into(), &Shelf::default()).expect_err("too many");
    assert_eq!(wrong, Malformed("it counts more than it can hold"));
}

#[test]
fn memory_that_is_not_lent_is_not_read() {
    let shelf = Shelf::default();
    shelf.lend(&Bytes::from_static(b"0123456789"));
    let named = |place: u32, at: u64, len: u64| {
        let mut message = vec![67, 1, 0, 0, 0, 0, 0, 0, 0, 1, EMPTY, LENT];
        message.extend_from_slice(&place.to_le_bytes());
        message.extend_from_slice(&at.to_le_bytes());
        message.extend_from_slice(&len.to_le_bytes());
        read_tell(message.into(), &shelf)
    };
    let Ok(Tell::Created { error: Some(error), .. }) = named(0, 2, 3) else { panic!("lent") };
    assert_eq!(&*error.detail, b"234");
    for (place, at, len) in [(1, 0, 1), (0, 0, 11), (0, 10, 1), (0, u64::MAX, 2), (0, 2, u64::MAX)] {
        assert_eq!(named(place, at, len).err(), Some(Malformed("it names memory that is not lent")));
    }
}
