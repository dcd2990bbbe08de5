//! The way to the client: whole lines, in the order in which they are said. One that reads slowly slows the turns down.
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces that wait for a slow reader; then who speaks waits too.
const PIECES_MAX: usize = 64;

/// One of those who speak to the client.
#[derive(Clone, Debug)]
pub(super) struct Line(mpsc::Sender<Vec<u8>>);

impl Line {
    /// The line to `client`, and the task that writes, which ends after the last [`Line`].
    pub(super) fn to(mut client: impl AsyncWrite + Unpin + Send + 'static) -> (Self, JoinHandle<()>) {
        let (line, mut pieces) = mpsc::channel::<Vec<u8>>(PIECES_MAX);
        let writer = tokio::spawn(async move {
            let mut waiting = Vec::with_capacity(PIECES_MAX);
            while pieces.recv_many(&mut waiting, PIECES_MAX).await > 0 {
                let said = waiting.concat();
                waiting.clear();
                if client.write_all(&said).await.is_err() || client.flush().await.is_err() {
                    return;
                }
            }
        });
        (Self(line), writer)
    }

    /// Says whole lines. A client that has gone hears nothing.
    pub(super) async fn say(&self, lines: Vec<u8>) {
        if !lines.is_empty() {
            let _ = self.0.send(lines).await;
        }
    }

    /// Waits until the client has gone.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        // Not a sender of its own: the writer ends with the last of those.
        let line = self.0.downgrade();
        async move {
            if let Some(line) = line.upgrade() {
                line.closed().await;
            }
        }
    }
}
