//! Messages of a streamed answer: their content parts come one after the other.
use super::{
    super::{ITEM, RESPONSES, content, item_in, wire},
    item::Parts,
};
use crate::{
    canon::{At, Content, Event, Extensions, Fields, Json, Part, Refusal, TokenLogprob},
    codec::{CodecError, Id, Joiner, Str, StrOrSeq, Wtf8},
};

/// An open message.
#[derive(Debug, Default)]
pub(super) struct Message {
    id: Option<String>,
    fields: Fields,
    n_parts: usize,
    speech: Option<Speech>,
}

/// The open content part of a message.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) at: At,
    index: u64,
    refusal: bool,
    joiner: Joiner,
    said: bool,
    pub(super) annotations: usize,
    pub(super) tokens: usize,
}

impl Message {
    pub(super) fn begin(mut item: wire::Item<'_>) -> Self {
        Self {
            fields: item_in::item_fields(&mut item),
            id: item.id.map(Id::into_owned).filter(|id| !id.is_empty()),
            ..Self::default()
        }
    }

    pub(super) fn new(id: Option<String>) -> Self {
        Self { id, ..Self::default() }
    }

    /// Whether it has no part so far.
    pub(super) const fn is_silent(&self) -> bool {
        self.n_parts == 0
    }

    pub(super) fn close(self, out: &mut Vec<Event>) {
        if let Some(speech) = self.speech {
            speech.close(out);
        }
    }

    /// The content part with this index; the one before it ends.
    pub(super) fn open(
        &mut self,
        index: u64,
        refusal: bool,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> &mut Speech {
        let same = |speech: &Speech| speech.index == index && speech.refusal == refusal;
        if let Some(other) = self.speech.take_if(|speech| !same(speech)) {
            other.close(out);
        }
        self.speech.get_or_insert_with(|| {
            let content = if refusal { Content::Refusal(Refusal::default()) } else { Content::default() };
            let mut part = Part { id: self.id.clone(), ..Part::new(content) };
            if self.n_parts == 0 {
                item_in::set_item_fields(&mut part, &self.fields);
            }
            self.n_parts += 1;
            Speech {
                at: parts.start(part, out),
                index,
                refusal,
                joiner: Joiner::default(),
                said: false,
                annotations: 0,
                tokens: 0,
            }
        })
    }

    /// Takes the message as it is in the end.
    pub(super) fn settle(
        &mut self,
        mut item: wire::Item<'_>,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        self.id = self.id.take().or(item.id.take().map(Id::into_owned));
        let fields = item_in::item_fields(&mut item);
        let changed = fields != self.fields && !fields.is_empty();
        let begun = self.n_parts as u64;
        if changed {
            self.fields = fields;
        }
        let content = match item.content {
            Some(StrOrSeq::Seq(content)) => content,
            Some(StrOrSeq::Str(_)) | None => Vec::new(),
        };
        // The last part that began may lack its text; parts behind it were not told at all.
        let from = self.n_parts.saturating_sub(1);
        for (index, part) in (0u64..).zip(content).skip(from) {
            let part: wire::Part<'_> = part.read().unwrap_or_default();
            let refusal = match part.kind.as_ref().map(Str::as_str) {
                Some("output_text" | "text") => false,
                Some("refusal") => true,
                _ => continue,
            };
            match self.speech.as_mut().filter(|_| index + 1 == begun) {
                Some(last) => last.settle(part, out),
                None => self.open(index, refusal, parts, out).settle(part, out),
            }
        }
        if changed
            && begun > 0
            && let Some(speech) = &self.speech
        {
            let mut extensions = Extensions::new();
            extensions.set(RESPONSES, ITEM, Json::of(&self.fields));
            out.push(Event::PartExtra { at: speech.at, extensions: Box::new(extensions) });
        }
        Ok(())
    }
}

impl Speech {
    fn event(&self, text: String) -> Event {
        Event::Text { at: self.at, text }
    }

    pub(super) fn push(&mut self, text: Wtf8<'_>, out: &mut Vec<Event>) {
        self.said |= !text.0.is_empty();
        let text = self.joiner.push(text.0);
        if !text.is_empty() {
            out.push(self.event(text.into_owned()));
        }
    }

    /// The text is complete; `whole` counts only if no delta came.
    pub(super) fn finish(&mut self, whole: Option<Wtf8<'_>>, out: &mut Vec<Event>) {
        if let Some(whole) = whole.filter(|_| !self.said) {
            self.push(whole, out);
        }
        if let Some(half) = self.joiner.finish() {
            out.push(self.event(half.to_owned()));
        }
    }

    pub(super) fn logprobs(&mut self, tokens: Vec<TokenLogprob>, out: &mut Vec<Event>) {
        self.tokens += tokens.len();
        if !tokens.is_empty() {
            out.push(Event::Logprobs { choice: self.at.choice, part: Some(self.at.part), tokens });
        }
    }

    /// Takes the part as it is said to be so far: what no delta told is told now.
    pub(super) fn settle(&mut self, part: wire::Part<'_>, out: &mut Vec<Event>) {
        let text = if self.refusal { part.refusal } else { part.text };
        if let Some(text) = text.filter(|text| !text.is_empty() && !self.said) {
            self.said = true;
            out.push(self.event(text.into_owned()));
        }
        if self.annotations == 0 {
            for raw in part.annotations.into_iter().flatten() {
                self.annotations += 1;
                let annotation = Box::new(content::decode_annotation(raw));
                out.push(Event::Annotation { at: self.at, annotation });
            }
        }
        if self.tokens == 0 {
            self.logprobs(content::decode_logprobs(part.logprobs.unwrap_or_default()), out);
        }
    }

    fn close(mut self, out: &mut Vec<Event>) {
        self.finish(None, out);
        out.push(Event::PartEnd { at: self.at });
    }
}
