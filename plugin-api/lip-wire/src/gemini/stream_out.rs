//! Canonical events to frames of a streamed answer, as SSE (`alt=sse`) or as one JSON array.
use std::{borrow::Cow, collections::BTreeMap};

use super::{
    GEMINI, failure, grounding, logprobs, part_out,
    reply_in::{CREATED, LOGPROBS},
    reply_out::{note_citations, note_head},
    stop, usage,
};
use crate::{
    canon::{
        Annotation, At, Content, Event, Extensions, Fields, Json, Part, ReasoningKind, Sequencer, Source,
        Start, Stop, TokenLogprob, Usage,
    },
    codec::{Array, EncodeCtx, EncodeStream, Object, format_rfc3339, object, sse_begin, sse_end},
    loss::Losses,
};

/// Encodes one streamed answer. Text goes out at once; calls and media when they are complete. The last frame tells how each candidate ended, and the usage.
pub(super) struct Encoder {
    sequencer: Sequencer,
    writer: Writer,
}

struct Writer {
    ctx: EncodeCtx,
    /// The source speaks Gemini.
    own: bool,
    id: String,
    model: Option<String>,
    /// `createTime`, as Gemini spells it.
    created: Option<String>,
    /// Fields of the whole answer, told in the last frame.
    extras: Fields,
    open: Vec<Open>,
    candidates: BTreeMap<u32, Tail>,
    usage: Option<Usage>,
    /// Whether a frame was written.
    begun: bool,
    ended: bool,
    losses: Losses,
}

/// A part that has not ended.
struct Open {
    at: At,
    part: Part,
    /// Which list and segment of its reasoning was told last.
    told: Option<(ReasoningKind, u32)>,
}

/// What the last frame says of a candidate.
#[derive(Default)]
struct Tail {
    stop: Option<Stop>,
    extras: Fields,
    cited: Vec<(u64, Annotation)>,
    tokens: Vec<TokenLogprob>,
}

impl Encoder {
    /// At the start of a stream.
    pub(super) fn new(ctx: EncodeCtx) -> Self {
        let writer = Writer {
            id: ctx.reply_id.clone(),
            model: ctx.model.clone(),
            ctx,
            created: None,
            own: false,
            extras: Fields::new(),
            open: Vec::new(),
            candidates: BTreeMap::new(),
            usage: None,
            begun: false,
            ended: false,
            losses: Losses::new(),
        };
        Self { sequencer: Sequencer::new(), writer }
    }
}

impl EncodeStream for Encoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        let writer = &mut self.writer;
        self.sequencer.push(event, &mut |event| writer.event(event, out));
    }

    fn losses(&self) -> &Losses {
        &self.writer.losses
    }
}

impl Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(start),
            Event::PartStart { at, part } => self.part_start(*at, part, out),
            Event::PartEnd { at } => self.part_end(*at, out),
            Event::Text { at, text } => self.text(*at, text, out),
            Event::Reasoning { at, kind, segment, text } => self.thought(*at, (*kind, *segment), text, out),
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::Stop { choice, stop } => self.tail(*choice).stop = Some(Stop::clone(stop)),
            Event::Extra { choice, extensions } => self.extra(*choice, extensions),
            Event::Annotation { at, annotation } => {
                if !grounding::is_own(annotation) {
                    let part = u64::from(at.part);
                    self.tail(at.choice).cited.push((part, Annotation::clone(annotation)));
                }
            }
            Event::Logprobs { choice, tokens, .. } => self.tail(*choice).tokens.extend_from_slice(tokens),
            // Gemini's streams have no sign of life; its clients read nothing but frames.
            Event::Ping => {}
            Event::Failed(failed) => {
                self.frame(out, |frame| failure::encode(failed, frame));
                self.close(out);
            }
            Event::End => self.end(out),
            Event::Native { dialect, .. } => {
                if *dialect != GEMINI {
                    self.losses.dropped("stream", "delta of another dialect");
                }
            }
            delta => self.part_delta(delta),
        }
    }

    fn tail(&mut self, choice: u32) -> &mut Tail {
        self.candidates.entry(choice).or_default()
    }

    fn start(&mut self, start: &Start) {
        self.own = start.origin == Some(GEMINI);
        self.usage.clone_from(&start.usage);
        if let Some(id) = &start.id {
            self.id.clone_from(id);
        }
        if self.model.is_none() {
            self.model.clone_from(&start.model);
        }
        self.created = start.created.and_then(format_rfc3339);
        self.extra(None, &start.extensions);
        note_head(start.service_tier.as_ref(), start.fingerprint.as_ref(), &mut self.losses);
    }

    fn extra(&mut self, choice: Option<u32>, extensions: &Extensions) {
        self.losses.foreign(extensions, GEMINI, "");
        let into = match choice {
            None => &mut self.extras,
            Some(choice) => &mut self.candidates.entry(choice).or_default().extras,
        };
        for (name, value) in extensions.fields(GEMINI).into_iter().flat_map(Fields::iter) {
            match choice {
                // Every frame tells it, with its fraction of a second.
                None if name == CREATED => self.created = value.read().or(self.created.take()),
                _ => into.set(name, value.clone()),
            }
        }
    }

    fn part_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
        self.tail(at.choice);
        let mut part = part.clone();
        let said = match &mut part.content {
            Content::Text(inner) if says_no_more(&part.extensions) => {
                std::mem::take(&mut inner.text).into_string()
            }
            _ => String::new(),
        };
        self.open.push(Open { at, part, told: None });
        if !said.is_empty() {
            self.text(at, &said, out);
        }
    }

    fn opened(&mut self, at: At) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.at == at)
    }

    /// Text needs no waiting, unless its part says more than text.
    fn text(&mut self, at: At, text: &str, out: &mut Vec<u8>) {
        let Some(Open { part, .. }) = self.opened(at) else {
            return;
        };
        match &mut part.content {
            Content::Text(inner) if !says_no_more(&part.extensions) => return inner.text.push_str(text),
            Content::Text(_) => {}
            Content::Refusal(_) => self.losses.changed("part", "refusal became text"),
            _ => return,
        }
        self.part_frame(at.choice, out, |list| {
            list.object(|part| part.put("text", text));
        });
    }

    fn thought(&mut self, at: At, told: (ReasoningKind, u32), text: &str, out: &mut Vec<u8>) {
        let Some(open) = self.opened(at) else { return };
        let is_next = open.told.replace(told).is_some_and(|last| last != told);
        match &mut open.part.content {
            Content::Reasoning(inner) if !says_no_more(&open.part.extensions) => {
                return match inner.summary.last_mut().filter(|_| !is_next) {
                    Some(last) => last.push_str(text),
                    None => inner.summary.push(text.to_owned()),
                };
            }
            Content::Reasoning(_) => {}
            _ => return,
        }
        self.part_frame(at.choice, out, |list| {
            list.object(|part| {
                let text = if is_next { Cow::Owned(format!("\n\n{text}")) } else { Cow::Borrowed(text) };
                part.put("text", &text);
                part.put("thought", &true);
            });
        });
    }

    fn part_delta(&mut self, event: &Event) {
        let Some(Open { part, .. }) = event.at().and_then(|at| self.opened(at)) else {
            return;
        };
        match (event, &mut part.content) {
            (Event::Arguments { text, .. }, Content::ToolCall(call)) => call.arguments.push_str(text),
            (Event::Signature { sealed, .. }, _) => match &mut part.signature {
                Some(old) if old.dialect == sealed.dialect => old.data.push_str(&sealed.data),
                signature => *signature = Some(sealed.clone()),
            },
            (Event::Encrypted { sealed, .. }, Content::Reasoning(thought)) => {
                thought.encrypted = Some(sealed.clone());
            }
            (Event::Media { data, transcript, .. }, Content::Media(media)) => {
                if let Source::Base64(base64) = &mut media.source {
                    base64.push_str(data);
                }
                if !transcript.is_empty() {
                    media.transcript.get_or_insert_default().push_str(transcript);
                }
            }
            (Event::PartExtra { extensions, .. }, _) => {
                for (dialect, fields) in extensions.iter() {
                    for (name, value) in fields.iter() {
                        part.extensions.set(dialect, name, value.clone());
                    }
                }
            }
            _ => self.losses.dropped("stream", "delta without a place in this dialect"),
        }
    }

    /// Writes what waited for the end of its part: calls, media, native parts, signatures of text.
    fn part_end(&mut self, at: At, out: &mut Vec<u8>) {
        let Some(place) = self.open.iter().position(|open| open.at == at) else {
            return;
        };
        let Open { part, told, .. } = self.open.swap_remove(place);
        let part = part_out::carrying(&part).into_owned();
        let is_said = match &part.content {
            Content::Text(text) => text.text.is_empty(),
            Content::Refusal(_) => true,
            Content::Reasoning(reasoning) => told.is_some() && reasoning.readable().is_none(),
            _ => false,
        };
        if is_said && part_out::own_seal(&part).is_none() {
            return part_out::note(&part, || "part".to_owned(), &mut self.losses);
        }
        let own = self.own;
        let mut losses = std::mem::take(&mut self.losses);
        let mut list = Vec::new();
        crate::codec::array(&mut list, |list| {
            part_out::answer(&part, own, ("part", &mut losses), list);
        });
        self.losses = losses;
        if list.len() > "[]".len() {
            self.candidate_frame(at.choice, out, &list);
        }
    }

    fn part_frame(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
        self.frame(out, |frame| {
            frame.array("candidates", |list| {
                list.object(|candidate| {
                    candidate.object("content", |content| {
                        content.put("role", "model");
                        content.array("parts", fill);
                    });
                    candidate.put("index", &choice);
                });
            });
        });
    }

    fn candidate_frame(&mut self, choice: u32, out: &mut Vec<u8>, parts: &[u8]) {
        let Ok(parts) = std::str::from_utf8(parts) else {
            return;
        };
        self.frame(out, |frame| {
            frame.array("candidates", |list| {
                list.object(|candidate| {
                    candidate.object("content", |content| {
                        content.put("role", "model");
                        content.raw("parts", parts);
                    });
                    candidate.put("index", &choice);
                });
            });
        });
    }

    /// One frame; `fill` writes in front of what every frame says.
    fn frame(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let first = !std::mem::replace(&mut self.begun, true);
        let begin = if self.ctx.gemini_array {
            out.extend_from_slice(if first { b"[" } else { b",\r\n" });
            None
        } else {
            Some(sse_begin(None, out))
        };
        object(out, |frame| {
            fill(frame);
            frame.opt("modelVersion", self.model.as_deref());
            frame.put("responseId", &self.id);
            frame.opt(CREATED, self.created.as_deref());
        });
        if let Some(begin) = begin {
            sse_end(begin, out);
        }
    }

    /// After this nothing follows.
    fn close(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if self.ctx.gemini_array {
            out.extend_from_slice(b"]");
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let mut losses = std::mem::take(&mut self.losses);
        let candidates = std::mem::take(&mut self.candidates);
        let (usage, extras) = (self.usage.take(), std::mem::take(&mut self.extras));
        let is_candidate = |tail: &Tail| !tail.stop.as_ref().is_some_and(stop::is_blocked);
        self.frame(out, |frame| {
            if candidates.values().any(is_candidate) {
                frame.array("candidates", |list| {
                    for (choice, tail) in candidates.iter().filter(|(_, tail)| is_candidate(tail)) {
                        list.object(|object| tail.encode(*choice, object, &mut losses));
                    }
                });
            }
            if let Some(usage) = &usage {
                frame.object("usageMetadata", |object| usage::encode(usage, object, &mut losses));
            }
            frame.fields(Some(&extras));
        });
        self.losses = losses;
        self.close(out);
    }
}

impl Tail {
    fn encode(&self, choice: u32, object: &mut Object<'_>, losses: &mut Losses) {
        object.object("content", |content| {
            content.put("role", "model");
            // Like the API's own last frames: clients look for the text of each.
            content.array("parts", |list| list.object(|part| part.put("text", "")));
        });
        if let Some(stop) = &self.stop {
            object.put("finishReason", stop::word(stop, losses));
            object.opt("finishMessage", stop.message.as_deref());
        }
        object.put("index", &choice);
        note_citations(self.cited.iter().map(|(_, annotation)| annotation), losses);
        let cited: Vec<(u64, &Annotation)> = self.cited.iter().map(|(at, a)| (*at, a)).collect();
        grounding::encode(&cited, object);
        let rest = self.extras.get(LOGPROBS).and_then(Json::read::<Fields>);
        logprobs::encode(self.tokens.iter(), rest.as_ref(), object);
        object.fields_except(Some(&self.extras), &[LOGPROBS]);
    }
}

/// Whether a part has no fields of this dialect beside its content; those of others are not written.
fn says_no_more(extensions: &Extensions) -> bool {
    extensions.fields(GEMINI).is_none()
}
