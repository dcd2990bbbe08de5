//! Turns that are told as an engine tells them.
#![expect(clippy::expect_used, reason = "a kit of tests may fail by panic")]
use bytes::Bytes;
use capture::read::read;
use capture::rules::{Masks, NoMasks, Rules, Secrets};
use capture::tape::Tapes;
use capture::turn::{Turn, turns};
use events::wire::{Asked, End, Piece, Requested, Standing, Wire, Wires};
use http::{HeaderMap, Method, Uri};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn rules(folder: &Path) -> Rules {
    Rules {
        folder: folder.to_owned(),
        sessions: Vec::new(),
        file_bytes: 1 << 20,
        total_bytes: 10 << 20,
        files: 10,
        rotate_every: Duration::ZERO,
        keep: Duration::ZERO,
        queue_bytes: 8 << 20,
        program: "test".to_owned(),
        host: "host-1".to_owned(),
        masks: Arc::new(NoMasks),
    }
}

/// Masks this word.
#[derive(Clone, Debug)]
pub(crate) struct Word(pub(crate) &'static str);

impl Masks for Word {
    fn now(&self) -> Arc<dyn Secrets> {
        Arc::new(self.clone())
    }
}

impl Secrets for Word {
    fn mask(&self, bytes: &mut [u8]) -> usize {
        let mut n = 0;
        while let Some(at) = memchr::memmem::find(bytes, self.0.as_bytes()) {
            bytes[at..at + self.0.len()].fill(b'*');
            n += 1;
        }
        n
    }

    fn finds(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(bytes, self.0.as_bytes()).is_some()
    }

    fn longest(&self) -> usize {
        self.0.len()
    }
}

pub(crate) fn request(wire: &dyn Wire, body: &str) {
    let headers = HeaderMap::from_iter([
        (http::header::AUTHORIZATION, "Bearer the-clients-key".parse().expect("a value")),
        (http::header::ACCEPT, "*/*".parse().expect("a value")),
    ]);
    wire.tell(Piece::Request(&Requested {
        method: &Method::POST,
        uri: &Uri::from_static("/v1/chat/completions?key=the-clients-key"),
        headers: &headers,
        body: &Bytes::copy_from_slice(body.as_bytes()),
        caller: "alice",
    }));
}

pub(crate) fn asked() -> Asked {
    Asked {
        backend: "openai".to_owned(),
        attempt: 0,
        key: 0,
        key_bytes: 3,
        is_leased: false,
        method: Method::POST,
        url: "https://me:pw@api.test/v1?key=the-hosts-key".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
    }
}

/// A turn whose upstream says `pieces`, which are what its client gets.
pub(crate) fn turn(tapes: &Tapes, pieces: &[&str]) -> Arc<dyn Wire> {
    turn_of(tapes, "hello", ("{}", pieces), pieces)
}

/// A turn with these bodies: of its request, of the question and its answer, and of what its client gets.
pub(crate) fn turn_of(
    tapes: &Tapes,
    body: &str,
    (asks, came): (&str, &[&str]),
    sent: &[&str],
) -> Arc<dyn Wire> {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let wire = tapes.wire().expect("a wire");
    request(&*wire, body);
    wire.tell(Piece::Session("lip-1", Some("mine")));
    let number = wire.next_question();
    wire.tell(Piece::Asked(number, &Asked { body: bytes(asks), ..asked() }));
    wire.tell(Piece::Heard(number, 200, &HeaderMap::new()));
    wire.tell(Piece::Answer(200, &HeaderMap::new()));
    for at in 0..came.len().max(sent.len()) {
        came.get(at).iter().for_each(|piece| wire.tell(Piece::Came(number, &bytes(piece))));
        sent.get(at).iter().for_each(|piece| wire.tell(Piece::Sent(&bytes(piece))));
    }
    wire.tell(Piece::Ended(number, &End::Whole));
    wire.tell(Piece::Over(&End::Whole));
    wire
}

/// Closes it, and reads all files.
pub(crate) fn kept(tapes: &Tapes, folder: &Path) -> Vec<Turn> {
    tapes.close(Duration::from_secs(60));
    let files = capture::files::list(folder);
    let contents = files.iter().map(|path| read(&std::fs::read(path).expect("a file")).expect("a capture"));
    contents.flat_map(|contents| turns(&contents)).collect()
}

/// The bytes of all files.
pub(crate) fn bytes(folder: &Path) -> Vec<u8> {
    capture::files::list(folder).iter().flat_map(|path| std::fs::read(path).expect("a file")).collect()
}

pub(crate) fn standing(tapes: &Tapes) -> Standing {
    tapes.standing().expect("it keeps turns")
}
