//! One turn of an agent: the prompt, what it tells until it has answered, and the end in every case.
use crate::acp::history::{Heard, Step};
use crate::acp::permission::{Answer, Asked, Policy};
use crate::acp::prompt;
use crate::acp::rpc::RpcError;
use crate::acp::update::Translator;
use crate::describe::Description;
use crate::fault;
use crate::live::{Live, Refused};
use crate::out::Out;
use crate::wire;
use base::{Fault, Kind};
use lip_wire::canon::{Event, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What a turn is about.
pub(crate) struct Prompt<'a> {
    pub(crate) backend: &'a str,
    pub(crate) description: &'a Description,
    pub(crate) request: &'a Request,
    pub(crate) policy: Policy,
    /// How long the agent may be silent.
    pub(crate) silence: Duration,
    /// How long a cancelled turn is waited for.
    pub(crate) cancel: Duration,
}

/// How a turn ended.
pub(crate) enum Ended {
    /// Answered; these events are still to be handed on.
    Done(Vec<Event>),
    /// The agent said no, and lives.
    Failed(Fault),
    /// Nobody wants the answer any more, and the agent has stopped.
    Cancelled,
    /// The agent must be ended.
    Dead(Fault),
}

impl Prompt<'_> {
    /// Carries it out on `live`.
    pub(crate) async fn run(&self, live: &mut Live, out: &mut Out) -> Ended {
        let by = Instant::now() + self.silence;
        let blocks = match self.prepare(live, by).await {
            Ok(blocks) => blocks,
            Err(ended) => return ended,
        };
        let session = live.opened.id.clone();
        let id = live.wire.request("session/prompt", &json!({"sessionId": session, "prompt": blocks}));
        // Until it has answered well, nobody knows what it remembers.
        (live.heard, live.is_fresh) = (None, false);
        let model = Some(self.description.model.clone()).filter(|model| !model.is_empty());
        let translator = Translator::new(
            self.description.show_tools.unwrap_or_default(),
            self.description.drops.clone(),
            model,
        );
        let mut turn =
            Turn { prompt: self, session, id, translator, events: Vec::new(), is_cancelled: false };
        turn.listen(live, out).await
    }

    async fn prepare(&self, live: &mut Live, by: Instant) -> Result<Vec<Value>, Ended> {
        let step = live.heard.as_ref().map_or(Step::Fresh, |heard| heard.next(self.request));
        if step == Step::Fresh && !live.is_fresh {
            live.open(self.description, by).await.map_err(|refused| self.ended(refused))?;
        }
        let effort = self.request.reasoning.as_ref().and_then(|reasoning| reasoning.effort.as_deref());
        live.choose(self.description, effort, by).await.map_err(|refused| self.ended(refused))?;
        prompt::blocks(self.request, &step, &live.agreed).map_err(|prompt::NoMessage| {
            Ended::Failed(Fault::client(Kind::BadRequest, "the conversation holds no message of the user"))
        })
    }
}

impl Prompt<'_> {
    fn ended(&self, refused: Refused) -> Ended {
        let is_dead = matches!(refused, Refused::Dead(_));
        let fault = refused.fault(self.description);
        if is_dead { Ended::Dead(fault) } else { Ended::Failed(fault) }
    }
}

struct Turn<'a> {
    prompt: &'a Prompt<'a>,
    session: String,
    id: u64,
    translator: Translator,
    events: Vec<Event>,
    is_cancelled: bool,
}

impl Turn<'_> {
    async fn listen(&mut self, live: &mut Live, out: &mut Out) -> Ended {
        let mut by = Instant::now() + self.prompt.silence;
        loop {
            let heard = tokio::select! {
                biased;
                () = out.closed(), if !self.is_cancelled => {
                    self.is_cancelled = true;
                    live.wire.notify("session/cancel", &json!({"sessionId": self.session}));
                    by = Instant::now() + self.prompt.cancel;
                    continue;
                }
                heard = timeout_at(by, live.wire.hear()) => heard,
            };
            let heard = match heard {
                Ok(Ok(heard)) => heard,
                Ok(Err(broken)) => return Ended::Dead(live.broken(broken).await),
                Err(_) if self.is_cancelled => {
                    return Ended::Dead(fault::silent("did not stop", self.prompt.cancel.as_secs()));
                }
                Err(_) => return Ended::Dead(fault::silent("was silent", self.prompt.silence.as_secs())),
            };
            if !self.is_cancelled {
                by = Instant::now() + self.prompt.silence;
            }
            if let Some(result) = self.take(heard, live) {
                return self.answered(result, live);
            }
            if !self.events.is_empty() && !self.is_cancelled {
                out.send(&mut self.events).await;
            }
        }
    }

    /// Takes one message; gives the prompt's result when it is that.
    fn take(&mut self, heard: wire::Heard, live: &mut Live) -> Option<Result<Value, RpcError>> {
        match heard {
            wire::Heard::Response { id: Some(id), result } if id == self.id => return Some(result),
            wire::Heard::Response { .. } => {}
            wire::Heard::Notification { method, params } if method == "session/update" => {
                // Other sessions may live in the process, and an old one may still be told of.
                if params.get("sessionId").and_then(Value::as_str) == Some(&self.session)
                    && let Some(update) = params.get("update")
                {
                    self.translator.update(update, &mut self.events);
                }
            }
            wire::Heard::Notification { .. } => {}
            wire::Heard::Request { id, method, params } if method == "session/request_permission" => {
                live.wire.answer(&id, &self.decide(&params, live));
            }
            wire::Heard::Request { id, method, .. } => {
                live.answer_other(&id, &method, self.prompt.description)
            }
        }
        None
    }

    fn decide(&mut self, params: &Value, live: &Live) -> Answer {
        let asked = Asked::deserialize(params).unwrap_or_default();
        let is_own = asked.session_id == self.session && !self.is_cancelled;
        let policy = if is_own { self.prompt.policy } else { Policy::Cancel };
        let answer = Answer::of(policy, &asked.options);
        tracing::info!(
            backend = self.prompt.backend,
            pid = live.running.pid(),
            tool = asked.tool_call.title.as_deref().unwrap_or_default(),
            kind = asked.tool_call.kind.as_deref().unwrap_or_default(),
            ?policy,
            option = answer.option().unwrap_or("cancelled"),
            "an agent asked for permission"
        );
        if is_own && let Some(tool) = params.get("toolCall") {
            let is_allowed = policy == Policy::Allow && answer.option().is_some();
            self.translator.decided(tool, is_allowed, &mut self.events);
        }
        answer
    }

    fn answered(&mut self, result: Result<Value, RpcError>, live: &mut Live) -> Ended {
        match result {
            _ if self.is_cancelled => Ended::Cancelled,
            Ok(result) => {
                if result.get("stopReason").and_then(Value::as_str) != Some("cancelled") {
                    live.heard = Some(Heard::all(self.prompt.request));
                }
                self.translator.finish(&result, &mut self.events);
                Ended::Done(std::mem::take(&mut self.events))
            }
            Err(error) => Ended::Failed(fault::of_rpc(&error, &self.prompt.description.login_hint)),
        }
    }
}
