//! One session: its conversation, and its prompts one after the other.
use super::Host;
use super::line::Line;
use agents::acp::rpc::{self, INTERNAL_ERROR, INVALID_REQUEST};
use agents::acp::serve::ask::Refusal;
use agents::acp::serve::offer;
use agents::acp::serve::speech::{Said, Speech};
use agents::acp::serve::transcript::Transcript;
use base::{Fault, Kind};
use bytes::Bytes;
use engine::{Dialect, Turn, What};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use lip_wire::canon::{Failure, Part, Role, StopReason};
use lip_wire::lens;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, watch};

/// The header by which the engine tells sessions apart.
static SESSION: HeaderName = HeaderName::from_static("x-session-id");

/// A session of one client.
pub(super) struct Session {
    pub(super) id: String,
    /// The directory that the client works in.
    pub(super) cwd: String,
    pub(super) host: Arc<Host>,
    pub(super) line: Line,
    pub(super) transcript: Transcript,
    /// Bytes of the conversation, for who keeps all sessions.
    pub(super) bytes: Arc<AtomicUsize>,
}

/// A prompt that waits for its turn.
pub(super) struct Prompt {
    /// The request's.
    pub(super) id: Box<RawValue>,
    pub(super) parts: Vec<Part>,
    /// A selector, if one is chosen.
    pub(super) model: Option<String>,
    /// True once the client does not want it any more.
    pub(super) cancelled: watch::Receiver<bool>,
}

impl Session {
    /// Answers prompts until no more can come.
    pub(super) async fn run(mut self, mut prompts: mpsc::Receiver<Prompt>) {
        while let Some(mut prompt) = prompts.recv().await {
            let answer = match Box::pin(self.answer(&mut prompt)).await {
                Ok(result) => rpc::result(&prompt.id, &result),
                Err(Refusal { code, message }) => rpc::error(&prompt.id, code, &message),
            };
            self.bytes.store(self.transcript.bytes(), Ordering::Relaxed);
            // Before it is answered: who sees the answer may cancel the next prompt and means no other.
            let Prompt { cancelled, .. } = prompt;
            drop(cancelled);
            self.line.say(answer).await;
        }
    }

    async fn answer(&mut self, prompt: &mut Prompt) -> Result<Value, Refusal> {
        if *prompt.cancelled.borrow() {
            return Ok(offer::ended(StopReason::Cancelled, None));
        }
        let turn = self.turn(prompt).await?;
        let mut speech = Speech::new(&self.id).map_err(|e| inside(&e.to_string()))?;
        let spoken = tokio::select! {
            biased;
            _ = prompt.cancelled.wait_for(|is_cancelled| *is_cancelled) => None,
            spoken = self.speak(turn, &mut speech) => Some(spoken),
        };
        // Here the upstream's exchange is gone if it was cancelled.
        let said = speech.end();
        match spoken {
            None => {
                self.remember(prompt, &said);
                Ok(offer::ended(StopReason::Cancelled, said.usage.as_ref()))
            }
            Some(Err(fault)) => {
                self.remember_if_said(prompt, &said);
                tracing::info!(session = self.id, %fault, "a prompt failed");
                Err(of_fault(&fault))
            }
            Some(Ok(())) => match &said.failure {
                Some(failure) => {
                    self.remember_if_said(prompt, &said);
                    tracing::info!(session = self.id, failure = failure.message, "a prompt failed");
                    Err(of_failure(failure))
                }
                None => {
                    let result = offer::ended(said.stop, said.usage.as_ref());
                    // The protocol: what was refused is no part of the next prompt.
                    if !matches!(said.stop, StopReason::Refusal | StopReason::ContentFilter) {
                        self.remember(prompt, &said);
                    }
                    Ok(result)
                }
            },
        }
    }

    /// The turn for the engine.
    async fn turn(&self, prompt: &mut Prompt) -> Result<Turn, Refusal> {
        let Some(model) = (match prompt.model.take() {
            Some(model) => Some(model),
            None => self.host.models(None).await.current,
        }) else {
            let message = "no backend is ready that names a model; start lip acp with --model, lip backends says what is missing";
            return Err(Refusal { code: i64::from(Kind::Unavailable.status()), message: message.to_owned() });
        };
        let body = self.transcript.body(&model, &self.cwd, &prompt.parts);
        let bytes_max = self.host.body_bytes;
        if body.len() > bytes_max {
            let message = format!(
                "the conversation has {} bytes, more than the {bytes_max} of limits.request_body_bytes; begin a new session",
                body.len()
            );
            return Err(Refusal { code: i64::from(Kind::TooLarge.status()), message });
        }
        let lens = lens::scan(Dialect::Lip, &Bytes::from(body)).map_err(|e| inside(&e.to_string()))?;
        let mut headers = HeaderMap::with_capacity(1);
        headers.extend(HeaderValue::from_str(&self.id).map(|id| (SESSION.clone(), id)));
        let (what, stream, caller) = (What::Generate, true, String::new());
        Ok(Turn {
            dialect: Dialect::Lip,
            what,
            model,
            stream,
            lens,
            headers,
            forwarded: &[],
            caller,
            client: None,
            shorthand: None,
            wire: None,
            rest: None,
            continues: None,
        })
    }

    /// The answer, told to the client as it comes.
    async fn speak(&self, turn: Turn, speech: &mut Speech) -> Result<(), Fault> {
        let reply = Box::pin(self.host.engine.turn(turn)).await.map_err(|failure| failure.fault)?;
        let mut body = reply.body;
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            let mut lines = Vec::new();
            let pushed = speech.push(bytes, &mut lines);
            self.line.say(lines).await;
            pushed.map_err(|why| Fault::host(Kind::Internal, format!("the answer cannot be read: {why}")))?;
        }
        Ok(())
    }

    fn remember(&mut self, prompt: &Prompt, said: &Said) {
        self.transcript.add(Role::User, &prompt.parts);
        self.transcript.add(Role::Assistant, &said.parts);
    }

    /// A prompt that failed before anything was said can be said again: it must not stand there twice.
    fn remember_if_said(&mut self, prompt: &Prompt, said: &Said) {
        if !said.parts.is_empty() {
            self.remember(prompt, said);
        }
    }
}

fn inside(message: &str) -> Refusal {
    Refusal { code: INTERNAL_ERROR, message: message.to_owned() }
}

/// The status is the code, as other agents do it: clients tell a limit from a missing login by it.
fn of_fault(fault: &Fault) -> Refusal {
    let code = if fault.kind == Kind::Internal { INTERNAL_ERROR } else { i64::from(fault.status()) };
    Refusal { code, message: fault.public() }
}

fn of_failure(failure: &Failure) -> Refusal {
    let code = failure.status.map_or(INTERNAL_ERROR, i64::from);
    let message = failure.message.trim_end_matches('.');
    Refusal { code, message: format!("{message}. What had been said is remembered; prompt again to go on") }
}

/// More prompts wait than one session keeps.
pub(super) fn too_many(n_max: usize) -> Refusal {
    let message =
        format!("{n_max} prompts of this session wait already; cancel them or wait for their answers");
    Refusal { code: INVALID_REQUEST, message }
}
