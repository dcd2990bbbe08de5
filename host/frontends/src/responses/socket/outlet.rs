//! Where the messages of an answer go.
use crate::wired::Leg;
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;

/// The client is not there any more, or has been sent away.
#[derive(Debug)]
pub(super) struct Gone;

/// A client's end of a connection.
pub(super) trait Outlet: Send {
    /// Does `work`. If the client goes away, so does the work.
    fn meanwhile<T: Send>(
        &mut self,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Result<T, Gone>> + Send;

    /// Sends a message.
    fn send(&mut self, text: Utf8Bytes) -> impl Future<Output = Result<(), Gone>> + Send;
}

/// One whose messages are told to the turn's wires.
pub(super) struct Told<'a, O> {
    pub(super) outlet: &'a mut O,
    pub(super) leg: Leg,
}

impl<O: Outlet> Outlet for Told<'_, O> {
    async fn meanwhile<T: Send>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, Gone> {
        self.outlet.meanwhile(work).await
    }

    async fn send(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        self.leg.sent(|| Bytes::from(text.clone()));
        self.outlet.send(text).await
    }
}
