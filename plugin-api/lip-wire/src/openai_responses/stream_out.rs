//! Canonical events to Responses stream events, one item after the other, numbered without gaps. `event:` is the `type`; no `[DONE]` follows.
mod native;
mod part;
mod thought;

use std::collections::BTreeMap;

use super::{
    RESPONSES,
    answer::{Answer, COMPLETED},
    failure,
    response::{Head, STATUS, Said, State, note_stop, state_of},
};
use crate::{
    canon::{At, Event, Extensions, Failure, Json, Part, Sealed, Sequencer, Start, Stop, Usage},
    codec::{EncodeCtx, EncodeStream, Object, object, sse_begin, sse_end},
    loss::Losses,
};

/// Encodes one streamed answer. The terminal event repeats the whole output, so finished items are kept until then.
pub(super) struct Encoder {
    ctx: EncodeCtx,
    head: Option<Head>,
    foreign: bool,
    /// `sequence_number` of the next event.
    sequence: u64,
    /// `output_index` of the next item.
    next: usize,
    /// Finished items by `output_index`.
    output: BTreeMap<usize, Vec<u8>>,
    message: Option<Message>,
    open: Option<(At, Slot)>,
    announced: Vec<native::Announced>,
    usage: Option<Usage>,
    stop: Option<Stop>,
    extensions: Extensions,
    sequencer: Sequencer,
    ended: bool,
    losses: Losses,
}

/// The open message; its last part may be open too.
struct Message {
    n: usize,
    id: String,
    /// Id of its parts as the source gave it.
    part_id: Option<String>,
    parts: Vec<Part>,
}

/// What an open part is on the wire.
enum Slot {
    /// The last part of the open message.
    Spoken,
    Call {
        n: usize,
        part: Box<Part>,
    },
    Thought(Box<thought::Thought>),
    /// Nothing: it is dropped, or was written whole.
    Silent,
}

impl EncodeStream for Encoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        let mut sequencer = std::mem::take(&mut self.sequencer);
        sequencer.push(event, &mut |event| self.step(event, out));
        self.sequencer = sequencer;
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Encoder {
    /// At the start of a stream.
    pub(super) fn new(ctx: EncodeCtx) -> Self {
        Self {
            ctx,
            head: None,
            foreign: true,
            sequence: 0,
            next: 0,
            output: BTreeMap::new(),
            message: None,
            open: None,
            announced: Vec::new(),
            usage: None,
            stop: None,
            extensions: Extensions::new(),
            sequencer: Sequencer::new(),
            ended: false,
            losses: Losses::new(),
        }
    }

    fn step(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(start, out),
            Event::Failed(failed) => self.fail(failed, out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            _ if choice_of(event) > 0 => self.losses.dropped("choices[1..]", "responses has one answer"),
            Event::PartStart { at, part } => self.part_start(*at, part, out),
            Event::PartEnd { at } => self.part_end(*at, out),
            Event::Stop { stop, .. } => {
                note_stop(stop, &mut self.losses);
                self.stop = Some((**stop).clone());
            }
            Event::Extra { choice, extensions } => self.extra(*choice, extensions),
            Event::Native { dialect: RESPONSES, raw, .. } => self.native_event(raw, out),
            Event::End => self.end(out),
            delta => self.part_delta(delta, out),
        }
    }

    fn answer(&self) -> Answer<'_> {
        Answer { root: &self.ctx.reply_id, foreign: self.foreign }
    }

    fn frame(&mut self, kind: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let begin = sse_begin(Some(kind), out);
        object(out, |event| {
            event.put("type", kind);
            event.put("sequence_number", &self.sequence);
            fill(event);
        });
        sse_end(begin, out);
        self.sequence += 1;
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        self.foreign = start.origin != Some(RESPONSES);
        self.usage.clone_from(&start.usage);
        self.extensions.clone_from(&start.extensions);
        self.losses.foreign(&start.extensions, RESPONSES, "");
        self.losses.unless_absent(start.fingerprint.as_ref(), "fingerprint", "responses has no such field");
        self.head = Some(Head::new(
            &self.ctx,
            start.id.as_deref(),
            start.model.as_deref(),
            start.created,
            start.service_tier.as_deref(),
            &start.extensions,
        ));
        for kind in ["response.created", "response.in_progress"] {
            self.response(kind, State::InProgress, out);
        }
    }

    /// An event with the whole Response.
    fn response(&mut self, kind: &str, state: State<'_>, out: &mut Vec<u8>) {
        let Some(head) = self.head.take() else { return };
        let mut losses = std::mem::take(&mut self.losses);
        let mut output = Vec::with_capacity(self.output.values().map(|item| item.len() + 1).sum());
        for item in self.output.values() {
            if !output.is_empty() {
                output.push(b',');
            }
            output.extend_from_slice(item);
        }
        let usage = self.usage.take();
        let told = usage.as_ref().filter(|_| !matches!(state, State::InProgress));
        let extensions = std::mem::take(&mut self.extensions);
        let said = Said { output: &output, usage: told, extensions: &extensions };
        self.frame(kind, out, |event| {
            event.object("response", |response| {
                head.write(state, &said, response, &mut losses);
            });
        });
        self.losses = losses;
        self.usage = usage;
        self.extensions = extensions;
        self.head = Some(head);
    }

    fn extra(&mut self, choice: Option<u32>, extensions: &Extensions) {
        self.losses.foreign(extensions, RESPONSES, "");
        let own = extensions.fields(RESPONSES).into_iter().flat_map(|fields| fields.iter());
        for (name, value) in own {
            if choice.is_none() {
                self.extensions.set(RESPONSES, name, value.clone());
            }
        }
        if let Some(head) = self.head.as_mut().filter(|_| choice.is_none()) {
            head.correct(&self.ctx, extensions);
        }
    }

    /// Keeps and tells a finished item.
    fn item_done(&mut self, n: usize, item: Vec<u8>, out: &mut Vec<u8>) {
        let text = String::from_utf8(item).unwrap_or_default();
        self.frame("response.output_item.done", out, |event| {
            event.put("output_index", &n);
            event.raw("item", &text);
        });
        self.output.insert(n, text.into_bytes());
    }

    /// Ends the open message, if any.
    fn close_message(&mut self, status: &str, out: &mut Vec<u8>) {
        let Some(message) = self.message.take() else { return };
        let mut losses = std::mem::take(&mut self.losses);
        let mut item = Vec::with_capacity(256);
        object(&mut item, |item| {
            self.answer().message(&message.id, status, &message.parts, item, &mut losses);
        });
        self.losses = losses;
        self.item_done(message.n, item, out);
        let mut seals = message.parts.iter().filter_map(|part| part.signature.as_ref());
        if let Some(sealed) = seals.next_back() {
            self.carrier(sealed, out);
        }
    }

    /// An item that carries the seal of the one before it.
    fn carrier(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        let n = self.begin_item();
        let mut item = Vec::new();
        object(&mut item, |item| self.answer().carrier(sealed, n, item));
        let text = String::from_utf8(item).unwrap_or_default();
        self.frame("response.output_item.added", out, |event| {
            event.put("output_index", &n);
            event.raw("item", &text);
        });
        self.item_done(n, text.into_bytes(), out);
    }

    const fn begin_item(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn fail(&mut self, failed: &Failure, out: &mut Vec<u8>) {
        self.ended = true;
        if self.head.is_some() {
            self.response("response.failed", State::Failed(failed), out);
        } else {
            self.frame("error", out, |event| failure::encode_event(failed, event));
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let stop = self.stop.take();
        let status = self.extensions.get(RESPONSES, STATUS).and_then(Json::read::<String>);
        let state = state_of(stop.as_ref(), status.as_deref());
        let cut = self.foreign && matches!(state, State::Incomplete(_));
        self.close_message(if cut { "incomplete" } else { COMPLETED }, out);
        let kind = match state {
            State::Incomplete(_) | State::Other(_) => "response.incomplete",
            State::Failed(_) => "response.failed",
            State::Completed | State::InProgress => "response.completed",
        };
        self.response(kind, state, out);
        self.ended = true;
    }
}

fn choice_of(event: &Event) -> u32 {
    match event {
        Event::Stop { choice, .. } | Event::Logprobs { choice, .. } => *choice,
        Event::Extra { choice, .. } => choice.unwrap_or(0),
        other => other.at().map_or(0, |at| at.choice),
    }
}
