//! Writes what was told of turns: masks it, leaves out what stands in the file already, and keeps to the bounds. The only part of this room
//! that waits for a disk.
use crate::alike::{Alike, Written, compare};
use crate::draft::{Body, Draft, Line, What};
use crate::files::{Failed, Files, Refused};
use crate::json::Json;
use crate::mask::Mask;
use crate::rules::{Rules, Secrets};
use crate::stream::Stream;
use crate::tape::Counts;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Trouble is told of no more often.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Pieces of upstreams that may be what the client gets next.
const CAME_MAX: usize = 8;
/// Smaller pieces are written again rather than named.
const NAMED_MIN: usize = 16;
/// A body that has less in common with its turn's request is written whole.
const ALIKE_MIN: usize = 256;

#[derive(Debug)]
pub(crate) struct Scribe {
    rules: Arc<Rules>,
    files: Files,
    written: Written,
    turns: HashMap<u64, Open>,
    told: Option<Instant>,
}

/// A turn that is being written.
#[derive(Debug)]
struct Open {
    turn: u64,
    file: u64,
    mask: Mask,
    /// The body of its request, where no secret is in it.
    request: Option<Bytes>,
    /// Of each question, and of what the client gets.
    streams: Vec<(Option<u32>, Stream)>,
    /// Pieces of upstreams that are written: how many, and the last of them.
    n_came: u64,
    came: VecDeque<Bytes>,
}

/// A line without its sizes, as it was drafted: JSON, and headers behind it; how many bytes the JSON has.
type Head<'a> = (&'a [u8], usize);

impl Scribe {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        let (files, written) = (Files::new(Arc::clone(&rules)), Written::default());
        Self { rules, files, written, turns: HashMap::new(), told: None }
    }

    /// Takes the lines of a turn.
    pub(crate) fn write(&mut self, turn: u64, draft: Draft, counts: &Counts) {
        let mut text = Bytes::from(draft.text);
        let mut take = |n: usize| text.split_to(n.min(text.len()));
        let secrets = self.rules.masks.now();
        let mut open = self.turns.remove(&turn);
        if let Some(open) = &mut open {
            open.mask.renew(&secrets);
        }
        let mut before = Bytes::new();
        for Line { what, us, json, head, body } in draft.lines {
            let head = take(json + head);
            let body = match body {
                Body::Here(n) => take(n),
                Body::Apart(bytes) => bytes,
                Body::Same => std::mem::take(&mut before),
            };
            if matches!(what, What::Came(_)) {
                before = body.clone();
            }
            if matches!(what, What::Request) {
                open = self.begin(turn, &secrets, counts);
            }
            let Some(mut own) = open.take() else { continue };
            let is_over = matches!(what, What::Over);
            match self.line(&mut own, (what, us), (&head, json), body) {
                Ok(n) => {
                    counts.bytes.fetch_add(n, Ordering::Relaxed);
                    if is_over {
                        self.files.end(own.file);
                    } else {
                        open = Some(own);
                    }
                }
                Err(refused) => self.cut(&own, refused, counts),
            }
        }
        self.turns.extend(open.map(|open| (turn, open)));
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self, counts: &Counts) {
        for Failed { id, error, n_ended } in self.files.flush() {
            counts.failures.fetch_add(1, Ordering::Relaxed);
            self.trouble(&format!("a capture file cannot be written: {error}"));
            let before = self.turns.len();
            self.turns.retain(|_, open| open.file != id);
            counts.cut.fetch_add((before - self.turns.len()) as u64 + n_ended, Ordering::Relaxed);
        }
    }

    fn begin(&mut self, turn: u64, secrets: &Arc<dyn Secrets>, counts: &Counts) -> Option<Open> {
        match self.files.begin() {
            Ok(file) => Some(Open::new(turn, file, Mask::new(Arc::clone(secrets)))),
            Err(refused) => {
                counts.cut.fetch_add(1, Ordering::Relaxed);
                if let Refused::Io(error) = refused {
                    counts.failures.fetch_add(1, Ordering::Relaxed);
                    let folder = self.rules.folder.display().to_string();
                    self.trouble(&format!("capture files cannot be made in {folder}: {error}"));
                }
                None
            }
        }
    }

    /// Writes a line, and those that were held back before it: so many bytes.
    fn line(
        &mut self,
        open: &mut Open,
        (what, us): (What, u64),
        head: Head<'_>,
        body: Bytes,
    ) -> Result<u64, Refused> {
        match what {
            What::Gap => Err(Refused::Full),
            What::Secret(secret) => {
                open.mask.add(secret);
                Ok(0)
            }
            What::Request => {
                let alike = self.written.find(open.file, &body).filter(|alike| open.is_clean(&body, alike));
                let clean = if alike.is_some() { body.clone() } else { open.mask.clean(&body) };
                let n = self.put(open, head, &clean, alike)?;
                if clean.as_ptr() == body.as_ptr() {
                    self.written.add(open.file, open.turn, body.clone());
                    open.request = Some(body);
                }
                Ok(n)
            }
            What::Asked => {
                let request = open.request.as_ref();
                let alike = request.map(|request| compare(open.turn, request, &body));
                let alike = alike.filter(|own| own.bytes() >= ALIKE_MIN && open.is_clean(&body, own));
                let clean = if alike.is_some() { body } else { open.mask.clean(&body) };
                self.put(open, head, &clean, alike)
            }
            What::Other => self.put(open, head, &open.mask.clean(&body), None),
            What::Came(ask) => self.push(open, Some(ask), (us, body)),
            What::Sent => self.push(open, None, (us, body)),
            What::Ended(ask) => Ok(self.rest(open, Some(ask))? + self.put(open, head, &body, None)?),
            What::Over => {
                let mut n = 0;
                // What the client got may name pieces of upstreams.
                open.streams.sort_by_key(|(ask, _)| ask.is_none());
                while let Some((ask, _)) = open.streams.first() {
                    n += self.rest(open, *ask)?;
                }
                Ok(n + self.put(open, head, &body, None)?)
            }
        }
    }

    /// Writes a line with these bytes, or with what of them is not alike.
    fn put(
        &mut self,
        open: &Open,
        (head, json): Head<'_>,
        body: &Bytes,
        alike: Option<Alike>,
    ) -> Result<u64, Refused> {
        let masked;
        let has_secret = open.mask.finds(head);
        let (json, head) = head.split_at(json.min(head.len()));
        let (json, head) = if has_secret {
            masked = (open.mask.object(json), open.mask.clean(&Bytes::copy_from_slice(head)));
            (&masked.0[..], &masked.1[..])
        } else {
            (json, head)
        };
        let body = match alike {
            Some(Alike { first, last, .. }) => body.slice(first..body.len() - last),
            None => body.clone(),
        };
        let line = self.files.line();
        line.extend_from_slice(json);
        let mut json = Json::goes_on(&mut *line);
        if let Some(Alike { turn, first, last }) = alike {
            json.list("like", [turn, first as u64, last as u64]);
        }
        json.size("head", head.len()).size("bytes", body.len()).end();
        line.extend_from_slice(head);
        self.files.add(open.file, body, !head.is_empty())
    }

    /// Takes a piece of a body, and writes those that no later one can change.
    fn push(&mut self, open: &mut Open, ask: Option<u32>, piece: (u64, Bytes)) -> Result<u64, Refused> {
        let at = open.streams.iter().position(|(own, _)| *own == ask).unwrap_or_else(|| {
            open.streams.push((ask, Stream::default()));
            open.streams.len() - 1
        });
        let mut n = 0;
        if let Some((_, stream)) = open.streams.get_mut(at) {
            stream.push(piece.0, piece.1, &open.mask);
        }
        while let Some(piece) = open.streams.get_mut(at).and_then(|(_, stream)| stream.next(&open.mask)) {
            n += self.piece(open, ask, piece)?;
        }
        Ok(n)
    }

    /// Writes the pieces of a body that were held back.
    fn rest(&mut self, open: &mut Open, ask: Option<u32>) -> Result<u64, Refused> {
        let Some(at) = open.streams.iter().position(|(own, _)| *own == ask) else { return Ok(0) };
        let (_, mut stream) = open.streams.remove(at);
        let mut n = 0;
        while let Some(piece) = stream.rest() {
            n += self.piece(open, ask, piece)?;
        }
        Ok(n)
    }

    fn piece(
        &mut self,
        open: &mut Open,
        ask: Option<u32>,
        (us, bytes): (u64, Bytes),
    ) -> Result<u64, Refused> {
        let same = if ask.is_none() { open.same(&bytes) } else { None };
        let mut json = Json::begin(self.files.line(), if ask.is_some() { "came" } else { "sent" }, open.turn);
        if let Some(ask) = ask {
            json.number("ask", ask.into()).number("piece", open.n_came);
            open.came(&bytes);
        }
        json.number("us", us);
        let body = match same {
            Some(n) => {
                json.number("as", n);
                Bytes::new()
            }
            None => {
                json.size("bytes", bytes.len());
                bytes
            }
        };
        json.end();
        self.files.add(open.file, body, false)
    }

    /// Nothing more is written of this turn.
    fn cut(&mut self, open: &Open, refused: Refused, counts: &Counts) {
        counts.cut.fetch_add(1, Ordering::Relaxed);
        match refused {
            Refused::Full => self.trouble("a captured turn is cut: a bound of capture is reached"),
            // Told of when it is known why.
            Refused::Gone => {}
            Refused::Io(error) => {
                counts.failures.fetch_add(1, Ordering::Relaxed);
                self.trouble(&format!("capture files cannot be kept within their bounds: {error}"));
            }
        }
        Json::begin(self.files.line(), "gap", open.turn).end();
        self.files.add_last_word(open.file);
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
    fn new(turn: u64, file: u64, mask: Mask) -> Self {
        let (streams, came) = (Vec::new(), VecDeque::new());
        Self { turn, file, mask, request: None, streams, n_came: 0, came }
    }

    /// Is there no secret in what of this body is not like a clean one, and where the two meet?
    fn is_clean(&self, body: &[u8], alike: &Alike) -> bool {
        let keep = self.mask.longest();
        let (from, to) = (alike.first.saturating_sub(keep), (body.len() - alike.last + keep).min(body.len()));
        !self.mask.finds(body.get(from..to).unwrap_or_default())
    }

    /// A piece of an upstream is written.
    fn came(&mut self, bytes: &Bytes) {
        self.n_came += 1;
        if self.came.len() == CAME_MAX {
            self.came.pop_front();
        }
        self.came.push_back(bytes.clone());
    }

    /// The number of the piece that has the same bytes, where the client gets what came.
    fn same(&mut self, bytes: &Bytes) -> Option<u64> {
        let at = self.came.iter().position(|came| came == bytes).filter(|_| bytes.len() >= NAMED_MIN)?;
        let number = self.n_came - (self.came.len() - at) as u64;
        self.came.drain(..=at);
        Some(number)
    }
}
