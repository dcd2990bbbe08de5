//! From "this request, this session, this configuration" to the legs to try, with the reasons. Knows no health and no clock.
//!
//! Whose word counts, strongest first:
//! 1. `static_route`: forces every request, also those that name a backend (the Python proxy's code exempts these, its
//!    documentation does not; we follow the documentation);
//! 2. the `X-LIP-Route` request header;
//! 3. the session's one-off;
//! 4. the session's route, or its backend and model;
//! 5. the request's own `model`: a named failover route, an alias, a selector, a bare model name.
//!
//! A session's backend replaces the backend that the request names and keeps the model. A bare model name goes to a
//! backend that lists it (the default backend first), else to the default backend, else the request is refused with
//! 404. Text before a `:` that names neither a backend nor a known connector is part of the model's name.
//! Aliases rewrite the request's `model`, and other bare names; once, never recursively.
mod aliases;
mod choose;
mod expand;
mod resolve;
mod table;
mod why;

pub use aliases::{Alias, AliasError, Aliases};
pub use table::{Backend, NamePolicy, Named, Preference, Readiness, StaticRoute, Table};
pub use why::Why;

use base::{Fault, RouteOverrides, Sampling};
use serde_json::{Value, json};
use std::{fmt, sync::Arc, time::Duration};

/// What is asked of the planner for one turn.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The request's model, as sent.
    pub model: &'a str,
    /// The `X-LIP-Route` header.
    pub header: Option<&'a str>,
    /// What the session says about routes.
    pub overrides: &'a RouteOverrides,
    /// What the session says about sampling; beats the parameters of a selector.
    pub sampling: &'a Sampling,
    /// Estimated tokens of the request, for `max_context`. `None` makes every branch eligible.
    pub tokens: Option<u32>,
    /// Turns that the session has had so far.
    pub turns: u64,
    /// True once the session's first request has taken its `[first]` branch.
    pub first_taken: bool,
    /// Turns for which the thinker still rests.
    pub thinker_rests: u32,
    /// A number that grows by one per request: spreads requests over equals.
    pub rotation: u64,
    /// True for a turn that a virtual backend asks for. What forces every request, or follows after any, has had its part in
    /// the turn of that backend.
    pub is_nested: bool,
}

impl<'a> Ask<'a> {
    /// A request for `model` in a fresh session.
    pub const fn new(model: &'a str, overrides: &'a RouteOverrides, sampling: &'a Sampling) -> Self {
        Self {
            model,
            header: None,
            overrides,
            sampling,
            tokens: None,
            turns: 0,
            first_taken: false,
            thinker_rests: 0,
            rotation: 0,
            is_nested: false,
        }
    }
}

/// Where a leg goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// The configured backend or instance.
    pub backend: String,
    /// The model as that backend knows it.
    pub model: String,
    /// Options that overrule the request's own.
    pub params: Sampling,
}

/// Shows as `backend:model`, the value of the `x-lip-route` response header.
impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend, self.model)
    }
}

/// Position of a leg in [`Plan::legs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub usize);

/// How the legs belong together.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// One leg.
    Leg(LegId),
    /// The next child when one fails before its output.
    Failover(Vec<Node>),
    /// One child by weight; the others are its spares.
    Weighted {
        /// Weight and child.
        shares: Vec<(u32, Node)>,
        /// The child that is taken first, whatever is drawn.
        forced: Option<usize>,
    },
    /// All lanes, the first output wins.
    Race(Vec<PlannedLane>),
}

/// One lane of a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedLane {
    /// What runs.
    pub leg: LegId,
    /// How long after the race's start.
    pub delay: Duration,
    /// Time to the first output before the lane is given up.
    pub ttft_timeout: Option<Duration>,
}

/// What to try for one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How the legs belong together. Every [`LegId`] in it is a position in `legs`.
    pub tree: Node,
    /// The legs.
    pub legs: Vec<Leg>,
    /// Why it came so, in the order of the decisions.
    pub why: Vec<Why>,
    /// True if the session's one-off is used: clear it after a success.
    pub uses_oneoff: bool,
    /// True if the `[first]` branch was taken: remember it in the session.
    pub takes_first: bool,
    /// On a thinker's turn: who writes notes before this plan is carried out.
    pub thinker: Option<Arc<Plan>>,
    /// True if the same words get the same plan from this table whatever the turn: it can be kept.
    pub lasts: bool,
}

impl Table {
    /// Plans one turn.
    ///
    /// # Errors
    /// 400 for a selector that cannot be read, 403 for one that the policy refuses, 404 for a model or backend that is
    /// not there, 503 if what is named cannot serve at the moment or the request is too long for every branch.
    pub fn plan(&self, ask: &Ask<'_>) -> Result<Plan, Fault> {
        let mut why = Vec::new();
        let choice = choose::choose(self, ask, &mut why)?;
        expand::expand(self, ask, choice, why)
    }
}

impl Plan {
    /// A plan of these legs and nothing else.
    pub(crate) const fn bare(tree: Node, legs: Vec<Leg>) -> Self {
        let why = Vec::new();
        Self { tree, legs, why, uses_oneoff: false, takes_first: false, thinker: None, lasts: false }
    }

    /// The plan as people's programs read it: what was asked, the legs, the reasons, and all of it in words.
    pub fn as_json(&self, selector: &str) -> Value {
        let leg = |leg: &Leg| json!({"backend": leg.backend, "model": leg.model});
        json!({
            "selector": selector,
            "legs": self.legs.iter().map(leg).collect::<Vec<_>>(),
            "why": self.why.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "text": self.explain(),
        })
    }

    /// The plan in words, one line each: the tree, then the reasons.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        if let Some(thinker) = &self.thinker {
            text.push_str("notes first, by:\n");
            thinker.describe(&thinker.tree, 1, &mut text);
        }
        self.describe(&self.tree, 0, &mut text);
        for why in &self.why {
            text.push_str(&format!("because {why}\n"));
        }
        text
    }

    fn describe(&self, node: &Node, depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        let leg = |id: &LegId| self.legs.get(id.0).map(ToString::to_string).unwrap_or_default();
        match node {
            Node::Leg(id) => text.push_str(&format!("{indent}{}\n", leg(id))),
            Node::Failover(children) => {
                text.push_str(&format!("{indent}failover, left to right:\n"));
                children.iter().for_each(|child| self.describe(child, depth + 1, text));
            }
            Node::Weighted { shares, forced } => {
                text.push_str(&format!("{indent}one by weight:\n"));
                for (i, (weight, child)) in shares.iter().enumerate() {
                    let first = if *forced == Some(i) { ", first in this session" } else { "" };
                    text.push_str(&format!("{indent}  weight {weight}{first}:\n"));
                    self.describe(child, depth + 2, text);
                }
            }
            Node::Race(lanes) => {
                text.push_str(&format!("{indent}race, first output wins:\n"));
                for lane in lanes {
                    text.push_str(&format!("{indent}  {} after {:?}", leg(&lane.leg), lane.delay));
                    if let Some(limit) = lane.ttft_timeout {
                        text.push_str(&format!(", given up after {limit:?} without output"));
                    }
                    text.push('\n');
                }
            }
        }
    }
}
