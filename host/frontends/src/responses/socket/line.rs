//! The connection itself: messages in, messages out, and whoever is at the other end watched all the while.
use super::clock::{Clock, Due, PING_EVERY};
use super::events::Lane;
use super::outlet::{Gone, Outlet};
use crate::sockets::Place;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use base::{Fault, Kind};
use bytes::Bytes;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout};

/// Requests that wait for their turn. A client that sends more does not wait for answers at all.
const WAITING_MAX: usize = 16;
/// Time for a client to take one message.
const SEND_TIME: Duration = Duration::from_secs(60);

/// A connection.
pub(super) struct Line {
    socket: WebSocket,
    place: Place,
    waiting: VecDeque<Utf8Bytes>,
    waiting_bytes: usize,
    /// Bytes of one message, and of all that wait.
    bytes_max: usize,
    clock: Clock,
    ticks: Interval,
}

impl Line {
    pub(super) fn new(socket: WebSocket, place: Place, bytes_max: usize, now: Instant) -> Self {
        let mut ticks = interval_at((now + PING_EVERY).into(), PING_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (waiting, clock) = (VecDeque::new(), Clock::new(now));
        Self { socket, place, waiting, waiting_bytes: 0, bytes_max, clock, ticks }
    }

    /// The next message. `None` when there will be none.
    pub(super) async fn message(&mut self) -> Option<Utf8Bytes> {
        self.clock.asked(Instant::now());
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.waiting_bytes -= message.len();
                return Some(message);
            }
            let kept = tokio::select! {
                biased;
                () = self.place.closing() => {
                    let _ = self.close(close_code::AWAY, "the host is shutting down").await;
                    Err(Gone)
                }
                heard = self.socket.recv() => self.hear(heard).await,
                _ = self.ticks.tick() => {
                    let due = self.clock.due_between(Instant::now());
                    self.act(due).await
                }
            };
            kept.ok()?;
        }
    }

    async fn put(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(SEND_TIME, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    async fn hear(&mut self, heard: Option<Result<Message, axum::Error>>) -> Result<(), Gone> {
        self.clock.heard(Instant::now());
        match heard {
            None | Some(Ok(Message::Close(_))) => Err(Gone),
            Some(Err(error)) => self.broken(&error).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Text(text))) => self.queue(text).await,
            Some(Ok(Message::Binary(_))) => {
                let fault = Fault::client(Kind::BadRequest, "a binary message came: expected a text");
                self.send(Lane::default().fault(&fault.code("invalid_message"))).await
            }
        }
    }

    async fn queue(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        if self.waiting.len() < WAITING_MAX && self.waiting_bytes + text.len() <= self.bytes_max {
            self.waiting_bytes += text.len();
            self.waiting.push_back(text);
            return Ok(());
        }
        let fault = Fault::client(Kind::RateLimited, "too many requests wait on this connection");
        let fault = fault.code("websocket_queue_full").hint("Wait for an answer, or open another connection");
        self.send(Lane::default().fault(&fault)).await
    }

    /// A message that cannot be read ends the connection; one that is too large is told so.
    async fn broken(&mut self, error: &axum::Error) -> Result<(), Gone> {
        tracing::debug!(%error, "a WebSocket broke");
        // The library has no other public mark of this case.
        if error.to_string().contains("too long") || error.to_string().contains("too big") {
            let fault =
                Fault::client(Kind::TooLarge, format!("the message is larger than {} bytes", self.bytes_max));
            let fault = fault.code("request_too_large").hint("Send less, or raise limits.request_body_bytes");
            self.send(Lane::default().fault(&fault)).await?;
            self.close(close_code::SIZE, "the message is too large").await?;
        }
        Err(Gone)
    }

    async fn act(&mut self, due: Due) -> Result<(), Gone> {
        match due {
            Due::Ping => self.put(Message::Ping(Bytes::new())).await,
            Due::Lost => Err(Gone),
            Due::Idle => {
                self.close(close_code::NORMAL, "nothing was asked for a long time").await?;
                Err(Gone)
            }
            Due::Old => {
                let fault = Fault::client(Kind::BadRequest, "this connection is 60 minutes old");
                let fault = fault.code("websocket_connection_limit_reached").hint("Open a new one to go on");
                self.send(Lane::default().fault(&fault)).await?;
                self.close(close_code::NORMAL, "the connection is 60 minutes old").await?;
                Err(Gone)
            }
        }
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Gone> {
        self.put(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))).await
    }
}

impl Outlet for Line {
    /// What the client says meanwhile waits.
    async fn meanwhile<T: Send>(&mut self, work: impl Future<Output = T> + Send) -> Result<T, Gone> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                // What is at work has been told, and had its chance to say so.
                () = self.place.cut_off() => {
                    self.close(close_code::AWAY, "the host is shutting down").await?;
                    return Err(Gone);
                }
                heard = self.socket.recv() => self.hear(heard).await?,
                _ = self.ticks.tick() => {
                    let due = self.clock.due_in_answer(Instant::now());
                    self.act(due).await?;
                }
            }
        }
    }

    /// As fast as the client takes it.
    async fn send(&mut self, text: Utf8Bytes) -> Result<(), Gone> {
        self.put(Message::Text(text)).await
    }
}
