//! Responses stream events to canonical events. Forgiving towards servers that leave out `sequence_number`, indexes, ids, deltas or done events.
mod call;
mod ends;
mod item;
mod message;
mod thought;

use super::{RESPONSES, content, item_in, wire};
use crate::{
    canon::{At, Event, Extensions, Failure, Json, ReasoningKind},
    codec::{CodecError, DecodeStream, Raw, Str, Wtf8, parse_frame},
    loss::Losses,
};
use item::{Item, Kind, Parts};
use message::Message;

/// More open items than any answer has; further ones are dropped.
const ITEMS_MAX: usize = 1024;

/// Decodes one streamed answer. `response.completed`, `.incomplete`, `.failed` and `error` end it.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    items: Vec<Item>,
    parts: Parts,
    started: bool,
    ended: bool,
    /// An item of any kind was told.
    any: bool,
    /// The client is to run a call.
    called: bool,
    /// What the head said.
    seen: Extensions,
    tier: Option<String>,
    losses: Losses,
}

impl DecodeStream for Decoder {
    fn push_event(
        &mut self,
        name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        // Not of this dialect, but some servers send it.
        if self.ended || data.is_empty() || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let frame: wire::Frame<'_> = parse_frame(RESPONSES, data)?;
        let kind = frame.kind.as_ref().map(Str::as_str).or(name).unwrap_or_default();
        match kind {
            "error" => self.error(&frame, data, out),
            "" if frame.error.is_some() => self.error(&frame, data, out),
            "keepalive" | "ping" => out.push(Event::Ping),
            "response.completed" | "response.done" => self.terminal(&frame, "completed", out)?,
            "response.incomplete" => self.terminal(&frame, "incomplete", out)?,
            "response.cancelled" => self.terminal(&frame, "cancelled", out)?,
            "response.failed" => self.terminal(&frame, "failed", out)?,
            "response.created" | "response.queued" | "response.in_progress" => self.head(&frame, out)?,
            _ => {
                self.start(wire::Response::default(), out);
                self.progress(kind, &frame, data, out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            out.push(Event::Failed(Box::new(Failure::truncated())));
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Decoder {
    fn progress(
        &mut self,
        kind: &str,
        frame: &wire::Frame<'_>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        match kind {
            "response.output_item.added" => self.added(frame, data, out)?,
            "response.output_item.done" => self.done(frame, out)?,
            "response.content_part.added" | "response.content_part.done" => self.content_part(frame, out)?,
            "response.output_text.delta" => self.text(frame, false, frame.delta, out),
            "response.output_text.done" => self.text_done(frame, false, frame.text, out),
            "response.refusal.delta" => self.text(frame, true, frame.delta, out),
            "response.refusal.done" => self.text_done(frame, true, frame.refusal, out),
            "response.output_text.annotation.added" | "response.output_text_annotation.added" => {
                self.annotation(frame, out);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_summary.delta" => {
                self.thought(frame, ReasoningKind::Summary, frame.delta, false, out);
            }
            "response.reasoning_summary_text.done" | "response.reasoning_summary.done" => {
                self.thought(frame, ReasoningKind::Summary, frame.text, true, out);
            }
            "response.reasoning_text.delta" | "response.reasoning.delta" => {
                self.thought(frame, ReasoningKind::Text, frame.delta, false, out);
            }
            "response.reasoning_text.done" | "response.reasoning.done" => {
                self.thought(frame, ReasoningKind::Text, frame.text, true, out);
            }
            // Their text comes as deltas.
            "response.reasoning_summary_part.added" | "response.reasoning_summary_part.done" => {}
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(frame, frame.delta, false, out);
            }
            "response.function_call_arguments.done" => self.arguments(frame, frame.arguments, true, out),
            "response.custom_tool_call_input.done" => self.arguments(frame, frame.input, true, out),
            _ => native(kind, data, out),
        }
        Ok(())
    }

    /// The open item that a frame speaks of: by index (some servers change ids on the way), else by id, else the latest.
    fn find(&self, frame: &wire::Frame<'_>) -> Option<usize> {
        let index = frame.output_index.map(|n| n.0);
        let id = frame.item_id.as_ref().map(|id| &*id.0);
        self.items
            .iter()
            .position(|item| item.is_at(index, id))
            .or_else(|| if index.is_none() && id.is_none() { self.items.len().checked_sub(1) } else { None })
    }

    /// The same; an item of this kind begins if there is none.
    fn find_or_begin(&mut self, frame: &wire::Frame<'_>, kind: impl FnOnce() -> Kind) -> Option<&mut Item> {
        let at = match self.find(frame) {
            Some(at) => at,
            None if self.items.len() < ITEMS_MAX => {
                self.any = true;
                let id = item_id(frame);
                self.items.push(Item::new(frame.output_index.map(|n| n.0), id, kind()));
                self.items.len() - 1
            }
            None => {
                self.losses.dropped("output", "too many open items");
                return None;
            }
        };
        self.items.get_mut(at)
    }

    fn message(&mut self, frame: &wire::Frame<'_>) -> Option<&mut Message> {
        self.find_or_begin(frame, || Kind::message(item_id(frame))).and_then(Item::as_message)
    }

    fn added(
        &mut self,
        frame: &wire::Frame<'_>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        self.any = true;
        let raw = frame.item.ok_or_else(|| CodecError::missing(RESPONSES, "item"))?;
        let item: wire::Item<'_> = raw.parse(RESPONSES).map_err(|e| e.under("item"))?;
        let kind = item_in::kind_of(&item).map_err(|e| e.under("item"))?;
        let id = item.id.as_ref().map(|id| id.0.clone().into_owned());
        let Some(kind) = Kind::begin(&kind, item, &mut self.parts, out).map_err(|e| e.under("item"))? else {
            native("response.output_item.added", data, out);
            return Ok(());
        };
        self.called |= matches!(kind, Kind::Call(_));
        if self.items.len() < ITEMS_MAX {
            self.items.push(Item::new(frame.output_index.map(|n| n.0), id, kind));
        } else {
            self.losses.dropped("output", "too many open items");
        }
        Ok(())
    }

    fn done(&mut self, frame: &wire::Frame<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        let raw = frame.item.ok_or_else(|| CodecError::missing(RESPONSES, "item"))?;
        let wire: wire::Item<'_> = raw.parse(RESPONSES).map_err(|e| e.under("item"))?;
        let index = frame.output_index.map(|n| n.0);
        let id = wire.id.as_ref().map(|id| &*id.0);
        let kind = item_in::kind_of(&wire).map_err(|e| e.under("item"))?;
        let found = self.items.iter().position(|item| item.is_at(index, id) && item.kind.is(&kind));
        let Some(at) = found else {
            // It was never begun, or is of a kind that is told whole.
            let mut parts = Vec::new();
            item_in::decode_output(raw, &mut parts).map_err(|e| e.under("item"))?;
            parts.into_iter().for_each(|part| self.whole(part, out));
            return Ok(());
        };
        let mut item = self.items.remove(at);
        item.settle(wire, &mut self.parts, out).map_err(|e| e.under("item"))?;
        if item.is_silent() {
            self.whole(item_in::native(raw), out);
        }
        self.close(item, out);
        Ok(())
    }

    fn close(&mut self, item: Item, out: &mut Vec<Event>) {
        if !item.close(out) {
            self.losses.dropped("output", "a call whose name never came");
        }
    }

    fn content_part(&mut self, frame: &wire::Frame<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        let Some(raw) = frame.part else { return Ok(()) };
        let part: wire::Part<'_> = raw.parse(RESPONSES).map_err(|e| e.under("part"))?;
        let refusal = match part.kind.as_ref().map(Str::as_str) {
            Some("output_text" | "text") | None => false,
            Some("refusal") => true,
            // Its text comes as deltas.
            Some("reasoning_text" | "summary_text") => return Ok(()),
            Some(_) => {
                self.losses.dropped("output.content", "a streamed content part of an unknown kind");
                return Ok(());
            }
        };
        let index = frame.content_index.map_or(0, |n| n.0);
        let mut parts = std::mem::take(&mut self.parts);
        if let Some(message) = self.message(frame) {
            message.open(index, refusal, &mut parts, out).settle(part, out);
        }
        self.parts = parts;
        Ok(())
    }

    fn text(&mut self, frame: &wire::Frame<'_>, refusal: bool, raw: Option<Raw<'_>>, out: &mut Vec<Event>) {
        let index = frame.content_index.map_or(0, |n| n.0);
        let mut parts = std::mem::take(&mut self.parts);
        if let Some(message) = self.message(frame) {
            let speech = message.open(index, refusal, &mut parts, out);
            if let Some(text) = raw.and_then(wire::string) {
                speech.push(text, out);
            }
            speech.logprobs(logprobs(frame), out);
        }
        self.parts = parts;
    }

    /// The whole text, told again: it counts only if no delta came.
    fn text_done(
        &mut self,
        frame: &wire::Frame<'_>,
        refusal: bool,
        raw: Option<Raw<'_>>,
        out: &mut Vec<Event>,
    ) {
        let index = frame.content_index.map_or(0, |n| n.0);
        let mut parts = std::mem::take(&mut self.parts);
        if let Some(message) = self.message(frame) {
            let speech = message.open(index, refusal, &mut parts, out);
            speech.finish(raw.and_then(wire::string), out);
            if speech.tokens == 0 {
                speech.logprobs(logprobs(frame), out);
            }
        }
        self.parts = parts;
    }

    fn annotation(&mut self, frame: &wire::Frame<'_>, out: &mut Vec<Event>) {
        let Some(raw) = frame.annotation else { return };
        let index = frame.content_index.map_or(0, |n| n.0);
        let mut parts = std::mem::take(&mut self.parts);
        if let Some(message) = self.message(frame) {
            let speech = message.open(index, false, &mut parts, out);
            speech.annotations += 1;
            out.push(Event::Annotation {
                at: speech.at,
                annotation: Box::new(content::decode_annotation(raw)),
            });
        }
        self.parts = parts;
    }

    fn thought(
        &mut self,
        frame: &wire::Frame<'_>,
        kind: ReasoningKind,
        raw: Option<Raw<'_>>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let index = match kind {
            ReasoningKind::Summary => frame.summary_index,
            ReasoningKind::Text => frame.content_index,
        };
        let index = index.map_or(0, |n| n.0);
        let mut parts = std::mem::take(&mut self.parts);
        let begin = || Kind::reasoning(item_id(frame), &mut parts, out);
        let text: Option<Wtf8<'_>> = raw.and_then(wire::string);
        // The item is looked up before `out` is needed again.
        let found = self.find_or_begin(frame, begin).is_some();
        if found
            && let Some(thought) =
                self.find(frame).and_then(|at| self.items.get_mut(at)).and_then(Item::as_thought)
            && let Some(text) = text
        {
            thought.push(kind, index, text, whole, out);
        }
        self.parts = parts;
    }

    fn arguments(
        &mut self,
        frame: &wire::Frame<'_>,
        raw: Option<Raw<'_>>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let call = self.find(frame).and_then(|at| self.items.get_mut(at)).and_then(Item::as_call);
        match (call, raw) {
            (Some(call), Some(raw)) => call.push(raw, whole, out),
            (None, _) => self.losses.dropped("output", "arguments of a call that never began"),
            (Some(_), None) => {}
        }
    }
}

fn item_id(frame: &wire::Frame<'_>) -> Option<String> {
    frame.item_id.as_ref().map(|id| id.0.clone().into_owned())
}

fn logprobs(frame: &wire::Frame<'_>) -> Vec<crate::canon::TokenLogprob> {
    let tokens = frame.logprobs.and_then(|raw| raw.read());
    content::decode_logprobs(tokens.unwrap_or_default())
}

/// An event that only this dialect understands, whole.
fn native(kind: &str, data: &[u8], out: &mut Vec<Event>) {
    if let Ok(raw) = serde_json::from_slice::<Raw<'_>>(data) {
        out.push(Event::Native {
            dialect: RESPONSES,
            at: None::<At>,
            name: Some(kind.to_owned()),
            raw: Json::from(raw),
        });
    }
}
