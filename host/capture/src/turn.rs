//! Turns, put together from the lines of a file.
use crate::read::Contents;
use crate::record::{Asked, Data, Ended, Head, Piece, Record, Request, Trouble};
use std::collections::BTreeMap;

/// All that a file holds of one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its request.
    pub request: Request,
    /// Its name.
    pub id: Option<String>,
    /// Its session's id.
    pub session: Option<String>,
    /// What the client calls its session.
    pub client_session: Option<String>,
    /// How many turns were planned before.
    pub rotation: Option<u64>,
    /// What it found of its machine, in its order: what it looked for, and JSON.
    pub found: Vec<(String, Data)>,
    /// By which bounds it was refused for what other turns had done, and why.
    pub refused: Vec<(String, Trouble)>,
    /// What upstreams were asked, by number.
    pub asks: BTreeMap<u32, Ask>,
    /// The head of what the client got.
    pub answer: Option<Head>,
    /// The pieces of it.
    pub sent: Vec<Piece>,
    /// Its end.
    pub over: Option<Ended>,
    /// Lines are missing.
    pub has_gap: bool,
}

/// A question to an upstream and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The question.
    pub asked: Asked,
    /// The head of the answer.
    pub heard: Option<Head>,
    /// The pieces of its body.
    pub came: Vec<Piece>,
    /// Its end.
    pub ended: Option<Ended>,
}

impl Turn {
    fn new(request: Request) -> Self {
        Self {
            request,
            id: None,
            session: None,
            client_session: None,
            rotation: None,
            found: Vec::new(),
            refused: Vec::new(),
            asks: BTreeMap::new(),
            answer: None,
            sent: Vec::new(),
            over: None,
            has_gap: false,
        }
    }

    /// The bytes that the client got.
    pub fn bytes(&self) -> Vec<u8> {
        self.sent.iter().flat_map(|piece| piece.data.0.iter().copied()).collect()
    }

    /// Everything of it is there.
    pub const fn is_whole(&self) -> bool {
        self.over.is_some() && !self.has_gap
    }

    fn add(&mut self, record: &Record) {
        match record {
            Record::Capture { .. } | Record::Request(_) | Record::Unknown => {}
            Record::Named { id, .. } => self.id = Some(id.clone()),
            Record::Session { id, client, .. } => {
                (self.session, self.client_session) = (Some(id.clone()), client.clone());
            }
            Record::Rotation { n, .. } => {
                self.rotation.get_or_insert(*n);
            }
            Record::Found { of, data, .. } => self.found.push((of.clone(), data.clone())),
            Record::Refused { by, fault, .. } => self.refused.push((by.clone(), fault.clone())),
            Record::Asked(asked) => {
                let ask = Ask { asked: asked.clone(), heard: None, came: Vec::new(), ended: None };
                self.asks.insert(asked.ask, ask);
            }
            Record::Heard(head) => self.ask(head.ask, |ask| ask.heard = Some(head.clone())),
            Record::Came(piece) => self.ask(piece.ask, |ask| ask.came.push(piece.clone())),
            Record::Ended(ended) => self.ask(ended.ask, |ask| ask.ended = Some(ended.clone())),
            Record::Answer(head) => self.answer = Some(head.clone()),
            Record::Sent(piece) => self.sent.push(piece.clone()),
            Record::Over(ended) => self.over = Some(ended.clone()),
            Record::Gap { .. } => self.has_gap = true,
        }
    }

    fn ask(&mut self, number: Option<u32>, change: impl FnOnce(&mut Ask)) {
        match number.and_then(|number| self.asks.get_mut(&number)) {
            Some(ask) => change(ask),
            // What it answers is missing.
            None => self.has_gap = true,
        }
    }
}

/// The turns of a file, in the order in which they began. Lines of turns that began in no line of it are passed over.
pub fn turns(contents: &Contents) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    for record in &contents.records {
        if let Record::Request(request) = record {
            places.insert(request.turn, turns.len());
            turns.push(Turn::new(request.clone()));
        } else if let Some(turn) =
            record.turn().and_then(|turn| places.get(&turn)).and_then(|at| turns.get_mut(*at))
        {
            turn.add(record);
        }
    }
    turns
}
