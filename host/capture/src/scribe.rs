//! Writes the pieces of turns as lines: masks them, and keeps to the bounds. The only part of this room that waits for a disk.
use crate::files::{Failed, Files, Refused};
use crate::mask::Mask;
use crate::record::{Asked, Data, Ended, Head, How, Piece as Chunk, Record, Request, Trouble, line};
use crate::rules::Rules;
use crate::stream::Stream;
use crate::tape::{Counts, Note, Setup};
use base::Fault;
use events::wire::{End, Moment, Piece, Requested};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Trouble is told of no more often.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Scribe {
    rules: Arc<Rules>,
    files: Files,
    turns: HashMap<u64, Open>,
    told: Option<Instant>,
}

/// A turn that is being written.
#[derive(Debug)]
struct Open {
    file: u64,
    mask: Mask,
    /// By the question; none: what the client gets.
    streams: HashMap<Option<u32>, Stream>,
}

impl Scribe {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self { files: Files::new(Arc::clone(&rules)), rules, turns: HashMap::new(), told: None }
    }

    /// Writes these pieces, with one write for each file.
    pub(crate) fn write(&mut self, notes: Vec<Note>, counts: &Counts) {
        for note in notes {
            self.note(note, counts);
        }
        for Failed { id, error, n_ended } in self.files.flush() {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            self.trouble(&format!("a capture file cannot be written: {error}"));
            let before = self.turns.len();
            self.turns.retain(|_, open| open.file != id);
            counts.cut.fetch_add((before - self.turns.len()) as u64 + n_ended, Ordering::Relaxed);
        }
    }

    fn note(&mut self, note: Note, counts: &Counts) {
        let Note { turn, us, moment, setup, piece } = note;
        let Some(piece) = piece else { return self.cut(turn, counts) };
        if let Piece::Request(request) = piece {
            return self.begin((turn, moment, setup), *request, counts);
        }
        let Some(open) = self.turns.get_mut(&turn) else { return };
        let is_over = matches!(piece, Piece::Over(_));
        let mut lines = open.lines(turn, us, piece);
        if setup.is_renewed
            && let Some(Record::Over(over)) = lines.last_mut()
        {
            over.renewed = true;
        }
        let file = open.file;
        for record in lines {
            if !self.add(file, &record, counts) {
                return self.cut(turn, counts);
            }
        }
        if is_over {
            self.turns.remove(&turn);
            self.files.end(file);
        }
    }

    fn begin(&mut self, (turn, moment, setup): (u64, Moment, Setup), request: Requested, counts: &Counts) {
        let file = match self.files.begin() {
            Ok(file) => file,
            Err(refused) => {
                counts.cut.fetch_add(1, Ordering::Relaxed);
                if let Refused::Io(error) = refused {
                    counts.failures.fetch_add(1, Ordering::Relaxed);
                    let folder = self.rules.folder.display().to_string();
                    self.trouble(&format!("capture files cannot be made in {folder}: {error}"));
                }
                return;
            }
        };
        let mask = Mask::new(Arc::clone(&self.rules.masks));
        let at = moment.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Record::Request(Request {
            turn,
            at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX),
            seed: format!("{:032x}", moment.seed),
            method: request.method.to_string(),
            url: mask.url(&request.uri.to_string()),
            headers: mask.headers(&request.headers),
            setup: if setup.began == 0 { String::new() } else { format!("{:016x}", setup.began) },
            caller: request.caller,
            body: mask.clean(&request.body),
        });
        self.turns.insert(turn, Open { file, mask, streams: HashMap::new() });
        if !self.add(file, &record, counts) {
            self.cut(turn, counts);
        }
    }

    fn add(&mut self, file: u64, record: &Record, counts: &Counts) -> bool {
        let line = line(record);
        match self.files.add(file, &line, false) {
            Ok(()) => {
                counts.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
                true
            }
            Err(Refused::Full) => {
                self.trouble("a captured turn is cut: a bound of capture is reached");
                false
            }
            Err(Refused::Io(error)) => {
                counts.failures.fetch_add(1, Ordering::Relaxed);
                self.trouble(&format!("capture files cannot be kept within their bounds: {error}"));
                false
            }
        }
    }

    /// Nothing more is written of this turn.
    fn cut(&mut self, turn: u64, counts: &Counts) {
        let Some(open) = self.turns.remove(&turn) else { return };
        counts.cut.fetch_add(1, Ordering::Relaxed);
        let _ = self.files.add(open.file, &line(&Record::Gap { turn }), true);
        self.files.give_up(open.file);
    }

    fn trouble(&mut self, sentence: &str) {
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.told = Some(Instant::now());
            tracing::warn!("{sentence}; turns go on");
        }
    }
}

impl Open {
    /// The lines of a piece.
    fn lines(&mut self, turn: u64, us: u64, piece: Piece) -> Vec<Record> {
        let mask = &mut self.mask;
        match piece {
            Piece::Request(_) => Vec::new(),
            Piece::Secret(secret) => {
                mask.add(secret);
                Vec::new()
            }
            Piece::Named(id) => vec![Record::Named { turn, id: id.to_string() }],
            Piece::Session(id, client) => {
                let client = client.map(|client| mask.text(&client));
                vec![Record::Session { turn, id, client }]
            }
            Piece::Rotation(n) => vec![Record::Rotation { turn, n }],
            Piece::Found(of, bytes) => {
                vec![Record::Found { turn, of: mask.text(&of), data: mask.clean(&bytes) }]
            }
            Piece::Refused(by, fault) => vec![Record::Refused { turn, by, fault: trouble(&fault, mask) }],
            Piece::Asked(ask, asked) => vec![Record::Asked(Asked {
                turn,
                ask,
                us,
                attempt: asked.attempt,
                backend: asked.backend,
                key: asked.key,
                key_bytes: asked.key_bytes,
                leased: asked.is_leased,
                method: asked.method.to_string(),
                url: mask.url(&asked.url),
                headers: mask.headers(&asked.headers),
                body: mask.clean(&asked.body),
            })],
            Piece::Heard(ask, status, headers) => {
                let headers = mask.headers(&headers);
                vec![Record::Heard(Head { turn, ask: Some(ask), us, status, headers })]
            }
            Piece::Answer(status, headers) => {
                let headers = mask.headers(&headers);
                vec![Record::Answer(Head { turn, ask: None, us, status, headers })]
            }
            Piece::Came(ask, bytes) => {
                let pieces = self.streams.entry(Some(ask)).or_default().push(us, bytes, mask);
                pieces.into_iter().map(|piece| came(turn, Some(ask), piece)).collect()
            }
            Piece::Sent(bytes) => {
                let pieces = self.streams.entry(None).or_default().push(us, bytes, mask);
                pieces.into_iter().map(|piece| came(turn, None, piece)).collect()
            }
            Piece::Ended(ask, end) => {
                let mut lines = self.rest(turn, Some(ask));
                lines.push(Record::Ended(self.ended((turn, Some(ask)), us, &end)));
                lines
            }
            Piece::Over(end) => {
                let asks: Vec<Option<u32>> = self.streams.keys().copied().collect();
                let mut lines: Vec<Record> = asks.into_iter().flat_map(|ask| self.rest(turn, ask)).collect();
                lines.push(Record::Over(self.ended((turn, None), us, &end)));
                lines
            }
        }
    }

    /// The pieces of a body that were held back.
    fn rest(&mut self, turn: u64, ask: Option<u32>) -> Vec<Record> {
        let rest = self.streams.remove(&ask).map(|mut stream| stream.finish());
        rest.into_iter().flatten().map(|piece| came(turn, ask, piece)).collect()
    }

    fn ended(&self, (turn, ask): (u64, Option<u32>), us: u64, end: &End) -> Ended {
        let (how, fault) = match end {
            End::Whole => (How::Whole, None),
            End::Left => (How::Left, None),
            End::Broke(fault) => (How::Broke, Some(trouble(fault, &self.mask))),
        };
        Ended { turn, ask, us, how, renewed: false, fault }
    }
}

fn trouble(fault: &Fault, mask: &Mask) -> Trouble {
    let mut trouble = Trouble::from(fault);
    trouble.message = mask.text(&trouble.message);
    trouble.hint = trouble.hint.map(|hint| mask.text(&hint));
    trouble
}

fn came(turn: u64, ask: Option<u32>, (us, data): (u64, Data)) -> Record {
    let chunk = Chunk { turn, ask, us, data };
    if ask.is_some() { Record::Came(chunk) } else { Record::Sent(chunk) }
}
