//! A stream of events as one JSON array, which is what `streamGenerateContent` sends without `alt=sse`.
use base::Fault;
use bytes::Bytes;
use engine::ReplyBody;
use http_body::{Body, Frame};
use lip_wire::frame::sse::Decoder;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Reframes server-sent events.
pub(super) struct JsonArray {
    events: Option<ReplyBody>,
    decoder: Decoder,
    is_begun: bool,
}

impl JsonArray {
    pub(super) fn new(events: ReplyBody) -> Self {
        Self { events: Some(events), decoder: Decoder::default(), is_begun: false }
    }

    fn elements(&mut self, out: &mut Vec<u8>) {
        while let Some(event) = self.decoder.next_event() {
            let Ok(event) = event else { continue };
            self.element(&event.data, out);
        }
    }

    fn element(&mut self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_begun { b",\r\n" } else { b"[" });
        self.is_begun = true;
        out.extend_from_slice(data);
    }
}

impl Body for JsonArray {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            let Some(events) = this.events.as_mut() else { return Poll::Ready(None) };
            let mut out = Vec::new();
            match std::task::ready!(Pin::new(events).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.decoder.push(data);
                        this.elements(&mut out);
                    }
                }
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                None => {
                    if let Some(event) = this.decoder.finish() {
                        this.element(&event.data, &mut out);
                    }
                    out.extend_from_slice(if this.is_begun { b"]" } else { b"[]" });
                    this.events = None;
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn array_of(events: &'static str) -> String {
        let body = JsonArray::new(ReplyBody::full(events));
        String::from_utf8(body.collect().await.expect("no fault").to_bytes().to_vec()).expect("UTF-8")
    }

    #[tokio::test]
    async fn events_become_elements() {
        assert_eq!(array_of("data: {\"a\":1}\n\ndata: {\"b\":2}\r\n\r\n").await, "[{\"a\":1},\r\n{\"b\":2}]");
        assert_eq!(array_of("data: {\"a\":1}").await, "[{\"a\":1}]");
        assert_eq!(array_of("").await, "[]");
    }
}
