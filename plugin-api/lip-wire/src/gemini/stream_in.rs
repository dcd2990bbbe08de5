//! Frames of a streamed answer to canonical events.
use super::{
    GEMINI, failure,
    reply_in::{CANDIDATES_MAX, candidate_extensions, head_extensions},
    stop,
    stream_lane::Lane,
    usage, wire,
};
use crate::{
    canon::{Event, Extensions, Failure, Fields, Start, Stop, Usage},
    codec::{CodecError, DecodeStream, Raw, Str, parse, parse_frame, parse_rfc3339},
    loss::Losses,
};

/// Decodes one streamed answer. There is no terminator: the answer is complete if every candidate told its `finishReason` before the stream closed.
/// A frame may also be a list of frames (the form without `alt=sse`, read whole).
#[derive(Debug, Default)]
pub(super) struct Decoder {
    lanes: Vec<Lane>,
    started: bool,
    ended: bool,
    /// Why the prompt was refused, if it was.
    blocked: Option<Stop>,
    /// Unknown fields of frames, as last seen: only changes are told.
    seen: Fields,
    /// The time that the last head told.
    created: Option<String>,
    usage: Option<Usage>,
    losses: Losses,
}

impl DecodeStream for Decoder {
    fn push_event(
        &mut self,
        _name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        let data = data.trim_ascii();
        // Some compatible servers end like OpenAI's.
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        if data.starts_with(b"[") {
            let frames: Vec<Raw<'_>> = parse(GEMINI, data)?;
            for frame in frames {
                if !self.ended {
                    self.frame(parse_frame(GEMINI, frame.get().as_bytes())?, out)?;
                }
            }
            return Ok(());
        }
        self.frame(parse_frame(GEMINI, data)?, out)
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        self.ended = true;
        if let Some(stop) = self.blocked.take().filter(|_| self.lanes.is_empty()) {
            out.push(Event::Stop { choice: 0, stop: Box::new(stop) });
            out.push(Event::End);
        } else if !self.lanes.is_empty() && self.lanes.iter().all(Lane::stopped) {
            out.push(Event::End);
        } else {
            out.push(Event::Failed(Box::new(Failure::truncated())));
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Decoder {
    fn frame(&mut self, mut frame: wire::Response<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        if let Some(error) = frame.error {
            self.fail(failure::decode(error), out);
            return Ok(());
        }
        let usage = frame.usage.take().map(|usage| usage::decode(*usage));
        self.head(&mut frame, usage.as_ref(), out);
        if let Some(stop) = frame.feedback.and_then(stop::blocked) {
            self.blocked = Some(stop);
        }
        for (at, candidate) in frame.candidates.into_iter().flatten().enumerate() {
            let failed = self.candidate(candidate, out).map_err(|e| e.under(format!("candidates[{at}]")))?;
            if let Some(failure) = failed {
                self.fail(failure, out);
                return Ok(());
            }
        }
        if let Some(usage) = usage
            && self.usage.as_ref() != Some(&usage)
        {
            out.push(Event::Usage(Box::new(usage.clone())));
            self.usage = Some(usage);
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(Box::new(failure)));
    }

    fn head(&mut self, frame: &mut wire::Response<'_>, usage: Option<&Usage>, out: &mut Vec<Event>) {
        let created = frame.create_time.as_ref().map(Str::as_str);
        if self.started
            && frame.rest.is_empty()
            && frame.feedback.is_none()
            && (created.is_none() || created == self.created.as_deref())
        {
            return;
        }
        self.created = created.map(str::to_owned);
        let told =
            head_extensions(std::mem::take(&mut frame.rest), frame.feedback, frame.create_time.as_ref());
        let news = news(&mut self.seen, &told);
        if self.started {
            if let Some(extensions) = news {
                out.push(Event::Extra { choice: None, extensions });
            }
            return;
        }
        self.started = true;
        self.usage = usage.cloned();
        out.push(Event::Start(Box::new(Start {
            origin: Some(GEMINI),
            id: frame.id.take().map(Str::into_owned).filter(|id| !id.is_empty()),
            model: frame.model.take().map(Str::into_owned),
            created: frame.create_time.as_ref().and_then(|text| parse_rfc3339(text.as_str())),
            usage: usage.cloned(),
            extensions: news.map(|news| *news).unwrap_or_default(),
            ..Start::default()
        })));
    }

    /// Takes a candidate; gives back the failure that its end is, if it is one.
    fn candidate(
        &mut self,
        mut candidate: wire::Candidate<'_>,
        out: &mut Vec<Event>,
    ) -> Result<Option<Failure>, CodecError> {
        let index = candidate.index.map_or(0, |n| n.0);
        if index >= CANDIDATES_MAX {
            let cause = format!("must be below {CANDIDATES_MAX}");
            return Err(CodecError::at(GEMINI, "index", cause));
        }
        let index = u32::try_from(index).unwrap_or_default();
        let at = if let Some(at) = self.lanes.iter().position(|lane| lane.choice() == index) {
            at
        } else {
            self.lanes.push(Lane::new(index));
            self.lanes.len() - 1
        };
        let lane = &mut self.lanes[at];
        let told = candidate_extensions(&mut candidate);
        if let Some(content) = candidate.content {
            lane.content(content, out, &mut self.losses).map_err(|e| e.under("content"))?;
        }
        if let Some(result) = candidate.logprobs {
            lane.logprobs(*result, out, &mut self.losses);
        }
        lane.cite(candidate.grounding, candidate.citations, out);
        if let Some(extensions) = news(lane.seen(), &told) {
            out.push(Event::Extra { choice: Some(index), extensions });
        }
        let message = candidate.message;
        Ok(candidate.finish.and_then(|word| lane.stop(word.as_str(), message, out)))
    }
}

/// What is said for the first time or differently than before.
fn news(seen: &mut Fields, told: &Extensions) -> Option<Box<Extensions>> {
    let mut news = Fields::new();
    for (name, value) in told.fields(GEMINI).into_iter().flat_map(Fields::iter) {
        if seen.get(name) != Some(value) {
            seen.set(name, value.clone());
            news.set(name, value.clone());
        }
    }
    if news.is_empty() { None } else { Some(Box::new(Extensions::of(GEMINI, news))) }
}
