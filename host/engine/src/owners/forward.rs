//! The way of a turn to the host that has its agent: what was said to the agent, and the agent's answer as it comes.
use super::{Inner, OWNER};
use crate::agent::answered;
use crate::deliver::ELSEWHERE;
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use egress::{Call, Head, Target};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use loader::run::Upstream;
use sessions::Key;
use std::sync::atomic::Ordering::Relaxed;
use stores::owner::{Other, Owner};

/// Where a host takes turns for its agents from others; the agent's name follows.
pub(crate) const PATH: &str = "/v1/cluster/agents/";
/// Shows that a host asks.
pub(crate) const SECRET: HeaderName = HeaderName::from_static("lip-cluster-secret");
/// What an answer says that is the agent's.
const KEPT: [HeaderName; 2] = [CONTENT_TYPE, ELSEWHERE];

impl Inner {
    /// Hands a turn on to the owner of its agent. None: it has told the agent nothing, for it is gone, or has it no more.
    pub(super) async fn forward(&self, agent: Key, other: &Other, body: &Bytes) -> Option<Upstream> {
        let (Some((secret, _)), Some(address)) = (&self.secret, &other.owner.address) else {
            return Some(elsewhere(&other.owner));
        };
        if !other.is_sealed {
            return Some(unknown(&other.owner));
        }
        let url = format!("{address}{PATH}{}", base::hex(agent.as_bytes())).parse().ok();
        let target = url.and_then(|url| Target::of(url, false))?;
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(SECRET, secret.clone());
        tracing::debug!(owner = other.owner.name, "a turn is handed on to the host that has its agent");
        let call = Call { method: Method::POST, target, headers, body: body.clone() };
        match self.egress.send(call, None).await {
            Ok(head) if is_of(&head, &other.owner) => (head.status != 410).then(|| {
                self.forwarded.fetch_add(1, Relaxed);
                handed(head)
            }),
            Ok(head) if matches!(head.status, 401 | 403) => Some(unknown(&other.owner)),
            // Somebody else listens there.
            Ok(_) => None,
            // It may have told the agent, and be waiting for it.
            Err(fault) if fault.kind == Kind::Timeout && !fault.is_unsent => {
                Some(answered(Err(fault.retry(Retry::Never))))
            }
            Err(fault) => {
                tracing::debug!(%fault, owner = other.owner.name, "the host that has an agent does not answer");
                None
            }
        }
    }
}

fn is_of(head: &Head, owner: &Owner) -> bool {
    head.headers.get(OWNER).is_some_and(|host| host.as_bytes() == owner.host.as_bytes())
}

fn handed(head: Head) -> Upstream {
    let kept = KEPT.into_iter().filter_map(|name| Some((name.clone(), head.headers.get(name)?.clone())));
    Upstream { status: head.status, headers: kept.collect(), body: head.body.boxed_unsync() }
}

/// For a balancer, or for a client who can choose a host: the turn belongs to another one.
fn elsewhere(owner: &Owner) -> Upstream {
    let sentence = format!("the agent of this conversation runs on the host \"{}\"", owner.name);
    let hint = "Send the request to that host; or set cluster.address and cluster.secret on all hosts, and they hand it on";
    let fault = Fault::host(Kind::Conflict, sentence).code("agent_on_other_host");
    let mut answer = answered(Err(fault.hint(hint)));
    if let Ok(name) = HeaderValue::from_str(&owner.name) {
        answer.headers.insert(OWNER, name);
    }
    answer
}

/// The two hosts do not know each other.
fn unknown(owner: &Owner) -> Upstream {
    let sentence = format!(
        "the host \"{}\", which has the agent of this conversation, has another cluster.secret",
        owner.name
    );
    let fault = Fault::host(Kind::BadGateway, sentence).code("cluster_secret_differs");
    tracing::error!(%fault, "a turn cannot be handed on");
    answered(Err(fault.hint("Give all hosts the same cluster.secret").retry(Retry::Elsewhere)))
}
