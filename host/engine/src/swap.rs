//! Takes up a new description of all backends while turns are open.
use crate::backend::BackendSpec;
use crate::backends::Swapped;
use crate::engine::Engine;
use crate::planner::Planner;
use crate::rules::Rules;
use crate::table;
use base::Fault;
use routing::keys::Rotation;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Engine {
    /// Serves these backends from the next turn on. One whose description and library are the same goes on with its connector,
    /// health, accounts and model list; all others begin anew. Open turns end where they began.
    ///
    /// # Errors
    /// `default` is none of them; then nothing has changed.
    pub fn swap(&self, specs: Vec<BackendSpec>, default: Option<&str>) -> Result<Swapped, Fault> {
        let _one = self.swapping.lock();
        let rules = Arc::clone(&self.planner.load().rules);
        self.exchange(specs, default, rules)
    }

    /// As [`Engine::swap`], by other rules. How many turns may be open, what streams may hold back and how many sessions are
    /// remembered was settled when the engine was made, and stays.
    ///
    /// # Errors
    /// As [`Engine::swap`].
    pub fn reload(
        &self,
        specs: Vec<BackendSpec>,
        default: Option<&str>,
        rules: Rules,
    ) -> Result<Swapped, Fault> {
        let _one = self.swapping.lock();
        self.exchange(specs, default, Arc::new(rules))
    }

    fn exchange(
        &self,
        specs: Vec<BackendSpec>,
        default: Option<&str>,
        rules: Arc<Rules>,
    ) -> Result<Swapped, Fault> {
        let old = self.backends();
        let (new, swapped) = old.exchanged(specs, default)?;
        let goes_on = |name: &str| swapped.kept.iter().any(|kept| kept == name);
        {
            let mut health = self.health.lock();
            health.retain(goes_on);
            for backend in new.iter() {
                health.declare(backend.name(), backend.spec().keys.len().max(1), Rotation::default());
            }
        }
        self.models.retain(goes_on);
        self.means().prompts.store(Arc::new(rules.redactor(&new)));
        self.last_faults.retain(goes_on);
        let table = table::of(&new, &rules, &self.models.known());
        self.has_default.store(new.default().is_some(), Ordering::Relaxed);
        self.planner.store(Arc::new(Planner::new(table, Arc::new(new), rules)));
        for gone in old.iter().filter(|backend| !goes_on(backend.name())) {
            gone.retire();
            self.means().accounts.leave(gone);
        }
        Ok(swapped)
    }
}
