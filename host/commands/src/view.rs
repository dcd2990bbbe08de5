//! What commands may ask of the house.
use base::SessionSettings;

/// One backend for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendLine {
    /// Name in the configuration.
    pub name: String,
    /// Why it cannot serve, if it cannot.
    pub problem: Option<String>,
    /// Keys in its pool.
    pub n_keys: usize,
    /// Models it lists.
    pub n_models: usize,
}

/// What a selector turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A model without a backend.
    Model,
    /// `backend:model` without parameters; the backend exists and is ready.
    Leg {
        /// Backend or instance.
        backend: String,
        /// The model.
        model: String,
    },
    /// Anything more: parameters, failover, weights, races.
    Route,
}

/// The answers that commands need. All are about the session of the call.
pub trait View {
    /// Version of LIP.
    fn version(&self) -> &str;
    /// The session's id.
    fn session_id(&self) -> &str;
    /// The prefix in force.
    fn prefix(&self) -> &str;
    /// Whether refusals are wanted where a value may be wrong.
    fn is_interactive(&self) -> bool;
    /// What the session has set, with the changes of earlier commands of the same message.
    fn settings(&self) -> &SessionSettings;
    /// Every configured backend, by name.
    fn backends(&self) -> Vec<BackendLine>;
    /// The route that forces every request, if there is one.
    fn static_route(&self) -> Option<String>;
    /// Reads a selector.
    ///
    /// # Errors
    /// One sentence for the user: bad grammar, with its place, or a backend that is not there or not ready.
    fn read_selector(&self, text: &str) -> Result<Target, String>;
    /// Whether a backend (or, without one, any) lists the model; `None` if no list is known.
    fn lists_model(&self, backend: Option<&str>, model: &str) -> Option<bool>;
    /// Expands a path and checks that it is a readable directory.
    ///
    /// # Errors
    /// One sentence for the user.
    fn resolve_dir(&self, path: &str) -> Result<String, String>;
    /// Where the next turn would go, in a few lines.
    fn route_lines(&self) -> Vec<String>;
    /// The session's usage so far, in a few lines.
    fn usage_lines(&self) -> Vec<String>;
    /// Why the last turn went where it went: plan, attempts, losses.
    fn why_lines(&self) -> Vec<String>;
}
