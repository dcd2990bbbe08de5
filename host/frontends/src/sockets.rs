//! The WebSockets that are open, so that a host that ends can ask them to end and wait for it.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// All open WebSockets of one door.
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<All>);

#[derive(Debug, Default)]
struct All {
    wish: watch::Sender<Wish>,
    /// How many there were.
    n: AtomicU64,
}

/// What the host wants of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    /// Nothing.
    #[default]
    None,
    /// That they end once their answer is given.
    End,
    /// That they end.
    Cut,
}

/// One open WebSocket's place among them; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Place {
    /// Which one it is among all of its door.
    pub(crate) number: u64,
    wish: watch::Receiver<Wish>,
}

impl Sockets {
    /// A place for one more.
    pub(crate) fn join(&self) -> Place {
        Place { number: self.0.n.fetch_add(1, Ordering::Relaxed), wish: self.0.wish.subscribe() }
    }

    /// Asks all of them to end once their answer is given, and waits until they have.
    pub(crate) async fn end(&self) {
        self.wish(Wish::End);
        self.0.wish.closed().await;
    }

    /// Asks all of them to end at once.
    pub(crate) fn cut(&self) {
        self.wish(Wish::Cut);
    }

    fn wish(&self, wish: Wish) {
        self.0.wish.send_modify(|now| *now = wish.max(*now));
    }
}

impl Place {
    /// Resolves when the host wants to end.
    pub(crate) async fn closing(&mut self) {
        self.wished(Wish::End).await;
    }

    /// Resolves when it waits no longer.
    pub(crate) async fn cut_off(&mut self) {
        self.wished(Wish::Cut).await;
    }

    async fn wished(&mut self, wish: Wish) {
        if self.wish.wait_for(|now| *now >= wish).await.is_err() {
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
