//! A body behind bytes of it that were read already.
use super::effect::Body;
use base::Fault;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};

/// `rest` behind `first`; `rest` itself where nothing was read.
pub fn behind(first: Bytes, rest: Body) -> Body {
    if first.is_empty() {
        return rest;
    }
    Prefixed { first: Some(first), rest }.boxed_unsync()
}

struct Prefixed {
    first: Option<Bytes>,
    rest: Body,
}

impl http_body::Body for Prefixed {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;
    use http_body_util::{Empty, Full};
    use std::task::Waker;

    fn chunks(mut body: Body) -> Vec<Bytes> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut chunks = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
            chunks.push(frame.expect("a frame").into_data().expect("data"));
        }
        chunks
    }

    #[test]
    fn what_was_read_goes_first_and_once() {
        let full = || Full::new(Bytes::from("rest")).map_err(|never| match never {}).boxed_unsync();
        let empty = || Empty::new().map_err(|never| match never {}).boxed_unsync();
        assert_eq!(chunks(behind("first".into(), full())), ["first", "rest"]);
        assert_eq!(chunks(behind("first".into(), empty())), ["first"]);
        assert_eq!(chunks(behind(Bytes::new(), full())), ["rest"]);
        assert!(behind(Bytes::new(), empty()).is_end_stream());
        assert!(!behind("first".into(), empty()).is_end_stream());
    }
}
