//! Reads capture files: any bytes give the lines that are whole, and a sentence for each that is not.
use crate::heads;
use crate::record::{Data, Record, VERSION};
use bytes::Bytes;
use memchr::{memchr, memchr_iter};
use serde::Deserialize;
use std::collections::HashMap;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Its lines in their order, but for the first one.
    pub records: Vec<Record>,
    /// The program that wrote it.
    pub program: String,
    /// When it was begun, in milliseconds since 1970.
    pub at_ms: u64,
    /// The name by which the host knew its own requests again; empty: not known.
    pub host: String,
    /// What cannot be read: the number of the line from 1 on, and why.
    pub bad: Vec<(usize, String)>,
    /// The last line has no end: its writer was still at it, or was ended.
    pub is_cut: bool,
}

/// Unreadable lines that are told of.
const BAD_MAX: usize = 100;
/// What bodies may come to that name parts of others, together.
const PUT_TOGETHER_MAX: usize = 4 << 30;

/// What follows a line, and what of it stands elsewhere.
#[derive(Default, Deserialize)]
struct Sizes {
    #[serde(default)]
    head: usize,
    #[serde(default)]
    bytes: usize,
    /// The request of this turn, and how much of it is at the beginning and at the end.
    like: Option<(u64, usize, usize)>,
    /// The number of a piece of the turn's upstreams …
    piece: Option<u64>,
    /// … and that of the one that has the same bytes.
    r#as: Option<u64>,
}

/// What lines name later.
#[derive(Default)]
struct Named {
    requests: HashMap<u64, Bytes>,
    /// By turn and number.
    came: HashMap<(u64, u64), Bytes>,
    put_together: usize,
}

/// Reads the bytes of a file.
///
/// # Errors
/// It is no capture, or one of another version; in one sentence.
pub fn read(bytes: &[u8]) -> Result<Contents, String> {
    let mut left = Bytes::copy_from_slice(bytes);
    let mut contents = first(&mut left)?;
    let (mut named, mut n) = (Named::default(), 2);
    while !left.is_empty() {
        let whole = left.clone();
        let Some(line) = line(&mut left) else {
            contents.is_cut = true;
            break;
        };
        match record(&line, &mut left, &mut named) {
            Ok(Some(record)) => contents.records.push(record),
            Ok(None) => {
                contents.is_cut = true;
                break;
            }
            Err(error) if contents.bad.len() < BAD_MAX => contents.bad.push((n, error)),
            Err(_) => {}
        }
        let read = whole.get(..whole.len() - left.len()).unwrap_or_default();
        n += memchr_iter(b'\n', read).count();
    }
    Ok(contents)
}

fn first(left: &mut Bytes) -> Result<Contents, String> {
    if left.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let line = line(left).unwrap_or_else(|| std::mem::take(left));
    match serde_json::from_slice(&line) {
        Ok(Record::Capture { version: VERSION, program, at_ms, host }) => {
            Ok(Contents { program, at_ms, host, ..Contents::default() })
        }
        Ok(Record::Capture { version, program, .. }) => Err(format!(
            "the capture has version {version}, written by {program}; this program reads version {VERSION}"
        )),
        Ok(_) | Err(_) => Err("this is no capture file: its first line does not say so".to_owned()),
    }
}

/// The next line, without its end; none where it has none.
fn line(left: &mut Bytes) -> Option<Bytes> {
    let line = left.split_to(memchr(b'\n', left)?);
    let _ = left.split_to(1);
    Some(line)
}

/// What a line says, with the bytes that follow it; none where they are not all there.
fn record(line: &[u8], left: &mut Bytes, named: &mut Named) -> Result<Option<Record>, String> {
    let sizes: Sizes = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let record = serde_json::from_slice(line).map_err(|error| error.to_string());
    let follows = sizes.head.checked_add(sizes.bytes).ok_or("its sizes are none")?;
    if follows >= left.len() && follows > 0 {
        return Ok(None);
    }
    if follows > 0 && left.get(follows) != Some(&b'\n') {
        return Err("its bytes do not end where they should".to_owned());
    }
    let head = left.split_to(sizes.head);
    let body = left.split_to(sizes.bytes);
    let _ = left.split_to(usize::from(follows > 0));
    named.fill(record?, &head, body, &sizes).map(Some)
}

impl Named {
    fn fill(
        &mut self,
        mut record: Record,
        head: &Bytes,
        body: Bytes,
        sizes: &Sizes,
    ) -> Result<Record, String> {
        match &mut record {
            Record::Request(request) => {
                let body = self.whole(body, sizes)?;
                self.requests.insert(request.turn, body.clone());
                (request.headers, request.body) = (heads::read(head), Data(body));
            }
            Record::Asked(asked) => {
                let Ok(body) = self.whole(body, sizes) else { return Ok(Record::Gap { turn: asked.turn }) };
                (asked.headers, asked.body) = (heads::read(head), Data(body));
            }
            Record::Heard(told) | Record::Answer(told) => told.headers = heads::read(head),
            Record::Came(piece) => {
                self.came.extend(sizes.piece.map(|n| ((piece.turn, n), body.clone())));
                piece.data = Data(body);
            }
            Record::Sent(piece) => {
                let named = sizes.r#as.map(|n| self.came.get(&(piece.turn, n)).cloned());
                let Some(data) = named.unwrap_or(Some(body)) else {
                    return Ok(Record::Gap { turn: piece.turn });
                };
                piece.data = Data(data);
            }
            Record::Found { data, .. } => *data = Data(body),
            Record::Capture { .. }
            | Record::Named { .. }
            | Record::Session { .. }
            | Record::Rotation { .. }
            | Record::Refused { .. }
            | Record::Ended(_)
            | Record::Over(_)
            | Record::Gap { .. }
            | Record::Unknown => {}
        }
        Ok(record)
    }

    /// A body with what stands in the request that it is like.
    fn whole(&mut self, body: Bytes, sizes: &Sizes) -> Result<Bytes, String> {
        let Some((turn, first, last)) = sizes.like else { return Ok(body) };
        let other = self.requests.get(&turn).ok_or("it names a request that is not there")?;
        let parts = other.get(..first).zip(other.len().checked_sub(last).and_then(|at| other.get(at..)));
        let (first, last) = parts.ok_or("it names more of a request than there is")?;
        self.put_together += first.len() + body.len() + last.len();
        if self.put_together > PUT_TOGETHER_MAX {
            return Err("its bodies come to more than can be held".to_owned());
        }
        Ok([first, &body, last].concat().into())
    }
}
