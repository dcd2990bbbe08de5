//! What a connector asks for, read: which agent, how it is started, what it is told.
use crate::describe::Description;
use crate::launch::Command;
use crate::rules::{Ask, Rules};
use crate::slot::Key;
use crate::{program, workspace};
use base::{Fault, Kind};
use lip_wire::Dialect;
use lip_wire::canon::Request;
use lip_wire::codec::{UrlParts, decode_request};
use std::fmt;

/// A turn that has been read.
pub struct Task {
    pub(crate) description: Description,
    pub(crate) command: Command,
    pub(crate) request: Request,
    pub(crate) key: Key,
}

/// Of a conversation, and of an environment, nothing is shown.
impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Task {
    /// Which agent it is for: one text for each backend, workspace, model and session.
    pub fn agent(&self) -> String {
        self.key.text()
    }

    pub(crate) fn read(ask: Ask, rules: &Rules) -> Result<Self, Fault> {
        let description = Description::read(&ask.agent).map_err(|why| Fault::plugin(Kind::Internal, why))?;
        let (request, _) = decode_request(Dialect::Lip, &ask.body, &UrlParts::default())
            .map_err(|e| Fault::client(Kind::BadRequest, e.to_string()).code("invalid_body"))?;
        let own = description.workspace.as_deref();
        let hint = workspace::hint(&request);
        let wish = hint.as_deref().or(ask.workspace.as_deref());
        let workspace = workspace::choose(wish, own, rules.allows_system_dirs)?;
        let command = program::command(&description, &workspace, &rules.env, &rules.hidden_env)?;
        let key =
            Key { backend: ask.backend, workspace, model: description.model.clone(), session: ask.session };
        Ok(Self { description, command, request, key })
    }
}
