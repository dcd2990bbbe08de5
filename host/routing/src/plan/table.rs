//! The part of the configuration that the planner looks at, and what discovery found.
use super::Aliases;
use crate::selector::{Branch, Selector, SelectorError};
use base::{Fault, NamedRoute};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Whether a backend can take requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot, for this reason and with this remedy: both end up in the client's error.
    Unready {
        /// Such as `it has no API key`.
        reason: String,
        /// Such as `Set ANTHROPIC_API_KEY`.
        remedy: String,
    },
}

/// One configured backend instance.
#[derive(Clone, Debug)]
pub struct Backend {
    /// The name in the configuration, such as `openai` or `openai.work`.
    pub name: String,
    /// The connector id behind it, such as `openai`.
    pub family: String,
    /// Whether it can take requests.
    pub ready: Readiness,
    /// Model ids that it lists, as it spells them.
    pub models: HashSet<String>,
    /// The vendor prefix under which its models are known elsewhere, such as `google` for Gemini.
    pub vendor: Option<String>,
    /// Higher is preferred with [`Preference::Priority`].
    pub priority: i32,
    /// Lower is preferred with [`Preference::Cost`]; any unit, the same for all.
    pub cost: u64,
}

impl Backend {
    /// A ready backend that lists nothing.
    pub fn new(name: impl Into<String>, family: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            family: family.into(),
            ready: Readiness::Ready,
            models: HashSet::new(),
            vendor: None,
            priority: 0,
            cost: 1_000_000,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready == Readiness::Ready
    }
}

/// Who gets a bare model name that several backends list. The default backend comes first in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preference {
    /// They take turns.
    #[default]
    RoundRobin,
    /// The highest priority; equals take turns.
    Priority,
    /// The lowest cost; equals take turns.
    Cost,
}

/// What clients may write. Routes of the operator (static route, aliases, configured failover routes) are exempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct NamePolicy {
    /// Refuse `openai.1:…`.
    pub refuse_instances: bool,
    /// Refuse every `backend:…`.
    pub refuse_backends: bool,
    /// Refuse bare model names.
    pub refuse_models: bool,
}

/// What a user's text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A model without a backend.
    Model,
    /// A backend that is ready, and a model.
    Leg {
        /// The backend or instance.
        backend: String,
        /// The model.
        model: String,
    },
    /// Anything more: parameters, bounds, several legs.
    Route,
}

/// A selector whose leaves all name their backend.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticRoute(pub(super) Selector);

impl StaticRoute {
    /// Reads a static route.
    ///
    /// # Errors
    /// A sentence for the operator: bad grammar, an ignored parameter, or a leaf without a backend.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = Selector::parse(text).map_err(|e: SelectorError| e.to_string())?;
        if let Some(warning) = parsed.warnings.first() {
            return Err(warning.message.clone());
        }
        match parsed.selector.leaves().into_iter().find(|leaf| leaf.backend().is_none()) {
            Some(leaf) => Err(format!("`{leaf}` names no backend; write backend:model")),
            None => Ok(Self(parsed.selector)),
        }
    }
}

/// All that planning needs to know besides the request and its session.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The backend for names that nobody lists.
    pub default_backend: Option<String>,
    /// Forces all requests.
    pub static_route: Option<StaticRoute>,
    /// Rewrites of model names.
    pub aliases: Aliases,
    /// Failover routes by name; `default` and `*` follow every single leg.
    pub named: BTreeMap<String, NamedRoute>,
    /// Every configured backend.
    pub backends: Vec<Backend>,
    /// Every connector id that exists, configured or not: `anthropic:x` must not reach another vendor.
    pub families: BTreeSet<String>,
    /// What clients may write.
    pub policy: NamePolicy,
    /// Who gets a bare name.
    pub preference: Preference,
}

impl Table {
    /// The backend of exactly this name.
    pub fn backend(&self, name: &str) -> Option<&Backend> {
        self.backends.iter().find(|backend| backend.name == name)
    }

    /// True if text before a colon means a backend: a configured name, a family, or a known connector id.
    pub fn is_backend(&self, name: &str) -> bool {
        let family = name.split_once('.').map_or(name, |(family, _)| family);
        self.backend(name).is_some() || self.has_family(family) || self.families.contains(family)
    }

    /// What a user's text means, checked as far as it can be without a request: grammar, and that every backend it
    /// names is there and ready. For commands that remember a route for later.
    ///
    /// # Errors
    /// 400 for bad grammar, 404 for a backend that is not there, 503 for one that is not ready.
    pub fn check(&self, text: &str) -> Result<Named, Fault> {
        let selector = Selector::parse(text.trim()).map_err(|e| e.fault())?.selector;
        let backends = selector.leaves().into_iter().filter_map(|leaf| leaf.backend());
        for backend in backends.filter(|backend| self.is_backend(backend.as_str())) {
            self.ready(backend.as_str())?;
        }
        let Selector::One(Branch { leaf, max_context: None }) = &selector else {
            return Ok(Named::Route);
        };
        match leaf.backend().filter(|backend| self.is_backend(backend.as_str())) {
            _ if !leaf.params().is_empty() => Ok(Named::Route),
            Some(backend) => {
                Ok(Named::Leg { backend: backend.as_str().to_owned(), model: leaf.model().to_owned() })
            }
            None => Ok(Named::Model),
        }
    }

    /// Whether a ready backend (or, without one, any) lists the model; `None` if no list is known.
    pub fn lists(&self, backend: Option<&str>, model: &str) -> Option<bool> {
        let asked = self
            .backends
            .iter()
            .filter(|b| backend.is_none_or(|name| b.name == name) && !b.models.is_empty());
        asked.fold(None, |found, b| Some(found.unwrap_or(false) || b.lists(model)))
    }

    pub(super) fn has_family(&self, family: &str) -> bool {
        self.backends.iter().any(|backend| backend.family == family)
    }

    /// The configured name closest to `name`, if it is close enough to be meant.
    pub fn closest(&self, name: &str) -> Option<&str> {
        self.backends
            .iter()
            .map(|backend| (strsim::jaro_winkler(name, &backend.name), backend.name.as_str()))
            .filter(|(likeness, _)| *likeness > 0.84)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name)
    }

    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.backends.iter().map(|backend| backend.name.as_str()).collect();
        names.join(", ")
    }
}
