//! A turn on another selector, asked for by a connector: how virtual backends work. It is a child of the turn that it serves:
//! no commands, no forced route, its parent's conversation, headers and time, and an end when its client goes.
use crate::drive::{self, Job};
use crate::wire;
use base::{Fault, RouteOverrides, Sampling};
use bytes::Bytes;
use events::attempt::Role;
use lip_wire::Dialect;
use lip_wire::lens;
use loader::run::{Outcome, Refusal, Upstream};
use routing::plan::Ask;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;

/// Virtual backends that may stand between a client and an upstream.
const DEPTH_MAX: usize = 4;

#[derive(Deserialize)]
struct Meta {
    selector: String,
    #[serde(default)]
    stream: bool,
    dialect: String,
}

/// Who asks for a turn.
pub(crate) struct From {
    /// The virtual backend.
    pub(crate) backend: String,
    /// Where its attempt stands in the list of its turn's.
    pub(crate) attempt: usize,
}

/// Runs the turn that the connector of `from` asks for in the midst of `parent`, which ends by `end_by`.
pub(crate) async fn run(parent: Arc<Job>, end_by: Instant, from: From, meta: Bytes, body: Bytes) -> Outcome {
    let denied = |sentence: String| Outcome::Failed(Refusal::Denied, sentence);
    let meta: Meta = match serde_json::from_slice(&meta) {
        Ok(meta) => meta,
        Err(error) => return denied(format!("the dispatched turn's parameters are wrong: {error}")),
    };
    let Ok(dialect) = meta.dialect.parse::<Dialect>() else {
        return denied(format!("the dispatched turn's dialect \"{}\" is none", meta.dialect));
    };
    match answer(&parent, end_by, from, (meta, dialect, body)).await {
        Ok(upstream) => Outcome::Head(upstream),
        // As from an upstream: the connector sees the status and may hand the answer on.
        Err(fault) => Outcome::Head(wire::error_reply(dialect, &fault).into()),
    }
}

async fn answer(
    parent: &Job,
    end_by: Instant,
    from: From,
    (meta, dialect, body): (Meta, Dialect, Bytes),
) -> Result<Upstream, Fault> {
    let engine = Arc::clone(&parent.engine);
    let mut through = parent.through.clone();
    through.push(from.backend);
    let looped = |sentence: String| Fault::host(base::Kind::Loop, sentence).code("virtual_loop");
    if through.len() > DEPTH_MAX {
        return Err(looped(format!("virtual backends are nested too deep: {}", through.join(" > "))));
    }
    let lens = lens::scan(dialect, &body).map_err(|e| {
        Fault::plugin(base::Kind::Internal, format!("the dispatched request is malformed: {e}"))
    })?;
    let (overrides, sampling) = (RouteOverrides::default(), Sampling::default());
    let rotation = engine.rotation_for(&parent.turn);
    let ask = Ask { is_nested: true, rotation, ..Ask::new(&meta.selector, &overrides, &sampling) };
    let planned = engine.planned(&ask)?;
    engine.allow(&planned.plan, parent.turn.client.as_deref())?;
    if let Some(leg) = planned.plan.legs.iter().find(|leg| through.contains(&leg.backend)) {
        let circle = through.join(" > ");
        let fault =
            looped(format!("virtual backends would call each other in a circle: {circle} > {}", leg.backend));
        return Err(fault.hint("Name a backend in the selector that is not one of them"));
    }
    let time = end_by.saturating_duration_since(drive::now());
    let turn = parent.turn.child(lens, meta.selector, meta.stream);
    let edits = turn.lens.edits();
    let drive = parent.child((turn, edits), planned, (through, Role::Within(from.attempt)), time);
    let reply = drive.run(None).await.map_err(|failure| failure.fault)?;
    Ok(reply.into())
}
