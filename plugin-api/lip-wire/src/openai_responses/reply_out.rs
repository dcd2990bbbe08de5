//! A canonical answer to a whole Response.
use super::{
    RESPONSES,
    answer::{Answer, COMPLETED, is_spoken},
    response::{Head, STATUS, Said, State, note_stop, state_of},
};
use crate::{
    canon::{CallKind, Choice, Content, Json, Part, Reply},
    codec::{Coded, EncodeCtx, object},
    loss::Losses,
};

/// Writes an answer body.
pub(super) fn encode(reply: &Reply, ctx: &EncodeCtx) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let head = Head::new(
        ctx,
        reply.id.as_deref(),
        reply.model.as_deref(),
        reply.created,
        reply.service_tier.as_deref(),
        &reply.extensions,
    );
    let silent = Choice::default();
    let choice = reply.choices.first().unwrap_or(&silent);
    if reply.choices.len() > 1 {
        losses.dropped("choices[1..]", "responses has one answer");
    }
    let status = reply.extensions.get(RESPONSES, STATUS).and_then(Json::read::<String>);
    let state = match &reply.failure {
        Some(failure) => State::Failed(failure),
        None => state_of(choice.stop.as_ref(), status.as_deref()),
    };
    if let Some(stop) = &choice.stop {
        note_stop(stop, &mut losses);
    }
    let mut output = Output {
        answer: Answer { root: &ctx.reply_id, foreign: reply.origin != Some(RESPONSES) },
        cut: matches!(state, State::Incomplete(_)),
        bytes: Vec::with_capacity(512),
        len: 0,
    };
    output.parts(&choice.parts, &mut losses);
    let said = Said { output: &output.bytes, usage: reply.usage.as_ref(), extensions: &reply.extensions };
    let mut out = Vec::with_capacity(output.bytes.len() + 2048);
    object(&mut out, |body| {
        head.write(state, &said, body, &mut losses);
    });
    losses.foreign(&reply.extensions, RESPONSES, "");
    losses.foreign(&choice.extensions, RESPONSES, "choices[0].");
    losses.unless_absent(reply.fingerprint.as_ref(), "fingerprint", "responses has no such field");
    losses.unless_absent(choice.logprobs.first(), "choices[0].logprobs", "belong to no text");
    (out, losses)
}

/// The inside of the array `output`.
struct Output<'a> {
    answer: Answer<'a>,
    /// The answer ended early: so did its last message.
    cut: bool,
    bytes: Vec<u8>,
    len: usize,
}

impl Output<'_> {
    fn item(&mut self, fill: impl FnOnce(&Answer<'_>, usize, &mut crate::codec::Object<'_>)) {
        if self.len > 0 {
            self.bytes.push(b',');
        }
        object(&mut self.bytes, |item| fill(&self.answer, self.len, item));
        self.len += 1;
    }

    fn parts(&mut self, parts: &[Part], losses: &mut Losses) {
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            let mut end = at + 1;
            if is_spoken(part) {
                let joins = |next: &&Part| is_spoken(next) && next.id == part.id;
                while parts.get(end).filter(joins).is_some() {
                    end += 1;
                }
                let status = if self.cut && self.answer.foreign && end == parts.len() {
                    "incomplete"
                } else {
                    COMPLETED
                };
                self.item(|answer, n, item| {
                    answer.message(&answer.item_id(part, n), status, &parts[at..end], item, losses);
                });
            } else {
                self.single(at, part, losses);
            }
            let signatures =
                parts[at..end].iter().filter(|part| !matches!(part.content, Content::Reasoning(_)));
            if let Some(sealed) = signatures.filter_map(|part| part.signature.as_ref()).next_back() {
                self.item(|answer, n, item| answer.carrier(sealed, n, item));
            }
            at = end;
        }
    }

    fn single(&mut self, at: usize, part: &Part, losses: &mut Losses) {
        let why = match &part.content {
            Content::ToolCall(call) if !matches!(call.kind, CallKind::Builtin(_)) => {
                self.item(|answer, n, item| answer.call(part, call, n, item));
                return losses.foreign(&part.extensions, RESPONSES, format_args!("parts[{at}]."));
            }
            Content::Reasoning(reasoning) => {
                return self.item(|answer, n, item| answer.reasoning(part, reasoning, n, item, losses));
            }
            Content::Native(native) if native.dialect == RESPONSES => {
                if self.len > 0 {
                    self.bytes.push(b',');
                }
                self.bytes.extend_from_slice(native.raw.get().as_bytes());
                self.len += 1;
                return;
            }
            Content::ToolCall(_) => "built-in call of another dialect",
            Content::Native(_) => "part of another dialect",
            Content::Media(_) => "no place for media in an answer",
            Content::ToolResult(_) | Content::Text(_) | Content::Refusal(_) => "no place in an answer",
        };
        losses.dropped(format!("parts[{at}]"), why);
    }
}
