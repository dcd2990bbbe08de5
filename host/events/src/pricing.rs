//! Whether what a model does has a known price.
use std::fmt::Debug;

/// Knows of which models the price is known.
pub trait Pricing: Debug + Send + Sync {
    /// Is it known what `model` of `backend` costs? `is_metered`: is that backend paid by the token?
    fn knows(&self, backend: &str, model: &str, is_metered: bool) -> bool;
}
