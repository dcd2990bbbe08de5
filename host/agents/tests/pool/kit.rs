//! Asks a pool and reads its answers.
use crate::actor::{Launcher, World};
use agents::{Agents, Ask, Rules};
use base::Fault;
use http_body_util::BodyExt;
use lip_wire::canon::{Content, Event, Failure, Part, Reply, Request, Role, Turn};
use lip_wire::{Dialect, codec::StreamDecoder};
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) struct Kit {
    pub(crate) agents: Agents,
    pub(crate) world: Arc<World>,
    workspace: TempDir,
}

/// One conversation with one backend.
#[derive(Clone)]
pub(crate) struct Talk {
    pub(crate) backend: &'static str,
    pub(crate) session: String,
    pub(crate) said: Vec<(Role, String)>,
    pub(crate) agent: serde_json::Value,
}

impl Talk {
    pub(crate) fn new(session: &str) -> Self {
        let agent = json!({"programs": ["sh"], "login_hint": "Run actor login"});
        Self { backend: "actor", session: session.to_owned(), said: Vec::new(), agent }
    }

    pub(crate) fn user(mut self, text: &str) -> Self {
        self.said.push((Role::User, text.to_owned()));
        self
    }

    pub(crate) fn assistant(mut self, text: &str) -> Self {
        self.said.push((Role::Assistant, text.to_owned()));
        self
    }

    pub(crate) fn with(mut self, key: &str, value: serde_json::Value) -> Self {
        self.agent[key] = value;
        self
    }
}

impl Kit {
    pub(crate) fn new(rules: Rules) -> Self {
        let launcher = Launcher::default();
        let world = Arc::clone(&launcher.0);
        Self { agents: Agents::new(rules, launcher), world, workspace: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn ask(&self, talk: &Talk) -> Ask {
        let turns =
            talk.said.iter().map(|(role, text)| Turn::new(*role, vec![Part::text(&**text)])).collect();
        let request = Request { turns, ..Request::default() };
        Ask {
            backend: talk.backend.to_owned(),
            session: talk.session.clone(),
            workspace: Some(self.workspace.path().to_str().unwrap().to_owned()),
            agent: serde_json::to_vec(&talk.agent).unwrap().into(),
            body: serde_json::to_vec(&request).unwrap().into(),
        }
    }

    /// A whole turn: the answer's text, the fault in its place, or the failure at its end.
    pub(crate) async fn turn(&self, talk: &Talk) -> Result<String, Fault> {
        let answer = self.agents.turn(self.ask(talk)).await?;
        let bytes = answer.collect().await?.to_bytes();
        Ok(match read(&bytes) {
            Ok(reply) => said(&reply),
            Err(failure) => format!("failed {}: {}", failure.status.unwrap_or_default(), failure.message),
        })
    }
}

fn read(bytes: &[u8]) -> Result<Reply, Failure> {
    let mut frames = lip_wire::frame::sse::Decoder::default();
    let mut decoder = StreamDecoder::new(Dialect::Lip).unwrap();
    let mut events: Vec<Event> = Vec::new();
    frames.push(bytes::Bytes::copy_from_slice(bytes));
    while let Some(frame) = frames.next_event() {
        decoder.push_event(None, &frame.unwrap().data, &mut events).unwrap();
    }
    let mut collector = lip_wire::canon::Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish()
}

fn said(reply: &Reply) -> String {
    let text = |part: &Part| match &part.content {
        Content::Text(text) => text.text.to_string(),
        Content::Reasoning(thought) => format!("({})", thought.text.concat().trim()),
        other => format!("{other:?}"),
    };
    reply.choices[0].parts.iter().map(text).collect()
}
