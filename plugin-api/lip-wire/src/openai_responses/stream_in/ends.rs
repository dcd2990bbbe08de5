//! The begin and the end of a streamed answer.
use super::{
    super::{
        RESPONSES, failure,
        reply_in::{decode_failure, decode_output, decode_rest, decode_stop, is_client_call, seconds},
        response, usage, wire,
    },
    Decoder,
};
use crate::{
    canon::{Event, Extensions, Failure, Json, Part, Start, split_part},
    codec::{CodecError, Id, Raw, Str},
};

impl Decoder {
    fn fail(&mut self, failure: Failure, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(Box::new(failure)));
    }

    pub(super) fn error(&mut self, frame: &wire::Frame<'_>, data: &[u8], out: &mut Vec<Event>) {
        let whole = || serde_json::from_slice::<Raw<'_>>(data).ok();
        let failure = frame.error.or_else(whole).map(failure::decode);
        self.fail(failure.unwrap_or_default(), out);
    }

    pub(super) fn head(&mut self, frame: &wire::Frame<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        // The later heads repeat the first.
        if !self.started {
            let response = response_of(frame)?;
            self.start(response, out);
        }
        Ok(())
    }

    pub(super) fn start(&mut self, response: wire::Response<'_>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.seen = decode_rest(response.rest);
        self.tier = response.service_tier.map(Str::into_owned);
        out.push(Event::Start(Box::new(Start {
            origin: Some(RESPONSES),
            id: response.id.map(Id::into_owned).filter(|id| !id.is_empty()),
            model: response.model.map(Str::into_owned),
            created: response.created_at.map(seconds),
            service_tier: self.tier.clone(),
            fingerprint: None,
            usage: None,
            extensions: self.seen.clone(),
        })));
    }

    pub(super) fn terminal(
        &mut self,
        frame: &wire::Frame<'_>,
        status: &'static str,
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        let mut response = response_of(frame)?;
        response.status.get_or_insert(Str(status.into()));
        if !self.started {
            self.start(response_of(frame)?, out);
        }
        if let Some(failure) = decode_failure(&response) {
            self.fail(failure, out);
            return Ok(());
        }
        for item in std::mem::take(&mut self.items) {
            self.close(item, out);
        }
        let output = response.output.take().unwrap_or_default();
        if !self.any {
            for part in decode_output(output).map_err(|e| e.under("response"))? {
                self.whole(part, out);
            }
        }
        self.news(&mut response, out);
        if let Some(usage) = response.usage.take() {
            out.push(Event::Usage(Box::new(usage::decode(usage))));
        }
        if let Some(stop) = decode_stop(&response, self.called) {
            let stop = Box::new(stop);
            out.push(Event::Stop { choice: 0, stop });
        }
        self.ended = true;
        out.push(Event::End);
        Ok(())
    }

    /// What the end says of the whole answer that its head did not.
    fn news(&mut self, response: &mut wire::Response<'_>, out: &mut Vec<Event>) {
        let mut news = Extensions::new();
        let told = decode_rest(std::mem::take(&mut response.rest));
        for (name, value) in told.fields(RESPONSES).into_iter().flat_map(|fields| fields.iter()) {
            if self.seen.get(RESPONSES, name) != Some(value) {
                news.set(RESPONSES, name, value.clone());
            }
        }
        if let Some(at) = response.completed_at {
            news.set(RESPONSES, response::COMPLETED_AT, Json::from(at));
        }
        let tier = response.service_tier.take().map(Str::into_owned);
        if tier.is_some() && tier != self.tier {
            news.set(RESPONSES, response::SERVICE_TIER, Json::of(&tier));
        }
        if !news.is_empty() {
            let extensions = Box::new(news);
            out.push(Event::Extra { choice: None, extensions });
        }
    }

    pub(super) fn whole(&mut self, part: Part, out: &mut Vec<Event>) {
        self.any = true;
        self.called |= is_client_call(&part);
        let at = self.parts.next();
        split_part(at, part, out);
    }
}

fn response_of<'a>(frame: &wire::Frame<'a>) -> Result<wire::Response<'a>, CodecError> {
    match frame.response {
        None => Ok(wire::Response::default()),
        Some(raw) => raw.parse(RESPONSES).map_err(|e| e.under("response")),
    }
}
