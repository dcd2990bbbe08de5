//! Messages of an answer in `application/vnd.amazon.eventstream`, one by one.
use crate::{Error, HttpResponse, Result};
use bytes::Bytes;
use lip_wire::frame::aws_event_stream::{Decoder, Fault};
pub use lip_wire::frame::aws_event_stream::{Headers, Message, Value};

/// Reads an answer message by message. Dropping it closes the answer.
#[derive(Debug)]
pub struct MessageReader {
    response: HttpResponse,
    decoder: Decoder,
}

impl HttpResponse {
    /// The rest of the body as messages of an AWS event stream.
    pub fn messages(self) -> MessageReader {
        MessageReader { response: self, decoder: Decoder::default() }
    }
}

impl MessageReader {
    /// The next message, verified; `None` at the end of the answer.
    ///
    /// # Errors
    /// As for [`HttpResponse::chunk`]; `io` when a message is damaged, larger than 16 MiB, or cut off by the end.
    pub async fn next(&mut self) -> Result<Option<Message>> {
        loop {
            if let Some(next) = self.decoder.next_event() {
                return next.map(Some).map_err(damaged);
            }
            match self.response.chunk().await? {
                Some(chunk) => self.decoder.push(Bytes::from_owner(chunk)),
                None => return self.decoder.finish().map(|()| None).map_err(damaged),
            }
        }
    }
}

fn damaged(fault: Fault) -> Error {
    Error::new("io", fault)
}
