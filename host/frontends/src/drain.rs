//! How a host ends: first it lets open turns end, then it cuts them off.
use std::sync::Arc;
use tokio::sync::watch;

/// How far the end has come. It never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Clients are let in.
    #[default]
    Serving,
    /// No new ones; open turns may end.
    Draining,
    /// What is open is told that it is over.
    Cut,
}

/// The end of a host, as all its listeners see it. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<watch::Sender<Phase>>);

impl Drain {
    /// Lets nobody in any more.
    pub fn begin(&self) {
        self.reach(Phase::Draining);
    }

    /// Ends what is still open.
    pub fn cut(&self) {
        self.reach(Phase::Cut);
    }

    /// Has the end begun?
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Resolves when the end begins.
    pub(crate) async fn begun(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Resolves when open turns are to be cut off.
    pub(crate) async fn is_cut(&self) {
        self.reached(Phase::Cut).await;
    }

    fn reach(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let goes_on = *now < phase;
            *now = phase.max(*now);
            goes_on
        });
    }

    async fn reached(&self, phase: Phase) {
        // The sender is its own: it cannot be gone.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn end_comes_in_two_steps_and_never_goes_back() {
        let drain = Drain::default();
        let same = drain.clone();
        let cut = tokio::spawn(async move { same.is_cut().await });
        assert!(!drain.has_begun());
        drain.begin();
        drain.begun().await;
        assert!(drain.has_begun() && !cut.is_finished());
        drain.cut();
        drain.begin();
        cut.await.expect("it is cut");
    }
}
