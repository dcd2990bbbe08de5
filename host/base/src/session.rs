//! What a session remembers for its user, and the changes that in-chat commands make to it. Knows no grammar and no store.
use crate::sampling::{Effort, Sampling};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// How a named failover route walks its elements. Stored and shown; every policy tries the elements in order, and
/// the keys of an element before the next element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum RoutePolicy {
    /// The keys of one model.
    K,
    /// The next model.
    #[default]
    M,
    /// All keys of a model, then the next model.
    Km,
    /// Round the models, key by key.
    Mk,
}

impl RoutePolicy {
    /// The spelling in commands and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::K => "k",
            Self::M => "m",
            Self::Km => "km",
            Self::Mk => "mk",
        }
    }
}

impl FromStr for RoutePolicy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
        [Self::K, Self::M, Self::Km, Self::Mk]
            .into_iter()
            .find(|policy| word.eq_ignore_ascii_case(policy.name()))
            .ok_or(UnknownPolicy)
    }
}

impl fmt::Display for RoutePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no route policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPolicy;

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected one of k, m, km, mk")
    }
}

impl std::error::Error for UnknownPolicy {}

/// A failover route with a name that a request can give as its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedRoute {
    /// How the elements are walked.
    pub policy: RoutePolicy,
    /// Selectors, tried in order.
    pub elements: Vec<String>,
}

/// Where a session's turns go instead of where their requests say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteOverrides {
    /// A backend or instance for all models.
    pub backend: Option<String>,
    /// A model for all turns.
    pub model: Option<String>,
    /// A whole selector; excludes `backend` and `model`.
    pub route: Option<String>,
    /// A selector for the next successful turn alone.
    pub oneoff: Option<String>,
    /// Failover routes by name.
    pub named: BTreeMap<String, NamedRoute>,
}

impl RouteOverrides {
    /// True if nothing is set.
    pub fn is_empty(&self) -> bool {
        let Self { backend, model, route, oneoff, named } = self;
        [backend, model, route, oneoff].into_iter().all(Option::is_none) && named.is_empty()
    }
}

/// All that a session's user has set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSettings {
    /// Where turns go.
    pub route: RouteOverrides,
    /// How models sample and think.
    pub sampling: Sampling,
    /// A label for usage records.
    pub project: Option<String>,
    /// The directory that agents work in.
    pub project_dir: Option<String>,
    /// The session's own command prefix.
    pub command_prefix: Option<String>,
    /// Whether refusals and banners are shown; `None` follows the configuration.
    pub interactive_mode: Option<bool>,
}

/// One change of a session. `None` always clears.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionChange {
    /// The backend for all models. Ends a session-wide route.
    Backend(Option<String>),
    /// The model for all turns. Ends a session-wide route.
    Model(Option<String>),
    /// A whole selector for all turns. Replaces backend and model.
    Route(Option<String>),
    /// A selector for the next successful turn.
    Oneoff(Option<String>),
    /// Sampling temperature, 0 to 2.
    Temperature(Option<f64>),
    /// How hard to think.
    ReasoningEffort(Option<Effort>),
    /// Tokens for thinking.
    ThinkingBudget(Option<u32>),
    /// A JSON object for Gemini's `generationConfig`.
    GeminiGenerationConfig(Option<String>),
    /// The project label.
    Project(Option<String>),
    /// The project directory.
    ProjectDir(Option<String>),
    /// The command prefix.
    CommandPrefix(Option<String>),
    /// Whether refusals and banners are shown.
    InteractiveMode(Option<bool>),
    /// Makes or replaces a named failover route.
    PutRoute(String, NamedRoute),
    /// Forgets a named failover route.
    DropRoute(String),
}

impl SessionSettings {
    /// Carries out one change. The invariant "a route excludes backend and model" holds afterwards.
    pub fn apply(&mut self, change: SessionChange) {
        let route = &mut self.route;
        match change {
            SessionChange::Backend(to) => (route.backend, route.route) = (to, None),
            SessionChange::Model(to) => (route.model, route.route) = (to, None),
            SessionChange::Route(to) => (route.route, route.backend, route.model) = (to, None, None),
            SessionChange::Oneoff(to) => route.oneoff = to,
            SessionChange::PutRoute(name, made) => {
                route.named.insert(name, made);
            }
            SessionChange::DropRoute(name) => {
                route.named.remove(&name);
            }
            SessionChange::Temperature(to) => self.sampling.temperature = to,
            SessionChange::ReasoningEffort(to) => self.sampling.reasoning_effort = to,
            SessionChange::ThinkingBudget(to) => self.sampling.thinking_budget = to,
            SessionChange::GeminiGenerationConfig(to) => self.sampling.gemini_generation_config = to,
            SessionChange::Project(to) => self.project = to,
            SessionChange::ProjectDir(to) => self.project_dir = to,
            SessionChange::CommandPrefix(to) => self.command_prefix = to,
            SessionChange::InteractiveMode(to) => self.interactive_mode = to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_excludes_backend_and_model() {
        let mut session = SessionSettings::default();
        session.apply(SessionChange::Backend(Some("anthropic".into())));
        session.apply(SessionChange::Model(Some("claude".into())));
        session.apply(SessionChange::Route(Some("a:x|b:y".into())));
        assert_eq!((&session.route.backend, &session.route.model), (&None, &None));
        session.apply(SessionChange::Model(Some("m".into())));
        assert_eq!(session.route.route, None);
    }

    #[test]
    fn routes_come_and_go() {
        let mut session = SessionSettings::default();
        session.apply(SessionChange::PutRoute("fast".into(), NamedRoute::default()));
        assert!(session.route.named.contains_key("fast"));
        session.apply(SessionChange::DropRoute("fast".into()));
        assert_eq!(session, SessionSettings::default());
        assert_eq!("KM".parse(), Ok(RoutePolicy::Km));
    }
}
