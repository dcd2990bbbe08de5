//! Agents of this machine that speak the Agent Client Protocol. A connector describes one; the host starts it, speaks to it, shares it
//! among the turns of a conversation, and ends it. Only for connectors whose manifest says `"auth": "local-agent"`.
use crate::{Buf, Ctx, Error, HttpResponse, Model, Result};
use lip_abi::{op, status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How an agent is started and spoken to. What is left out is as the host has it.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Agent {
    /// The program: names that are looked for on `PATH`, or absolute files; the first that is there.
    pub programs: Vec<String>,
    /// What a user does when none is there, as a sentence.
    pub missing: String,
    /// Its arguments. No shell reads them.
    pub args: Vec<String>,
    /// Variables that it gets besides the host's own.
    pub env: BTreeMap<String, String>,
    /// Variables of the host that it does not get.
    pub env_remove: Vec<String>,
    /// The directory that it works in when the session names none; absolute.
    pub workspace: Option<String>,
    /// The model. Agents are not shared among models.
    pub model: String,
    /// The model is chosen through the protocol, not by the arguments.
    pub chooses_model: bool,
    /// Whether it may use its tools: `allow`, `reject` or `cancel`.
    pub permissions: Option<String>,
    /// Where its tools are shown: `reasoning`, `text` or `off`.
    pub show_tools: Option<String>,
    /// Texts of its own that begin so are no answer.
    pub drops: Vec<String>,
    /// Answers to requests of its own invention, by method, which may be a pattern with one `*`.
    pub answers: BTreeMap<String, Value>,
    /// The login that it is asked for when it says that it needs one. None: the user logs in.
    pub login: Option<String>,
    /// What a user does about a login that is missing, as a sentence.
    pub login_hint: String,
    /// Milliseconds that it has to start.
    pub start_ms: Option<u64>,
    /// Milliseconds that it may be silent in a turn.
    pub silence_ms: Option<u64>,
    /// Processes of this backend at the same time.
    pub processes: Option<u64>,
    /// Idle processes of this backend are kept.
    pub keeps_idle: bool,
}

impl Agent {
    /// An agent that is started by this program: a name that is looked for on `PATH`, or an absolute file.
    pub fn new(program: impl Into<String>) -> Self {
        Self { programs: vec![program.into()], ..Self::default() }
    }

    /// With these arguments.
    #[must_use]
    pub fn args<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    fn meta(&self) -> Result<Buf> {
        Ok(serde_json::to_vec(self)?.into())
    }
}

/// What a program that ran to its end has left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CommandOutput {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The beginning of its standard output.
    pub stdout: String,
    /// The beginning of its standard error.
    pub stderr: String,
}

impl Ctx {
    /// Runs a prompt turn on an agent and waits until it has said something. `body` is the request in dialect `lip`, and so is the
    /// answer, always streamed: splice it with [`HttpResponse::splice`].
    ///
    /// # Errors
    /// `denied` for a connector that may not, `unsupported` on a host without agents. A turn that fails is an answer with an error
    /// status, as from any upstream.
    pub async fn agent_turn(&self, agent: &Agent, body: impl Into<Buf>) -> Result<HttpResponse> {
        let done = self.op(op::AGENT_TURN, 0, 0, agent.meta()?, body.into()).await;
        match done.status {
            status::OK => Ok(HttpResponse::new(done.arg, done.handle, self.clone())),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// The models that an agent offers. Starts one, which takes seconds.
    ///
    /// # Errors
    /// As [`Ctx::agent_turn`]; `io` when it does not start or is not logged in.
    pub async fn agent_models(&self, agent: &Agent) -> Result<Vec<Model>> {
        let done = self.op(op::AGENT_MODELS, 0, 0, agent.meta()?, Buf::empty()).await;
        match done.status {
            status::OK => Ok(serde_json::from_slice(&done.body)?),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Runs the agent's program once with the arguments of `agent`, to its end, for `ms` milliseconds at the most.
    ///
    /// # Errors
    /// As [`Ctx::agent_turn`]; `timeout` when it is not done in time.
    pub async fn agent_command(&self, agent: &Agent, ms: u64) -> Result<CommandOutput> {
        let done = self.op(op::AGENT_COMMAND, 0, ms, agent.meta()?, Buf::empty()).await;
        match done.status {
            status::OK => Ok(serde_json::from_slice(&done.body)?),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }
}
