//! Room for one more agent.
use crate::describe::Description;
use crate::fault;
use crate::limits::{Full, Place};
use crate::pool::Pool;
use crate::slot::{Phase, Slot};
use base::Fault;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

impl Pool {
    /// A place for one more agent. Where none is free, the agent that was idle longest makes room.
    pub(crate) async fn place(
        &self,
        backend: &str,
        description: &Description,
        by: Instant,
    ) -> Result<Place, Fault> {
        let max = description.processes;
        let full = self.limits.full(backend, max);
        if let Some(full) = full {
            self.evict(matches!(full, Full::Backend(_)).then_some(backend)).await;
        }
        timeout_at(by, self.limits.take(backend, max)).await.ok().flatten().ok_or_else(|| {
            fault::crowded(match full {
                Some(Full::Backend(n)) => format!("all {n} agents of backend \"{backend}\" are busy"),
                Some(Full::All(n)) => format!("all {n} agents are busy"),
                None => "no place for another agent became free".to_owned(),
            })
        })
    }

    async fn evict(&self, of: Option<&str>) {
        let mut idle: Vec<(Instant, Arc<Slot>)> = Vec::new();
        for slot in self.slots.lock().values() {
            let seen = slot.seen();
            if seen.phase == Phase::Idle && of.is_none_or(|backend| slot.key.backend == backend) {
                idle.push((seen.since, Arc::clone(slot)));
            }
        }
        idle.sort_by_key(|(since, _)| *since);
        for (_, slot) in idle {
            if let Ok(mut guard) = Arc::clone(&slot.live).try_lock_owned()
                && let Some(live) = guard.take()
            {
                tracing::info!(
                    backend = slot.key.backend,
                    pid = live.running.pid(),
                    "an idle agent makes room for another"
                );
                slot.gone();
                live.end().await;
                drop(guard);
                return self.tidy(&slot);
            }
        }
    }
}
