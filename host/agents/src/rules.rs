//! What holds for all agents, what is asked of them, and what is shown of them.
use crate::acp::permission::Policy;
use crate::slot::Phase;
use bytes::Bytes;
use std::ffi::OsString;
use std::time::Duration;

/// What holds for all agents.
#[derive(Clone, Debug)]
pub struct Rules {
    /// An agent that nobody talks to is ended after so long; none: it is kept.
    pub idle_kill: Option<Duration>,
    /// Agents at the same time, of all backends.
    pub agents_max: usize,
    /// Agents at the same time, of one backend that says nothing else.
    pub of_backend_max: usize,
    /// How long a start may take.
    pub start: Duration,
    /// How long an agent may be silent in a turn.
    pub silence: Duration,
    /// How long a turn waits for its agent, or for a place.
    pub queue: Duration,
    /// How long a cancelled turn is waited for before its agent is ended.
    pub cancel: Duration,
    /// May agents use their tools, where the backend says nothing else?
    pub permissions: Policy,
    /// May a workspace be a directory of the system?
    pub allows_system_dirs: bool,
    /// The host's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Variables of it that no agent gets.
    pub hidden_env: Vec<String>,
    /// The host's version, as agents are told.
    pub version: String,
}

/// What a connector asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The backend.
    pub backend: String,
    /// The conversation.
    pub session: String,
    /// The workspace that the session wants.
    pub workspace: Option<String>,
    /// The agent, as JSON.
    pub agent: Bytes,
    /// The request, in dialect `lip`.
    pub body: Bytes,
}

/// An agent, as others see it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its process; none while it starts.
    pub pid: Option<u32>,
    /// The backend.
    pub backend: String,
    /// Where it works.
    pub workspace: String,
    /// Its model, empty for its own choice.
    pub model: String,
    /// The conversation.
    pub session: String,
    /// What it does.
    pub phase: Phase,
    /// How long it has done that.
    pub for_time: Duration,
    /// Memory that it holds with its children.
    pub memory_bytes: Option<u64>,
    /// When it is ended if nobody talks to it.
    pub ends_in: Option<Duration>,
}

/// Where nothing else is said.
impl Default for Rules {
    fn default() -> Self {
        Self {
            idle_kill: Some(Duration::from_secs(3600)),
            agents_max: 16,
            of_backend_max: 8,
            start: Duration::from_secs(60),
            silence: Duration::from_secs(600),
            queue: Duration::from_secs(120),
            cancel: Duration::from_secs(3),
            permissions: Policy::Allow,
            allows_system_dirs: false,
            env: std::env::vars_os().collect(),
            hidden_env: Vec::new(),
            version: String::new(),
        }
    }
}
