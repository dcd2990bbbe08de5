//! Which models become a label. A client may write any name: only those that were answered do, and only so many.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What all others are called.
pub(crate) const OTHER: &str = "other";
/// Models of one backend.
const OF_BACKEND_MAX: usize = 64;
/// Models in all.
const ALL_MAX: usize = 512;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 128;

/// The models that have a label, by backend.
#[derive(Debug, Default)]
pub(crate) struct Models {
    known: HashMap<Arc<str>, HashSet<Arc<str>>>,
    n: usize,
}

impl Models {
    /// The label of a model at a backend.
    pub(crate) fn label(&mut self, backend: &Arc<str>, model: &Arc<str>, was_answered: bool) -> String {
        if self.known.get(backend).is_some_and(|known| known.contains(model)) {
            return model.to_string();
        }
        let is_plain = model.len() <= NAME_BYTES_MAX && !model.chars().any(char::is_control);
        let known = self.known.entry(Arc::clone(backend)).or_default();
        if !was_answered || !is_plain || self.n >= ALL_MAX || known.len() >= OF_BACKEND_MAX {
            return OTHER.to_owned();
        }
        known.insert(Arc::clone(model));
        self.n += 1;
        model.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_has_a_label_once_it_was_answered_and_while_there_is_room() {
        let mut models = Models::default();
        let mut label = |model: &str, was_answered| models.label(&"b".into(), &model.into(), was_answered);
        assert_eq!([label("m", false), label("m", true), label("m", false)], ["other", "m", "m"]);
        assert_eq!(label(&"x".repeat(200), true), OTHER);
        assert_eq!(label("a\nb", true), OTHER);
        for n in 0..200 {
            label(&n.to_string(), true);
        }
        assert_eq!([label("199", true), label("0", false)], ["other", "0"]);
    }
}
