//! Messages of WebSockets that were kept, carried out again without one.
use super::super::desk::{Desk, Recent};
use super::outlet::{Gone, Outlet};
use super::{Connection, SOCKET};
use ::events::wire::Wire;
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The connections that messages came over.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    desk: Desk,
    /// What each remembers, by its number.
    recent: Arc<Mutex<HashMap<u64, Arc<tokio::sync::Mutex<Recent>>>>>,
}

impl Carried {
    pub(crate) fn new(desk: Desk) -> Self {
        Self { desk, recent: Arc::default() }
    }

    /// Answers the message that is the body of `request`, whose head opened the connection. Each frame is a message.
    pub(crate) fn carry_out(
        &self,
        request: Request<Bytes>,
        wire: Arc<dyn Wire>,
    ) -> Response<impl Body<Data = Bytes, Error = Infallible> + Send + use<>> {
        let (parts, body) = request.into_parts();
        let number = wire.find_instead(SOCKET).and_then(|found| serde_json::from_slice(&found).ok());
        let number = number.unwrap_or_default();
        let recent = Arc::clone(self.recent.lock().entry(number).or_default());
        let (desk, (into, from)) = (self.desk.clone(), unbounded_channel());
        tokio::spawn(async move {
            let mut own = recent.lock().await;
            let mut connection = Connection { number, desk, parts, recent: std::mem::take(&mut *own) };
            let text = Utf8Bytes::try_from(body).unwrap_or_default();
            // Whoever went away then does so again.
            let _ = connection.answer(&mut Kept(into), &text, Some(wire)).await;
            *own = connection.recent;
        });
        let messages = unfold(from, |mut from| async { Some((from.recv().await?, from)) });
        let mut response = Response::new(StreamBody::new(messages.map(|bytes| Ok(Frame::data(bytes)))));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response
    }
}

/// Keeps messages for whoever compares them.
struct Kept(UnboundedSender<Bytes>);

impl Outlet for Kept {
    async fn meanwhile<T: Send>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, Gone> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.0.closed() => Err(Gone),
        }
    }

    async fn send(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        self.0.send(text.into()).map_err(|_| Gone)
    }
}
