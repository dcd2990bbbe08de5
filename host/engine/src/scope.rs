//! Carries out the effects of one attempt: its backend's secrets, its egress list, the host's pool.
use crate::backend::Backend;
use crate::dispatch;
use crate::drive::Job;
use crate::gate::Gates;
use crate::store::Values;
use base::{Fault, Kind};
use egress::{Call, Egress, Identity};
use http::{HeaderValue, Uri};
use http_body_util::BodyExt;
use loader::run::{Effect, EffectFuture, Effects, HttpCall, Outcome, Refusal, Upstream};
use std::sync::Arc;
use std::time::Instant;

/// What the effects of all attempts share.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) egress: Egress,
    pub(crate) user_agent: HeaderValue,
    pub(crate) gates: Gates,
    pub(crate) values: Values,
}

/// What the effects of one attempt may touch.
pub(crate) struct Scope {
    pub(crate) means: Arc<Means>,
    pub(crate) backend: Arc<Backend>,
    /// Position of the API key in use.
    pub(crate) key: usize,
    pub(crate) loop_guard: HeaderValue,
    /// The turn and its end, for the turns that its connector asks for; none outside a turn.
    pub(crate) parent: Option<(Arc<Job>, Instant)>,
}

impl Scope {
    fn call(&self, call: HttpCall) -> Result<Call, Outcome> {
        let denied = |sentence: String| Outcome::Failed(Refusal::Denied, sentence);
        let name = self.backend.name();
        let url: Uri =
            call.url.parse().map_err(|_| denied(format!("backend \"{name}\" built a URL that is none")))?;
        if !self.backend.may_reach(&url) {
            let host = url.host().unwrap_or("nowhere");
            return Err(denied(format!(
                "backend \"{name}\" may not reach {host}: it is neither in its manifest nor its base_url"
            )));
        }
        let mut headers = call.headers;
        for wanted in call.secret_headers {
            let secret = self.backend.secret(&wanted.secret, self.key);
            let secret = secret
                .ok_or_else(|| denied(format!("backend \"{name}\" has no secret \"{}\"", wanted.secret)))?;
            let value = HeaderValue::from_str(&format!("{}{}", wanted.prefix, secret.expose()));
            let mut value = value.map_err(|_| {
                denied(format!(
                    "the secret \"{}\" of backend \"{name}\" holds characters that no header may hold",
                    wanted.secret
                ))
            })?;
            value.set_sensitive(true);
            headers.insert(wanted.name, value);
        }
        let user_agent = self.backend.spec().user_agent.as_ref().unwrap_or(&self.means.user_agent);
        let loop_guard = self.backend.spec().takes_loop_guard.then_some(&self.loop_guard);
        Identity { user_agent, loop_guard }.sign(&mut headers);
        let http1_only = self.backend.spec().manner.http1_only;
        Ok(Call { method: call.method, url, headers, body: call.body, http1_only })
    }

    fn http(&self, call: HttpCall) -> EffectFuture {
        let timeout = call.timeout;
        let call = match self.call(call) {
            Ok(call) => call,
            Err(refused) => return ready(refused),
        };
        let means = Arc::clone(&self.means);
        Box::pin(async move {
            match means.egress.send(call, timeout).await {
                Ok(head) => {
                    let body = head.body.boxed_unsync();
                    Outcome::Head(Upstream { status: head.status, headers: head.headers, body })
                }
                Err(fault) => failed(&fault),
            }
        })
    }
}

fn failed(fault: &Fault) -> Outcome {
    tracing::debug!(%fault, "an upstream request failed");
    let refusal = if fault.kind == Kind::Timeout { Refusal::Timeout } else { Refusal::Io };
    Outcome::Failed(refusal, fault.public())
}

fn ready(outcome: Outcome) -> EffectFuture {
    Box::pin(std::future::ready(outcome))
}

impl Effects for Scope {
    fn start(&self, effect: Effect) -> EffectFuture {
        let name = self.backend.name();
        match effect {
            Effect::Http(call) => self.http(call),
            Effect::Sleep(time) => Box::pin(async move {
                tokio::time::sleep(time).await;
                Outcome::Done
            }),
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
                Some((job, end_by)) => Box::pin(dispatch::run(job, end_by, name.to_owned(), meta, body)),
                None => {
                    ready(Outcome::Failed(Refusal::Denied, "only a turn may ask for another turn".to_owned()))
                }
            },
            Effect::AgentTurn { .. } | Effect::Token { .. } => ready(Outcome::Failed(
                Refusal::Unsupported,
                "this version of the host does not offer it".to_owned(),
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
