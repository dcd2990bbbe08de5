//! The WebSockets that are open, so that a host that ends can ask them to end and wait for it.
use std::sync::Arc;
use tokio::sync::watch;

/// All open WebSockets of one door.
#[derive(Clone, Debug)]
pub struct Sockets(Arc<watch::Sender<bool>>);

/// One open WebSocket's place among them; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Place(watch::Receiver<bool>);

impl Default for Sockets {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Sockets {
    /// A place for one more.
    pub(crate) fn join(&self) -> Place {
        Place(self.0.subscribe())
    }

    /// Asks all of them to end once their answer is given, and waits until they have.
    pub(crate) async fn end(&self) {
        self.0.send_replace(true);
        self.0.closed().await;
    }
}

impl Place {
    /// Resolves when the host wants to end.
    pub(crate) async fn closing(&mut self) {
        if self.0.wait_for(|closing| *closing).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn end_waits_for_every_place() {
        let sockets = Sockets::default();
        let mut places = [sockets.join(), sockets.join()];
        let ending = tokio::spawn({
            let sockets = sockets.clone();
            async move { sockets.end().await }
        });
        for place in &mut places {
            place.closing().await;
        }
        let [first, second] = places;
        drop(first);
        tokio::task::yield_now().await;
        assert!(!ending.is_finished());
        drop(second);
        ending.await.expect("the end");
    }
}
