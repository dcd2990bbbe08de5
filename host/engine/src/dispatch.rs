//! A turn on another selector, asked for by a connector: how virtual backends work. It is a child of the turn that it serves:
//! no commands, no session, the parent's time, and an end when its client goes.
use crate::drive::{self, Drive};
use crate::engine::Engine;
use crate::turn::{Turn, What};
use crate::wire;
use base::{Fault, RouteOverrides, Sampling};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use lip_wire::{Dialect, lens};
use loader::run::{Outcome, Refusal, Upstream};
use routing::plan::Ask;
use routing::policy::Budgets;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// Virtual backends that may stand between a client and an upstream.
const DEPTH_MAX: usize = 4;

/// What a turn hands on to the turns that its connector asks for.
#[derive(Clone)]
pub(crate) struct Nest {
    pub(crate) engine: Arc<Engine>,
    pub(crate) caller: String,
    /// The virtual backends so far, outermost first.
    pub(crate) through: Vec<String>,
    pub(crate) loop_guard: HeaderValue,
    pub(crate) end_by: Instant,
}

#[derive(Deserialize)]
struct Meta {
    selector: String,
    #[serde(default)]
    stream: bool,
    dialect: String,
}

/// Runs the turn that the connector of `from` asks for.
pub(crate) async fn run(nest: Nest, from: String, meta: Bytes, body: Bytes) -> Outcome {
    let denied = |sentence: String| Outcome::Failed(Refusal::Denied, sentence);
    let meta: Meta = match serde_json::from_slice(&meta) {
        Ok(meta) => meta,
        Err(error) => return denied(format!("the dispatched turn's parameters are wrong: {error}")),
    };
    let Ok(dialect) = meta.dialect.parse::<Dialect>() else {
        return denied(format!("the dispatched turn's dialect \"{}\" is none", meta.dialect));
    };
    match answer(nest, from, meta, dialect, body).await {
        Ok(upstream) => Outcome::Head(upstream),
        // As from an upstream: the connector sees the status and may hand the answer on.
        Err(fault) => {
            let reply = wire::error_reply(dialect, &fault);
            Outcome::Head(Upstream {
                status: reply.status,
                headers: reply.headers,
                body: reply.body.boxed_unsync(),
            })
        }
    }
}

async fn answer(
    nest: Nest,
    from: String,
    meta: Meta,
    dialect: Dialect,
    body: Bytes,
) -> Result<Upstream, Fault> {
    let mut through = nest.through;
    through.push(from);
    let looped = |sentence: String| Fault::host(base::Kind::Loop, sentence).code("virtual_loop");
    if through.len() > DEPTH_MAX {
        return Err(looped(format!("virtual backends are nested too deep: {}", through.join(" > "))));
    }
    let lens = lens::scan(dialect, &body).map_err(|e| {
        Fault::plugin(base::Kind::Internal, format!("the dispatched request is malformed: {e}"))
    })?;
    let (overrides, sampling) = (RouteOverrides::default(), Sampling::default());
    let plan = nest.engine.table.load().plan(&Ask::new(&meta.selector, &overrides, &sampling))?;
    if let Some(leg) = plan.legs.iter().find(|leg| through.contains(&leg.backend)) {
        let circle = through.join(" > ");
        let fault =
            looped(format!("virtual backends would call each other in a circle: {circle} > {}", leg.backend));
        return Err(fault.hint("Name a backend in the selector that is not one of them"));
    }
    let engine = Arc::clone(&nest.engine);
    let budgets = Budgets {
        turn: nest.end_by.saturating_duration_since(drive::now()),
        commit_after: None,
        ..engine.rules.budgets
    };
    let turn = Turn {
        dialect,
        what: What::Generate,
        model: meta.selector,
        stream: meta.stream,
        lens,
        headers: HeaderMap::new(),
        forwarded: &[],
        caller: nest.caller,
        shorthand: None,
    };
    let edits = Arc::new(turn.lens.edits());
    let health = engine.health_for(&plan);
    let budgets = engine.budgets_for(&plan, budgets);
    let drive = Drive {
        engine,
        turn: Arc::new(turn),
        edits,
        plan: Arc::new(plan),
        budgets,
        began: drive::now(),
        permit: None,
        health,
        loop_guard: nest.loop_guard,
        conversation: None,
        through,
    };
    let (tell, _never) = oneshot::channel();
    let reply = drive.run(tell).await.map_err(|failure| failure.fault)?;
    Ok(Upstream { status: reply.status, headers: reply.headers, body: reply.body.boxed_unsync() })
}
