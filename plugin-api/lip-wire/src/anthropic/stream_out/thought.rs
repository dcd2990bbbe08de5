//! Foreign thinking in a streamed answer: its text is told as it comes, its seal at its end.
use super::{
    super::{
        ANTHROPIC,
        block_out::{self, Fate, carrier},
        path::Path,
    },
    Encoder,
    block::Slot,
};
use crate::{
    canon::{At, Content, Part, ReasoningKind, Sealed},
    codec::{Seals, borne, carried, pack},
};

/// Thinking of another dialect.
#[derive(Debug)]
pub(super) struct Thought {
    /// Without its text.
    part: Part,
    /// List and number of the segment being told; `None`: the block has not begun.
    segment: Option<(ReasoningKind, u32)>,
}

impl Thought {
    pub(super) const fn new(part: Part) -> Self {
        Self { part, segment: None }
    }

    pub(super) fn encrypted(&mut self, sealed: &Sealed) {
        if let Content::Reasoning(thought) = &mut self.part.content {
            thought.encrypted = Some(sealed.clone());
        }
    }

    /// More of the signature.
    pub(super) fn sign(&mut self, sealed: &Sealed) {
        match &mut self.part.signature {
            Some(old) if old.dialect == sealed.dialect => old.data.push_str(&sealed.data),
            signature => *signature = Some(sealed.clone()),
        }
    }

    /// What is told of its seal: this API's own signature, or the carrier of another's.
    fn seal(&self) -> Option<Sealed> {
        let Content::Reasoning(thought) = &self.part.content else { return None };
        let carrier = || {
            let (sealed, seals) = carried(&self.part, thought, ANTHROPIC)?;
            Some(Sealed { dialect: ANTHROPIC, data: pack(sealed, seals) })
        };
        block_out::signature(&self.part).cloned().or_else(carrier)
    }
}

impl Encoder {
    /// Begins; what the part says already is told.
    pub(super) fn thought_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
        let mut bare = part.clone();
        let Content::Reasoning(thought) = &mut bare.content else { return };
        let (text, summary) = (std::mem::take(&mut thought.text), std::mem::take(&mut thought.summary));
        self.open = Some((at, Slot::Thought(Box::new(Thought::new(bare)))));
        let is_said = text.iter().any(|text| !text.is_empty());
        let (kind, list) =
            if is_said { (ReasoningKind::Text, text) } else { (ReasoningKind::Summary, summary) };
        for (segment, text) in (0u32..).zip(list) {
            self.thought_delta((kind, segment), &text, out);
        }
    }

    /// Tells more of it. What is told stays in the list it began with: a summary is not mixed with what it sums up.
    pub(super) fn thought_delta(&mut self, place: (ReasoningKind, u32), text: &str, out: &mut Vec<u8>) {
        let Some((_, Slot::Thought(thought))) = &mut self.open else { return };
        if text.is_empty() {
            return;
        }
        let before = thought.segment;
        if before.is_some_and(|(kind, _)| kind != place.0) {
            return self.losses.dropped("reasoning", "one text of a thought only in this dialect");
        }
        if before.is_none() && !self.unsigned {
            return;
        }
        thought.segment = Some(place);
        match before {
            None => self.thinking_block(out),
            Some(before) if before != place => self.thinking_delta("\n\n", out),
            Some(_) => {}
        }
        self.thinking_delta(text, out);
    }

    fn thinking_block(&mut self, out: &mut Vec<u8>) {
        self.block(out, |block| {
            block.put("type", "thinking");
            block.put("thinking", "");
            block.put("signature", "");
        });
    }

    /// Ends it: with its seal, if it has one. What has no text is only its seal.
    pub(super) fn thought_end(&mut self, thought: &Thought, out: &mut Vec<u8>) {
        if thought.segment.is_none() {
            return self.thought_whole(&thought.part, out);
        }
        if let Some(sealed) = thought.seal() {
            self.signature(&sealed, out);
        }
        self.block_stop(out);
    }

    fn thought_whole(&mut self, part: &Part, out: &mut Vec<u8>) {
        let path = Path::Answer(usize::try_from(self.index).unwrap_or(usize::MAX));
        if let Slot::Whole = self.whole(part, path, out) {
            self.block_stop(out);
        }
    }

    /// The seal that the last part bears, in front of the next one.
    pub(super) fn told_seal(&mut self, out: &mut Vec<u8>) {
        if let Some(sealed) = self.seal.take() {
            self.carrier(&sealed, Seals::Previous, out);
        }
    }

    /// The seal that a part bears from its start, in front of it.
    pub(super) fn seal_of(&mut self, part: &Part, out: &mut Vec<u8>) {
        if let Some(sealed) = borne(part, ANTHROPIC)
            && self.fate(part) == Fate::Write
        {
            self.carrier(&sealed.clone(), Seals::Next, out);
        }
    }

    fn carrier(&mut self, sealed: &Sealed, seals: Seals, out: &mut Vec<u8>) {
        self.block(out, |block| carrier(sealed, seals, block));
        self.block_stop(out);
    }
}
