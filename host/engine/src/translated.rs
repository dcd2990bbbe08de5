//! The body of a streamed answer in another dialect than the upstream's: decoded and encoded event by event.
use crate::frames::{Frame, Frames};
use crate::record::Noted;
use crate::source::Source;
use crate::translate;
use crate::turn::Broken;
use base::{Fault, Kind};
use bytes::Bytes;
use http_body::Frame as BodyFrame;
use lip_wire::Dialect;
use lip_wire::canon::{Collector, Event};
use lip_wire::codec::{CodecError, EncodeCtx, StreamDecoder, StreamEncoder};
use lip_wire::gate::Usage;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Reads an upstream's stream as canonical events.
pub(crate) struct Reader {
    held: VecDeque<Bytes>,
    source: Source,
    frames: Frames,
    decoder: StreamDecoder,
    is_over: bool,
    broken: Broken,
    /// What the stream said until now that it cost.
    usage: Option<Box<Usage>>,
    noted: Noted,
}

impl Reader {
    pub(crate) fn new(
        held: VecDeque<Bytes>,
        source: Source,
        dialect: Dialect,
        (broken, noted): (Broken, Noted),
    ) -> Result<Self, CodecError> {
        let (decoder, frames) = (StreamDecoder::new(dialect)?, Frames::of(dialect));
        Ok(Self { held, source, frames, decoder, is_over: false, broken, usage: None, noted })
    }

    /// Appends the events of the next chunk. False when the stream is over; it then ends with `End` or `Failed`.
    fn poll_events(&mut self, cx: &mut Context<'_>, events: &mut Vec<Event>) -> Poll<bool> {
        if self.is_over {
            return Poll::Ready(false);
        }
        let chunk = match self.held.pop_front() {
            Some(chunk) => Some(Ok(chunk)),
            None => std::task::ready!(self.source.poll_chunk(cx)),
        };
        match chunk {
            Some(Ok(chunk)) => {
                self.frames.push(chunk);
                while let Some(frame) = self.frames.next() {
                    match frame {
                        Ok(frame) => self.decode(&frame, events),
                        Err(_) => self.fail(
                            Fault::upstream(Kind::BadGateway, "the upstream sent a frame that is too large"),
                            events,
                        ),
                    }
                }
            }
            Some(Err(fault)) => self.fail(fault, events),
            None => {
                if let Some(frame) = self.frames.finish() {
                    self.decode(&frame, events);
                }
                self.decoder.finish(events);
                self.is_over = true;
            }
        }
        for event in events.iter() {
            match event {
                Event::End => self.is_over = true,
                Event::Failed(failure) => {
                    self.is_over = true;
                    let _ = self.broken.set(translate::of_failure(failure));
                }
                Event::Usage(usage) => self.usage.get_or_insert_default().update(&Usage::from(&**usage)),
                _ => {}
            }
        }
        Poll::Ready(true)
    }

    fn decode(&mut self, frame: &Frame, events: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        if let Err(error) = self.decoder.push_event(frame.name(), frame.data(), events) {
            self.fail(translate::nonsense(&error), events);
        }
    }

    fn fail(&mut self, fault: Fault, events: &mut Vec<Event>) {
        if !self.is_over {
            tracing::warn!(%fault, "a stream broke off");
            events.push(translate::failed(&fault));
            self.is_over = true;
        }
    }

    /// Reads to the end, for a client that wants a whole answer.
    pub(crate) async fn collect(mut self) -> Collector {
        let mut collector = Collector::new();
        let mut events = Vec::new();
        while std::future::poll_fn(|cx| self.poll_events(cx, &mut events)).await {
            events.drain(..).for_each(|event| collector.push(event));
        }
        collector
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.noted.used(self.usage.as_deref());
    }
}

/// A stream in the client's dialect, made from one in another.
pub(crate) struct Translated {
    reader: Reader,
    encoder: StreamEncoder,
    events: Vec<Event>,
}

impl Translated {
    pub(crate) fn new(reader: Reader, client: Dialect, ctx: EncodeCtx) -> Result<Self, CodecError> {
        Ok(Self { reader, encoder: StreamEncoder::new(client, ctx)?, events: Vec::new() })
    }
}

impl http_body::Body for Translated {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            if !std::task::ready!(this.reader.poll_events(cx, &mut this.events)) {
                return Poll::Ready(None);
            }
            let mut out = Vec::new();
            for event in this.events.drain(..) {
                this.encoder.encode(&event, &mut out);
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(BodyFrame::data(out.into()))));
            }
        }
    }
}
