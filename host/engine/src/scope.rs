//! Carries out the effects of one attempt: its backend's secrets, its egress list, the host's pool.
use crate::accounts::hidden::Hidden;
use crate::accounts::{Accounts, Leases, lease};
use crate::agent;
use crate::backend::Backend;
use crate::dispatch::{self, From};
use crate::drive::Job;
use crate::gate::Gates;
use crate::owners::Owners;
use crate::passage::Passage;
use crate::record::Noted;
use crate::redactor::Redactor;
use crate::store::Values;
use crate::turn::Turn;
use crate::wired::{self, upstream};
use agents::Agents;
use arc_swap::ArcSwap;
use base::{Fault, Kind};
use bytes::Bytes;
use egress::{Call, Egress, Head, Identity, Target};
use events::trace::TRACEPARENT;
use events::wire::Wire;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method};
use loader::run::{Effect, EffectFuture, Effects, HttpCall, Outcome, Refusal, Upstream};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// What the effects of all attempts share.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) egress: Egress,
    pub(crate) user_agent: HeaderValue,
    pub(crate) gates: Gates,
    pub(crate) values: Values,
    pub(crate) agents: Agents,
    /// Which hosts have which agents, where several may.
    pub(crate) owners: Option<Arc<Owners>>,
    pub(crate) accounts: Accounts,
    /// Are upstreams told of the span that asks them?
    pub(crate) sends_traceparent: bool,
    /// Tokens of accounts, which are taken out as well.
    pub(crate) hidden: Hidden,
    /// Takes secrets out of what goes to backends.
    pub(crate) prompts: ArcSwap<Redactor>,
}

/// What the effects of one attempt may touch.
pub(crate) struct Scope {
    pub(crate) means: Arc<Means>,
    pub(crate) backend: Arc<Backend>,
    /// Position of the API key in use.
    pub(crate) key: usize,
    pub(crate) loop_guard: HeaderValue,
    /// None outside a turn.
    pub(crate) parent: Option<Parent>,
    /// The tokens that it has leased.
    pub(crate) leases: Arc<Leases>,
    /// What is known of the attempt.
    pub(crate) noted: Noted,
}

/// The turn that an attempt belongs to.
#[derive(Clone)]
pub(crate) struct Parent {
    pub(crate) job: Arc<Job>,
    /// Without output until then the attempt is dropped.
    pub(crate) first_output_by: Instant,
    pub(crate) end_by: Instant,
}

impl Scope {
    /// What the effects of a task outside of any turn may touch.
    pub(crate) fn new(means: Arc<Means>, backend: Arc<Backend>, key: usize, loop_guard: HeaderValue) -> Self {
        let (leases, noted) = (Arc::default(), Noted::default());
        Self { means, backend, key, loop_guard, parent: None, leases, noted }
    }

    /// A request of this backend, with what the host says of itself.
    fn signed(&self, method: Method, target: Target, mut headers: HeaderMap, body: Bytes) -> Call {
        let spec = self.backend.spec();
        let user_agent = spec.user_agent.as_ref().unwrap_or(&self.means.user_agent);
        let loop_guard = spec.takes_loop_guard.then_some(&self.loop_guard);
        Identity { user_agent, loop_guard }.sign(&mut headers);
        if self.means.sends_traceparent
            && spec.takes_loop_guard
            && let Some(span) = self.noted.span()
            && let Ok(value) = HeaderValue::try_from(span.to_string())
        {
            headers.insert(TRACEPARENT, value);
        }
        Call { method, target, headers, body }
    }

    fn call(&self, call: HttpCall) -> Result<Call, String> {
        let target = self.backend.target(&call.url)?;
        let mut headers = call.headers;
        let leased = |name: &str| self.leases.token(name);
        self.backend.add_secrets(&mut headers, &call.secret_headers, self.key, leased)?;
        Ok(self.signed(call.method, target, headers, call.body))
    }

    /// Carries out a turn that its connector leaves to the host: `body` with what the client's dialect has in headers.
    ///
    /// # Errors
    /// The upstream's fault.
    pub(crate) async fn pass(
        &self,
        passage: &Passage,
        client: Option<&Turn>,
        body: Bytes,
    ) -> Result<Upstream, Fault> {
        let headers = passage.headers(self.key, client);
        let call = self.signed(passage.method.clone(), passage.target.clone(), headers, body);
        let given_up = self.parent.as_ref().map(|parent| parent.first_output_by);
        self.noted.asked();
        if let Some(wire) = self.wire() {
            let asked = self.asked(&call);
            let send =
                async { self.means.egress.send_for(call, passage.timeout, given_up).await.map(upstream) };
            return Box::pin(wired::ask(Arc::clone(wire), asked, send)).await;
        }
        let head = self.means.egress.send_for(call, passage.timeout, given_up).await?;
        Ok(upstream(head))
    }

    /// The request that a connector described, on its way.
    ///
    /// # Errors
    /// Why it may not be sent, for the connector.
    pub(crate) fn request(&self, call: HttpCall) -> Result<BoxFuture<'static, Result<Head, Fault>>, Outcome> {
        let timeout = call.timeout;
        let call = self.call(call).map_err(|sentence| Outcome::Failed(Refusal::Denied, sentence))?;
        let means = Arc::clone(&self.means);
        Ok(Box::pin(async move { means.egress.send(call, timeout).await }))
    }

    fn http(&self, call: HttpCall) -> EffectFuture {
        if let Some(wire) = self.wire() {
            return self.wired_http(Arc::clone(wire), call);
        }
        match self.request(call) {
            Ok(request) => {
                self.noted.asked();
                Box::pin(async move { outcome(request.await) })
            }
            Err(refused) => ready(refused),
        }
    }

    fn wired_http(&self, wire: Arc<dyn Wire>, call: HttpCall) -> EffectFuture {
        let timeout = call.timeout;
        let call = match self.call(call) {
            Ok(call) => call,
            Err(sentence) => return ready(Outcome::Failed(Refusal::Denied, sentence)),
        };
        self.noted.asked();
        let (asked, means) = (self.asked(&call), Arc::clone(&self.means));
        let send = async move { means.egress.send(call, timeout).await.map(upstream) };
        Box::pin(async move {
            match wired::ask(wire, asked, send).await {
                Ok(upstream) => Outcome::Head(upstream),
                Err(fault) => failed(&fault),
            }
        })
    }
}

/// What a connector is told of its request.
pub(crate) fn outcome(answered: Result<Head, Fault>) -> Outcome {
    match answered {
        Ok(head) => Outcome::Head(upstream(head)),
        Err(fault) => failed(&fault),
    }
}

pub(crate) fn failed(fault: &Fault) -> Outcome {
    tracing::debug!(%fault, "an upstream request failed");
    let refusal = if fault.kind == Kind::Timeout { Refusal::Timeout } else { Refusal::Io };
    Outcome::Failed(refusal, fault.public())
}

pub(crate) fn ready(outcome: Outcome) -> EffectFuture {
    Box::pin(std::future::ready(outcome))
}

impl Effects for Scope {
    fn stopped_at_ms(&self) -> Option<u64> {
        let wire = self.wire()?;
        let began = wire.moment().now.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from((began + Duration::from_micros(wire.passed_us())).as_millis()).ok()
    }

    fn start(&self, effect: Effect) -> EffectFuture {
        let name = self.backend.name();
        match effect {
            Effect::Http(call) => self.http(call),
            Effect::Sleep(time) => {
                let wire = self.wire().map(|wire| (Arc::clone(wire), wire.passed_us()));
                Box::pin(async move {
                    tokio::time::sleep(time).await;
                    if let Some((wire, passed)) = wire {
                        wire.pass(passed.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)));
                    }
                    Outcome::Done
                })
            }
            Effect::Secret { name: secret } => ready(self.show_secret(&secret)),
            Effect::Load { session, key } => ready(match self.means.values.get(name, &session, &key) {
                Some(value) => Outcome::Value(value),
                None => Outcome::Nothing,
            }),
            Effect::Store { session, key, ttl, value } => {
                ready(match self.means.values.put(name, &session, &key, value, ttl) {
                    Ok(()) => Outcome::Done,
                    Err(sentence) => Outcome::Failed(Refusal::Denied, sentence),
                })
            }
            Effect::Dispatch { meta, body } => match self.parent.clone() {
                Some(Parent { job, end_by, .. }) => {
                    let from = From { backend: name.to_owned(), attempt: self.noted.at() };
                    Box::pin(dispatch::run(job, end_by, from, meta, body))
                }
                None => {
                    ready(Outcome::Failed(Refusal::Denied, "only a turn may ask for another turn".to_owned()))
                }
            },
            Effect::AgentTurn { meta, body } => {
                self.noted.asked();
                agent::turn(self, meta, body)
            }
            Effect::AgentModels { meta } => agent::models(self, meta),
            Effect::AgentCommand { meta, time } => agent::command(self, meta, time),
            Effect::Token { meta } => lease::token(self, meta),
            Effect::Account { lease, meta } => lease::report(self, lease, meta),
            Effect::Show { .. } | Effect::Listen { .. } => ready(Outcome::Failed(
                Refusal::Denied,
                "nobody logs in here: it is only for the task \"login\"".to_owned(),
            )),
        }
    }
}

impl Scope {
    fn show_secret(&self, secret: &str) -> Outcome {
        let backend = &self.backend;
        let allowed = backend.spec().manifest.as_ref().is_some_and(|connector| connector.reads_secret);
        match backend.secret(secret, self.key) {
            Some(value) if allowed => {
                Outcome::Value(bytes::Bytes::copy_from_slice(value.expose().as_bytes()))
            }
            Some(_) => Outcome::Failed(
                Refusal::Denied,
                "the connector's manifest does not say reads_secret".to_owned(),
            ),
            None => Outcome::Failed(
                Refusal::Denied,
                format!("backend \"{}\" has no secret \"{secret}\"", backend.name()),
            ),
        }
    }
}
