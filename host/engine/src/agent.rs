//! Turns on agents of this machine, asked for by a connector.
use crate::deliver::ELSEWHERE;
use crate::scope::{Parent, Scope, failed, ready};
use crate::{wire, wired};
use agents::{Ask, Output};
use base::{Fault, Retry};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use lip_wire::Dialect;
use loader::Auth;
use loader::run::{EffectFuture, Outcome, Refusal, Upstream};
use serde_json::{Value, json};
use sessions::Scope as Caller;
use std::sync::Arc;
use std::time::Duration;

/// May the connector start programs?
fn admitted(scope: &Scope) -> Result<(), Outcome> {
    match scope.backend.spec().manifest.as_ref().is_some_and(|connector| connector.auth == Auth::LocalAgent) {
        true => Ok(()),
        false => {
            let sentence =
                "the connector's manifest does not say that it drives an agent: \"auth\": \"local-agent\"";
            Err(Outcome::Failed(Refusal::Denied, sentence.to_owned()))
        }
    }
}

/// A prompt turn.
pub(crate) fn turn(scope: &Scope, agent: Bytes, body: Bytes) -> EffectFuture {
    if let Err(denied) = admitted(scope) {
        return ready(denied);
    }
    let Some(Parent { job, .. }) = &scope.parent else {
        return ready(Outcome::Failed(Refusal::Denied, "only a turn may talk to an agent".to_owned()));
    };
    let ask = Ask {
        backend: scope.backend.name().to_owned(),
        session: job.session.to_string(),
        workspace: job.project_dir.clone(),
        agent,
        body,
    };
    let agents = scope.means.agents.clone();
    let owners = scope.means.owners.clone().map(|owners| (owners, Caller::new(&job.turn.caller)));
    let wired = scope.wire().map(|wire| (Arc::clone(wire), scope.asked_agent(&ask.body)));
    let answer = async move {
        match owners {
            None => answered(agents.turn(ask).await),
            // Boxed: where nothing is shared, no room is kept for it.
            Some((owners, caller)) => Box::pin(owners.turn(ask, caller)).await,
        }
    };
    match wired {
        None => Box::pin(async move { Outcome::Head(answer.await) }),
        Some((wire, asked)) => Box::pin(async move {
            match wired::ask(wire, asked, async { Ok(answer.await) }).await {
                Ok(head) => Outcome::Head(head),
                Err(fault) => failed(&fault),
            }
        }),
    }
}

/// What an agent says, as from an upstream: the connector sees the status and may hand the answer on.
pub(crate) fn answered(answer: Result<agents::Answer, Fault>) -> Upstream {
    match answer {
        Ok(answer) => {
            let mut headers = HeaderMap::with_capacity(1);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            Upstream { status: 200, headers, body: answer.boxed_unsync() }
        }
        Err(fault) => {
            let mut head = Upstream::from(wire::error_reply(Dialect::Lip, &fault));
            if fault.retry == Retry::Elsewhere {
                head.headers.insert(ELSEWHERE, HeaderValue::from_static("true"));
            }
            head
        }
    }
}

/// The models of an agent.
pub(crate) fn models(scope: &Scope, agent: Bytes) -> EffectFuture {
    if let Err(denied) = admitted(scope) {
        return ready(denied);
    }
    let (agents, backend) = (scope.means.agents.clone(), Arc::clone(&scope.backend));
    let wire = scope.wire().cloned();
    let fresh = async move {
        let model = |model: &agents::Offered| json!({"id": model.id, "title": model.title});
        Ok(agents.models(backend.name(), &agent).await?.iter().map(model).collect())
    };
    Box::pin(async move { value(wired::find_later(wire, "agent's models", fresh).await) })
}

/// A program that runs once.
pub(crate) fn command(scope: &Scope, agent: Bytes, time: Duration) -> EffectFuture {
    if let Err(denied) = admitted(scope) {
        return ready(denied);
    }
    let (agents, wire) = (scope.means.agents.clone(), scope.wire().cloned());
    let fresh = async move {
        let Output { exit, stdout, stderr } = agents.command(&agent, time).await?;
        Ok(json!({"code": exit.code, "stdout": stdout, "stderr": stderr}))
    };
    Box::pin(async move { value(wired::find_later(wire, "agent's command", fresh).await) })
}

fn value(found: Result<Value, Outcome>) -> Outcome {
    found.map_or_else(|failed| failed, |value| Outcome::Value(value.to_string().into()))
}
