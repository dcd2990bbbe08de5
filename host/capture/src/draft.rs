//! What was told of one turn and is not written yet: its lines as they will stand in the file, but for their sizes, each with the headers
//! and the bytes that follow it. Made on the turn's own way: nothing is cloned for it but what is large. Holds secrets.
use crate::heads;
use crate::json::Json;
use crate::record::Trouble;
use crate::tape::CHANGING;
use base::{Fault, Secret};
use bytes::Bytes;
use events::wire::{Asked, End, Moment, Piece, Requested};
use http::HeaderMap;
use std::time::UNIX_EPOCH;

/// As many bytes are copied; more are held as they are. A piece that is held keeps the buffer that it was read into.
const COPIED_MAX: usize = 8 << 10;
/// What the lines of a small turn come to.
const TEXT_BYTES: usize = 4 << 10;
const LINES: usize = 12;
/// What a line takes of the queue beside its bytes.
const LINE_BYTES: u64 = 128;

/// Lines in their order.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// For each line its JSON, its headers, and its bytes where they are few.
    pub(crate) text: Vec<u8>,
    pub(crate) lines: Vec<Line>,
    /// Bytes that are held apart.
    apart: u64,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) what: What,
    /// Microseconds since the turn began.
    pub(crate) us: u64,
    /// Bytes of its JSON in the text, without its end; none for a piece of a body.
    pub(crate) json: usize,
    /// Bytes of its headers behind that.
    pub(crate) head: usize,
    pub(crate) body: Body,
}

/// What a line is about.
#[derive(Debug)]
pub(crate) enum What {
    Request,
    Asked,
    /// Something else that is written as it is.
    Other,
    Came(u32),
    Sent,
    Ended(u32),
    Over,
    /// A secret of this turn, and no line.
    Secret(Secret<String>),
    /// Lines are missing from here on.
    Gap,
}

/// The bytes of a line.
#[derive(Debug)]
pub(crate) enum Body {
    /// So many in the text, behind the headers.
    Here(usize),
    /// Others.
    Apart(Bytes),
    /// Those of the line before.
    Same,
}

/// What all lines of a turn have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of {
    pub(crate) turn: u64,
    pub(crate) moment: Moment,
    /// See [`crate::tape::Tapes::under`].
    pub(crate) setup: u64,
}

/// Bytes of the queue that a piece may come to.
pub(crate) fn size(piece: &Piece<'_>) -> u64 {
    let bytes = match piece {
        Piece::Request(request) => request.body.len() + 2048,
        Piece::Asked(_, asked) => asked.body.len() + 2048,
        Piece::Found(of, bytes) => of.len() + bytes.len(),
        Piece::Came(_, bytes) | Piece::Sent(bytes) => bytes.len(),
        Piece::Heard(..) | Piece::Answer(..) | Piece::Refused(..) => 1024,
        Piece::Ended(..) | Piece::Over(_) | Piece::Secret(_) => 128,
        Piece::Named(_) | Piece::Session(..) | Piece::Rotation(_) => 128,
    };
    bytes as u64 + LINE_BYTES
}

impl Draft {
    /// Bytes that it takes of the queue.
    pub(crate) const fn weight(&self) -> u64 {
        self.text.len() as u64 + self.lines.len() as u64 * LINE_BYTES + self.apart
    }

    /// Nothing more is told of the turn.
    pub(crate) fn give_up(&mut self) {
        self.line(What::Gap, 0, self.text.len());
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.lines.last().is_some_and(|line| matches!(line.what, What::Gap))
    }

    /// Adds a piece; `setup`: what the host goes under by now.
    pub(crate) fn add(&mut self, of: &Of, us: u64, piece: Piece<'_>, setup: u64) {
        let (at, turn) = (self.text.len(), of.turn);
        let text = &mut self.text;
        match piece {
            Piece::Request(request) => self.request(of, request),
            Piece::Named(id) => {
                Json::begin(text, "named", turn).text("id", &id.to_string());
                self.line(What::Other, us, at);
            }
            Piece::Session(id, client) => {
                Json::begin(text, "session", turn).text("id", id).option("client", client);
                self.line(What::Other, us, at);
            }
            Piece::Rotation(n) => {
                Json::begin(text, "rotation", turn).number("n", n);
                self.line(What::Other, us, at);
            }
            Piece::Found(of, data) => {
                Json::begin(text, "found", turn).text("of", of);
                self.line(What::Other, us, at);
                self.body(&Bytes::copy_from_slice(data));
            }
            Piece::Refused(by, fault) => {
                Json::begin(text, "refused", turn).text("by", by).raw("fault", &trouble(fault));
                self.line(What::Other, us, at);
            }
            Piece::Secret(secret) => self.line(What::Secret(secret), us, at),
            Piece::Asked(ask, asked) => self.asked(of, (ask, us), asked),
            Piece::Heard(ask, status, headers) => {
                Json::begin(text, "heard", turn)
                    .number("ask", ask.into())
                    .number("us", us)
                    .number("status", status.into());
                self.line(What::Other, us, at);
                self.head(headers);
            }
            Piece::Answer(status, headers) => {
                Json::begin(text, "answer", turn).number("us", us).number("status", status.into());
                self.line(What::Other, us, at);
                self.head(headers);
            }
            Piece::Came(ask, bytes) => {
                self.line(What::Came(ask), us, at);
                self.body(bytes);
            }
            Piece::Sent(bytes) => {
                let has_come = self.has_come(bytes);
                self.line(What::Sent, us, at);
                match self.lines.last_mut().filter(|_| has_come) {
                    Some(line) => line.body = Body::Same,
                    None => self.body(bytes),
                }
            }
            Piece::Ended(ask, end) => {
                ended(Json::begin(text, "ended", turn).number("ask", ask.into()).number("us", us), end);
                self.line(What::Ended(ask), us, at);
            }
            Piece::Over(end) => {
                let is_renewed = setup != of.setup || setup == CHANGING;
                ended(Json::begin(text, "over", turn).number("us", us).flag("renewed", is_renewed), end);
                self.line(What::Over, us, at);
            }
        }
    }

    fn request(&mut self, of: &Of, request: &Requested<'_>) {
        // Room for a turn that says little.
        self.text.reserve(TEXT_BYTES);
        self.lines.reserve(LINES);
        let at = self.text.len();
        let since = of.moment.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut json = Json::begin(&mut self.text, "request", of.turn);
        json.number("at_us", u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
        json.text("seed", &format!("{:032x}", of.moment.seed)).text("method", request.method.as_str());
        match (request.uri.authority(), request.uri.path_and_query()) {
            (None, Some(url)) => json.text("url", &heads::url(url.as_str())),
            _ => json.text("url", &heads::url(&request.uri.to_string())),
        };
        if of.setup != 0 {
            json.text("setup", &format!("{:016x}", of.setup));
        }
        json.option("caller", Some(request.caller).filter(|caller| !caller.is_empty()));
        self.line(What::Request, 0, at);
        self.head(request.headers);
        self.body(request.body);
    }

    fn asked(&mut self, of: &Of, (ask, us): (u32, u64), asked: &Asked) {
        let at = self.text.len();
        Json::begin(&mut self.text, "asked", of.turn)
            .number("ask", ask.into())
            .number("us", us)
            .number("attempt", asked.attempt as u64)
            .text("backend", &asked.backend)
            .number("key", asked.key as u64)
            .number("key_bytes", asked.key_bytes as u64)
            .flag("leased", asked.is_leased)
            .text("method", asked.method.as_str())
            .text("url", &heads::url(&asked.url));
        self.line(What::Asked, us, at);
        self.head(&asked.headers);
        self.body(&asked.body);
    }

    /// A line whose JSON began here in the text.
    fn line(&mut self, what: What, us: u64, at: usize) {
        let json = self.text.len().saturating_sub(at);
        self.lines.push(Line { what, us, json, head: 0, body: Body::Here(0) });
    }

    /// The headers of the last line.
    fn head(&mut self, headers: &HeaderMap) {
        let at = self.text.len();
        heads::write(headers, &mut self.text);
        if let Some(line) = self.lines.last_mut() {
            line.head = self.text.len() - at;
        }
    }

    /// Are these the bytes of a piece that has just come, and is passed on?
    fn has_come(&self, bytes: &Bytes) -> bool {
        let Some(Line { what: What::Came(_), body, .. }) = self.lines.last() else { return false };
        match body {
            Body::Here(n) => *n == bytes.len() && self.text.ends_with(bytes),
            Body::Apart(own) => own.as_ptr() == bytes.as_ptr() && own.len() == bytes.len(),
            Body::Same => false,
        }
    }

    /// The bytes of the last line.
    fn body(&mut self, bytes: &Bytes) {
        let body = if bytes.len() > COPIED_MAX {
            self.apart += bytes.len() as u64;
            Body::Apart(bytes.clone())
        } else {
            self.text.extend_from_slice(bytes);
            Body::Here(bytes.len())
        };
        if let Some(line) = self.lines.last_mut() {
            line.body = body;
        }
    }
}

fn ended(json: &mut Json<'_>, end: &End) {
    match end {
        End::Whole => json.text("how", "whole"),
        End::Left => json.text("how", "left"),
        End::Broke(fault) => json.text("how", "broke").raw("fault", &trouble(fault)),
    };
}

fn trouble(fault: &Fault) -> Vec<u8> {
    serde_json::to_vec(&Trouble::from(fault)).unwrap_or_default()
}
