//! The operator's rules for turns.
use crate::backends::Backends;
use crate::redactor::{PROMPT_MARK, Redactor};
use crate::thinking;
use access::Clients;
use base::{NamedRoute, Secret};
use routing::plan::Aliases;
use routing::policy::Budgets;
use std::collections::BTreeMap;

/// The operator's rules for turns.
#[derive(Debug)]
pub struct Rules {
    /// What LIP says it is.
    pub version: &'static str,
    /// Are commands in chats carried out?
    pub commands: bool,
    /// What begins a command.
    pub prefix: String,
    /// Is only a message that is nothing but commands looked at?
    pub strict: bool,
    /// A selector that forces every turn; checked before.
    pub static_route: Option<String>,
    /// Rewrites of model names.
    pub aliases: Aliases,
    /// Failover routes by name.
    pub named: BTreeMap<String, NamedRoute>,
    /// Do backends count tokens, where they can? Else this host estimates.
    pub count_upstream: bool,
    /// Are providers asked for usage that the client did not ask for?
    pub ask_usage: bool,
    /// Are providers told of the trace that a turn stands in? As it was when the host began.
    pub sends_traceparent: bool,
    /// Turns that may be open at the same time.
    pub turns_max: usize,
    /// Bytes that all streams together may hold back before their first output.
    pub gate_bytes: usize,
    /// What a turn may cost.
    pub budgets: Budgets,
    /// What a thinker is told.
    pub thinker_instructions: String,
    /// Turns for which a thinker rests after its notes.
    pub thinker_rests: u32,
    /// Secrets of the host that are taken out of prompts, beside those of all backends; none: nothing is taken out.
    pub hidden: Option<Vec<Secret<String>>>,
    /// The host's clients, whose keys are taken out of prompts as well.
    pub clients: Clients,
    /// How many sessions are remembered, for how long, in how much memory.
    pub sessions: sessions::Limits,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            version: "unknown",
            commands: true,
            prefix: commands::DEFAULT_PREFIX.to_owned(),
            strict: false,
            static_route: None,
            aliases: Aliases::default(),
            named: BTreeMap::new(),
            count_upstream: false,
            ask_usage: false,
            sends_traceparent: false,
            turns_max: 1024,
            gate_bytes: 64 << 20,
            budgets: Budgets::default(),
            thinker_instructions: thinking::INSTRUCTIONS.to_owned(),
            thinker_rests: 2,
            hidden: Some(Vec::new()),
            clients: Clients::default(),
            sessions: sessions::Limits::default(),
        }
    }
}

impl Rules {
    /// Takes the secrets of these backends, and the host's own, out of prompts.
    pub(crate) fn redactor(&self, backends: &Backends) -> Redactor {
        let Some(own) = &self.hidden else { return Redactor::default() };
        let secrets = backends.iter().flat_map(|backend| backend.secrets()).chain(own);
        Redactor::new(secrets, PROMPT_MARK, self.clients.clone())
    }
}
