//! Asks backends that are left alone because they failed whether they are well again, so that no user's turn has to find out. Off
//! unless the operator says how often.
use crate::drive;
use crate::engine::Engine;
use crate::models::{self, LIST_DEADLINE};
use crate::scope::Scope;
use futures_util::future::join_all;
use loader::run::{Effect, EffectFuture, Effects, Outcome};
use parking_lot::Mutex;
use routing::health::Report;
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// Asks every so often; never ends.
    pub async fn check_up(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let ill = self.health.lock().left_alone(drive::now());
            join_all(ill.iter().map(|(backend, key)| self.ask_after(backend, *key))).await;
        }
    }

    /// Asks one backend for its models, with one of its keys.
    async fn ask_after(&self, name: &str, key: usize) {
        let Ok(backend) = self.backend(name) else { return };
        let scope = self.scope(Arc::clone(&backend), key, self.host_id());
        let watch = Arc::new(Watch { scope, seen: Arc::default() });
        let seen = Arc::clone(&watch.seen);
        // Whether the list itself can be read says nothing of the upstream.
        let in_time = tokio::time::timeout(LIST_DEADLINE, models::ask(&backend, watch)).await.is_ok();
        let report = match *seen.lock() {
            _ if !in_time => Report::Ill,
            Some(report) => report,
            // Its models are known without a call: that says nothing.
            None => return,
        };
        tracing::info!(backend = name, key, ?report, "asked a backend that is left alone");
        self.health.lock().reported(name, key, report, drive::now());
    }
}

/// The effects of a question, and what its upstream showed of itself.
struct Watch {
    scope: Scope,
    seen: Arc<Mutex<Option<Report>>>,
}

impl Effects for Watch {
    fn start(&self, effect: Effect) -> EffectFuture {
        let asks = matches!(effect, Effect::Http(_));
        let outcome = self.scope.start(effect);
        if !asks {
            return outcome;
        }
        let seen = Arc::clone(&self.seen);
        Box::pin(async move {
            let outcome = outcome.await;
            // Whatever it says of the question: who answers without an error of his own is there.
            let report = match &outcome {
                Outcome::Head(upstream) if upstream.status < 500 => Report::Well,
                _ => Report::Ill,
            };
            *seen.lock() = Some(report);
            outcome
        })
    }
}
