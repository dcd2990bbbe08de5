//! One try of one backend: the request in a dialect that its connector takes, and the connector's task until it answers.
use crate::backend::Backend;
use crate::deliver::Deliver;
use crate::scope::Scope;
use crate::source::Source;
use crate::turn::{Failure, Reply, Turn};
use crate::{translate, wire};
use base::{Fault, Kind};
use bytes::Bytes;
use lip_wire::Dialect;
use loader::run::{Run, RunEvent};
use serde::Serialize;
use std::sync::Arc;

/// What a connector is told of a turn besides its body.
#[derive(Serialize)]
struct Meta<'a> {
    model: &'a str,
    stream: bool,
    dialect: &'static str,
    session: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    headers: &'a [(String, String)],
}

/// Tries `turn` on a backend with `model`.
pub(crate) async fn attempt(scope: Scope, turn: &Turn, model: &str) -> Result<Reply, Failure> {
    let backend = Arc::clone(&scope.backend);
    let result = Attempt { turn, backend: &backend }.run(scope, model).await;
    if let Err(failure) = &result {
        wire::log(&failure.fault, backend.name());
    }
    result
}

struct Attempt<'a> {
    turn: &'a Turn,
    backend: &'a Backend,
}

impl Attempt<'_> {
    async fn run(&self, scope: Scope, model: &str) -> Result<Reply, Failure> {
        let instance = self.backend.instance()?;
        let (turn, name) = (self.turn, self.backend.name());
        let dialect = self.backend.dialect_for(turn.dialect).ok_or_else(|| {
            Fault::plugin(Kind::Unsupported, format!("backend \"{name}\" declares no dialect"))
        })?;
        let is_native = dialect == turn.dialect;
        let body = if is_native { self.own_bytes(model)? } else { self.translated(model, dialect)? };
        // Headers of the client's dialect mean nothing in another.
        let headers: &[(String, String)] = if is_native { &turn.headers } else { &[] };
        let meta = Meta { model, stream: turn.stream, dialect: dialect.id(), session: "", headers };
        let meta =
            serde_json::to_vec(&meta).map_err(|e| Fault::host(Kind::Internal, "internal error").source(e))?;
        let run = instance.run(Arc::new(scope), turn.what.task(), meta, body)?;
        self.answer(run, dialect).await
    }

    /// The client's own bytes, with the model's name replaced where it differs.
    fn own_bytes(&self, model: &str) -> Result<Bytes, Fault> {
        let lens = &self.turn.lens;
        if lens.model().is_none_or(|own| own == model) {
            return Ok(lens.body().clone());
        }
        let mut edits = lens.edits();
        edits.set_model(model).map_err(|e| Fault::client(Kind::BadRequest, e.to_string()).param("model"))?;
        Ok(lens.splice(&edits))
    }

    fn translated(&self, model: &str, dialect: Dialect) -> Result<Bytes, Fault> {
        translate::request(self.turn, model, dialect, &self.backend.spec().translation)
    }

    async fn answer(&self, mut run: Run, dialect: Dialect) -> Result<Reply, Failure> {
        let deliver = Deliver { turn: self.turn, backend: self.backend };
        loop {
            return match run.next().await {
                None => {
                    let sentence =
                        format!("backend \"{}\" ended the turn without an answer", self.backend.name());
                    Err(Fault::plugin(Kind::BadGateway, sentence).into())
                }
                Some(Err(fault)) => Err(fault.into()),
                Some(Ok(RunEvent::Usage(_) | RunEvent::Note(_))) => continue,
                Some(Ok(RunEvent::Splice { upstream, dialect: own })) => {
                    deliver.spliced(upstream, declared(&own, dialect)?).await
                }
                Some(Ok(RunEvent::Full { bytes, dialect: own })) => {
                    deliver.full(bytes, declared(&own, dialect)?)
                }
                Some(Ok(RunEvent::Chunk { bytes, dialect: own })) => {
                    let source = Source::Run([bytes].into(), Box::new(run));
                    deliver.chunks(source, declared(&own, dialect)?).await
                }
            };
        }
    }
}

/// The dialect that a connector named for its answer, else the turn's.
fn declared(own: &str, turn: Dialect) -> Result<Dialect, Fault> {
    if own.is_empty() {
        return Ok(turn);
    }
    own.parse().map_err(|e: lip_wire::UnknownDialect| Fault::plugin(Kind::BadGateway, e.to_string()))
}
