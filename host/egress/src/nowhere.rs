//! A way out that leads nowhere, for what must work without a network.
use crate::client::{Deadlines, Egress};
use http::Uri;
use hyper_util::rt::TokioIo;
use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

impl Egress {
    /// A way out that opens no connection: whoever asks is refused.
    pub fn nowhere() -> Self {
        Self::over(Nowhere, Deadlines::default())
    }
}

#[derive(Clone, Copy, Debug)]
struct Nowhere;

impl Service<Uri> for Nowhere {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Err(io::Error::other("nothing is asked here")))
    }
}
