//! A canonical answer to a whole Messages answer.
use super::{
    ANTHROPIC,
    block_out::{self, Blocks},
    failure,
    path::Path,
    stop::{self, Said},
    usage::{self, Place},
};
use crate::{
    canon::{CallKind, Choice, Content, Extensions, Part, Reply, derived_call_id},
    codec::{Coded, EncodeCtx, Object, Seals, borne, object},
    loss::Losses,
};

/// Fields of a message that the official types demand, if only as `null`.
const NULLABLE: [&str; 2] = ["container", "diagnostics"];

/// Writes an answer body; an error body if the answer failed.
pub(super) fn encode(reply: &Reply, ctx: &EncodeCtx) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(1024);
    if let Some(failed) = &reply.failure {
        object(&mut out, |body| failure::encode(failed, body));
        return (out, losses);
    }
    let nothing = Choice::default();
    let choice = reply.choices.first().unwrap_or(&nothing);
    let id = reply.id.as_deref().unwrap_or(&ctx.reply_id);
    object(&mut out, |body| {
        head(id, ctx.model.as_deref().or(reply.model.as_deref()), body);
        let own = reply.origin == Some(ANTHROPIC);
        let blocks =
            Blocks { own, answer: true, unsigned: block_out::shows_unsigned(ctx), losses: &mut losses };
        let said = content(&choice.parts, id, blocks, body);
        stop::encode(choice.stop.as_ref(), said, body, &mut losses);
        tail(&reply.extensions, body, &mut losses);
        let counts = reply.usage.clone().unwrap_or_default();
        let place = Place::Whole(reply.service_tier.as_deref());
        body.object("usage", |object| usage::encode(&counts, place, object, &mut losses));
    });
    for (index, choice) in reply.choices.iter().enumerate() {
        losses.foreign(&choice.extensions, ANTHROPIC, format_args!("choices[{index}]."));
        if index > 0 {
            losses.dropped(format!("choices[{index}]"), MORE);
        }
        if !choice.logprobs.is_empty() {
            losses.dropped(format!("choices[{index}].logprobs"), NO_LOGPROBS);
        }
    }
    (out, losses)
}

/// Why further choices are lost.
pub(super) const MORE: &str = "one answer only in this dialect";
/// Why token probabilities are lost.
pub(super) const NO_LOGPROBS: &str = "no token probabilities in this dialect";

/// The first fields of a message.
pub(super) fn head(id: &str, model: Option<&str>, message: &mut Object<'_>) {
    message.put("id", id);
    message.put("type", "message");
    message.put("role", "assistant");
    message.put("model", model.unwrap_or_default());
}

/// The fields of a message that the model does not know.
pub(super) fn tail(extensions: &Extensions, message: &mut Object<'_>, losses: &mut Losses) {
    let own = extensions.fields(ANTHROPIC);
    for name in NULLABLE {
        if own.is_none_or(|fields| fields.get(name).is_none()) {
            message.raw(name, "null");
        }
    }
    message.fields(own);
    losses.foreign(extensions, ANTHROPIC, "");
}

fn content(parts: &[Part], id: &str, mut blocks: Blocks<'_>, message: &mut Object<'_>) -> Said {
    let mut said = Said::default();
    let mut n_calls = 0;
    let placed = parts.iter().enumerate().map(|(at, part)| (Path::Answer(at), part));
    let kept = blocks.kept(placed);
    message.array("content", |list| {
        for (path, part) in kept {
            let derived = part.as_call().map(|call| {
                said.call |= !matches!(call.kind, CallKind::Builtin(_));
                n_calls += 1;
                let own = call.id.clone();
                own.unwrap_or_else(|| derived_call_id(id, n_calls - 1))
            });
            said.refusal |= matches!(part.content, Content::Refusal(_));
            if matches!(&part.content, Content::Text(text) if !text.logprobs.is_empty()) {
                blocks.losses.dropped(path.field("logprobs"), NO_LOGPROBS);
            }
            if let Some(sealed) = borne(part, ANTHROPIC) {
                list.object(|block| block_out::carrier(sealed, Seals::Next, block));
            }
            blocks.write(part, derived.as_deref(), path, list);
        }
    });
    said
}
