//! Which backend lists a model that a turn names without a backend.
use crate::engine::Engine;
use crate::models::Model;
use crate::planner::Planner;
use crate::table;
use crate::turn::Turn;
use events::wire::Piece;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a turn with a wire looks for: the backends whose lists hold its model.
const LISTS: &str = "lists";

impl Engine {
    /// A bare model name needs the backends' lists to find its place, where no default says where it goes.
    pub(crate) fn must_discover(&self, model: &str) -> bool {
        !self.has_default.load(Ordering::Relaxed)
            && !model.contains(':')
            && self.planner.load().table.lists(None, model).is_none()
    }

    /// Finds out who lists the turn's model, where nothing else says where it goes.
    pub(crate) async fn discover(&self, turn: &Turn) {
        if turn.model.contains(':') {
            return;
        }
        if let Some(kept) = turn.wire.as_ref().and_then(|wire| wire.find_instead(LISTS)) {
            let listing: Vec<String> = serde_json::from_slice(&kept).unwrap_or_default();
            let backends = self.backends();
            let model = [Model { id: turn.model.clone(), ..Model::default() }];
            listing
                .iter()
                .filter_map(|name| backends.get(name))
                .for_each(|own| self.models.learn(own, &model));
            return self.take_news();
        }
        if self.must_discover(&turn.model) {
            self.offers(false).await;
        }
        let Some(wire) = &turn.wire else { return };
        let listing = self.models.listing(&turn.model);
        if !listing.is_empty() {
            wire.tell(Piece::Found(LISTS, &serde_json::to_vec(&listing).unwrap_or_default()));
        }
    }

    /// Plans with the lists that are known now.
    pub(crate) fn take_news(&self) {
        if self.models.has_news() {
            let _one = self.swapping.lock();
            let old = self.planner.load_full();
            let table = table::of(&old.backends, &old.rules, &self.models.known());
            let (backends, rules) = (Arc::clone(&old.backends), Arc::clone(&old.rules));
            self.planner.store(Arc::new(Planner::new(table, backends, rules)));
        }
    }
}
