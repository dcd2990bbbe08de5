//! One try of one backend: the request in a dialect that its connector takes, and the connector's task until it answers.
use crate::backend::Backend;
use crate::deliver::{Deliver, Delivered};
use crate::drive::Job;
use crate::scope::Scope;
use crate::source::Source;
use crate::translate::{self, Wanted};
use crate::turn::{Failure, Turn, What};
use crate::{redact, request, wire};
use base::{Fault, Kind, Sampling};
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::canon::Request;
use lip_wire::codec::holds_unsigned_thinking;
use lip_wire::lens::{self, Field, Message, Role};
use loader::run::{Run, RunEvent};
use routing::plan::{Leg, LegId};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

/// What a connector is told of a turn besides its body.
#[derive(Serialize)]
struct Meta<'a> {
    model: &'a str,
    stream: bool,
    dialect: &'static str,
    session: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    random: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    headers: &'a [(&'static str, String)],
}

/// What is tried.
pub(crate) struct Try {
    pub(crate) job: Arc<Job>,
    pub(crate) leg: LegId,
    pub(crate) scope: Arc<Scope>,
}

/// Tries it, until the answer is known to be good.
pub(crate) async fn attempt(what: Try) -> Result<Delivered, Failure> {
    let Try { job, leg, scope } = &what;
    let backend = &*scope.backend;
    let leg =
        job.planned.plan.legs.get(leg.0).ok_or_else(|| Fault::host(Kind::Internal, "internal error"))?;
    let model = backend.model_on_wire(&leg.model);
    let result = Attempt { job, turn: &job.turn, leg, model, scope, backend }.run().await;
    result.map_err(|failure| {
        // A connector may quote its upstream, and the upstream our key.
        let tokens = scope.leases.tokens();
        let fault = redact::fault(failure.fault, backend.secrets().chain(&tokens));
        wire::log(&fault, backend.name());
        Failure { fault, raw: failure.raw }
    })
}

struct Attempt<'a> {
    job: &'a Job,
    turn: &'a Turn,
    leg: &'a Leg,
    /// As the provider names it.
    model: &'a str,
    scope: &'a Arc<Scope>,
    backend: &'a Backend,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Delivered, Failure> {
        let (turn, model, name) = (self.turn, self.model, self.backend.name());
        let dialect = self.backend.dialect_for(turn.dialect, model).ok_or_else(|| {
            Fault::plugin(Kind::Unsupported, format!("backend \"{name}\" declares no dialect"))
        })?;
        let passages = match self.backend.known_passages() {
            Some(known) => known,
            // Boxed: only the first turn of a backend asks.
            None => Box::pin(self.backend.passages()).await?,
        };
        let of_turn = passages.iter().find(|passage| passage.dialect == dialect);
        let passage = of_turn.filter(|_| turn.what == What::Generate);
        let is_native = dialect == turn.dialect;
        let passes = is_native && !self.holds_refusable(dialect);
        let mut asks_usage = false;
        let (body, request) = if passes {
            let lens = turn.lens_for(name, &self.job.edits);
            let mut edits = Cow::Borrowed(&self.job.edits);
            asks_usage = self.asks_usage(dialect);
            if asks_usage {
                let asked = edits.to_mut().set(Field::IncludeUsage, true);
                asks_usage = asked.inspect_err(|e| tracing::debug!(%e, "usage cannot be asked for")).is_ok();
            }
            (request::body(lens, &edits, model, &self.leg.params)?, None)
        } else {
            let (body, request) = self.translated(dialect)?;
            (body, Some(request))
        };
        let body = self.redacted(body);
        let (gates, leases) = (&self.scope.means.gates, &*self.scope.leases);
        let noted = &self.scope.noted;
        let deliver = Deliver { turn, backend: self.backend, gates, leases, request, noted, asks_usage };
        if let Some(passage) = passage {
            let upstream = self.scope.pass(passage, is_native.then_some(turn), body).await?;
            return deliver.spliced(upstream, dialect).await;
        }
        let instance = self.backend.instance()?;
        // Headers of the client's dialect mean nothing in another.
        let headers = if is_native { turn.forwarded() } else { Vec::new() };
        let random = self.backend.is_virtual().then(|| self.job.tick().rand);
        let (stream, dialect_id, session) = (turn.stream, dialect.id(), &*self.job.session.to_string());
        let meta = Meta { model, stream, dialect: dialect_id, session, random, headers: &headers };
        let meta =
            serde_json::to_vec(&meta).map_err(|e| Fault::host(Kind::Internal, "internal error").source(e))?;
        let run = instance.run(Arc::<Scope>::clone(self.scope), turn.what.task(), meta, body)?;
        // Boxed: turns that need no code carry no room for it.
        Box::pin(self.answer(run, dialect, deliver)).await
    }

    /// Without the host's secrets, which a prompt may quote from a file or a terminal: the connector and its provider have no business
    /// with them.
    fn redacted(&self, body: Bytes) -> Bytes {
        let means = &self.scope.means;
        let told = |n: usize| {
            tracing::warn!(backend = self.backend.name(), n, "configured secrets were taken out of a prompt");
        };
        let body = match means.prompts.load().clean(&body) {
            Some((clean, n)) => {
                told(n);
                clean.into()
            }
            None => body,
        };
        match means.hidden.clean(&body) {
            Some((clean, n)) if self.job.engine.planner.load().rules.hidden.is_some() => {
                told(n);
                clean.into()
            }
            _ => body,
        }
    }

    /// Whether the host asks for the usage of a stream whose client does not. Elsewhere upstreams say it unasked.
    fn asks_usage(&self, dialect: Dialect) -> bool {
        let is_silent = || self.turn.lens.include_usage() != Some(true);
        dialect == Dialect::OpenAiChat
            && self.turn.stream
            && self.turn.what == What::Generate
            && is_silent()
            && self.job.engine.planner.load().rules.ask_usage
    }

    /// Whether the client brings back what this upstream would refuse: a seal of another dialect, or thinking that nobody signed. Such a
    /// body is written anew, without it.
    fn holds_refusable(&self, dialect: Dialect) -> bool {
        let lens = &self.turn.lens;
        let needs_signatures =
            dialect == Dialect::AnthropicMessages && self.backend.spec().translation.signed_thinking;
        // What a user or a tool says is most of a conversation, and never thinking.
        let by_model = |message: &&Message| matches!(message.role, Role::Assistant | Role::Other);
        lens.messages().iter().filter(by_model).any(|message| {
            message.carries_seal
                || (needs_signatures && holds_unsigned_thinking(message.span.of(lens.body())))
        })
    }

    fn translated(&self, dialect: Dialect) -> Result<(Bytes, Arc<Request>), Fault> {
        let (model, params) = (self.model, &self.leg.params);
        let own = self.turn.lens.splice(&self.job.edits);
        let wanted = Wanted { model, dialect, sampling: params, spelling: &self.backend.spec().translation };
        let (body, request, losses) = translate::request(self.turn, &own, &wanted)?;
        self.scope.noted.lost(&losses);
        match gemini_config(dialect, params) {
            None => Ok((body, request)),
            // Only Gemini has words for it.
            Some(options) => {
                let lens = lens::scan(dialect, &body)
                    .map_err(|e| Fault::host(Kind::Internal, "internal error").source(e))?;
                Ok((request::body(&lens, &lens.edits(), model, &options)?, request))
            }
        }
    }

    async fn answer(
        &self,
        mut run: Run,
        dialect: Dialect,
        deliver: Deliver<'_>,
    ) -> Result<Delivered, Failure> {
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

/// The options that no other dialect has.
fn gemini_config(dialect: Dialect, options: &Sampling) -> Option<Sampling> {
    let own = options.gemini_generation_config.clone().filter(|_| dialect == Dialect::Gemini)?;
    let Sampling { thinking_budget, reasoning_effort, .. } = *options;
    let config = Some(own);
    Some(Sampling {
        gemini_generation_config: config,
        thinking_budget,
        reasoning_effort,
        ..Sampling::default()
    })
}

/// The dialect that a connector named for its answer, else the turn's.
fn declared(own: &str, turn: Dialect) -> Result<Dialect, Fault> {
    if own.is_empty() {
        return Ok(turn);
    }
    own.parse().map_err(|e: lip_wire::UnknownDialect| Fault::plugin(Kind::BadGateway, e.to_string()))
}
