//! Turns for agents of this host that come from other hosts.
use super::forward::{PATH, SECRET};
use super::{Inner, OWNER};
use crate::agent::answered;
use crate::engine::Engine;
use crate::turn::{Reply, ReplyBody};
use access::KeyHash;
use agents::Ask;
use base::Fault;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http_body::{Body, Frame};
use loader::run;
use sessions::Key;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Where a host takes turns for its agents from others; the agent's name follows.
pub const CLUSTER_PATH: &str = PATH;
/// The header with what hosts know each other by.
pub const CLUSTER_SECRET: HeaderName = SECRET;
/// An agent may say nothing for long, and the other host must not take that for the end.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(20);

impl Engine {
    fn cluster(&self) -> Option<&Inner> {
        self.means().owners.as_ref().map(|owners| &*owners.inner).filter(|inner| inner.secret.is_some())
    }

    /// Do hosts hand turns on to this one?
    pub fn is_in_cluster(&self) -> bool {
        self.cluster().is_some()
    }

    /// Does `shown` prove that another host asks? However much of it is right, it takes the same time.
    pub fn knows_cluster(&self, shown: &[u8]) -> bool {
        let own = self.cluster().and_then(|inner| inner.secret.as_ref());
        own.is_some_and(|(_, hash)| hash.is(&KeyHash::of(shown)))
    }

    /// Tells an agent of this host what another host was asked to tell it, in dialect `lip`. 410 where this host does not have the
    /// agent: `agent` is a name that only hosts know, and what is started under it is what this host itself has started.
    pub async fn agent_turn(&self, agent: &str, body: Bytes) -> Reply {
        let mut reply = match self.cluster() {
            Some(inner) => inner.told(agent, body).await,
            None => None,
        }
        .unwrap_or_else(|| Reply {
            status: 410,
            headers: HeaderMap::new(),
            body: ReplyBody::Full(None),
        });
        reply.headers.insert(OWNER, self.host_id().clone());
        reply
    }
}

impl Inner {
    async fn told(&self, agent: &str, body: Bytes) -> Option<Reply> {
        let key = Key::from_bytes(base::unhex(agent)?.try_into().ok()?);
        let (_using, scope, ask) = self.using_held(key)?;
        let answer = match self.agents.read(Ask { body, ..ask }) {
            // What it is told may name another workspace, which is another agent's.
            Ok(task) if Key::agent(scope, &task.agent()) != key => return None,
            Ok(task) => self.agents.carry_out(task).await,
            Err(fault) => Err(fault),
        };
        let run::Upstream { status, headers, body } = answered(answer);
        Some(Reply { status, headers, body: ReplyBody::stream(Awake::new(body)) })
    }
}

/// A stream of events that is never silent for long.
struct Awake {
    body: run::Body,
    ticks: Interval,
}

impl Awake {
    fn new(body: run::Body) -> Self {
        let mut ticks = interval(KEEP_ALIVE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        Self { body, ticks }
    }
}

impl Body for Awake {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.ticks.reset();
            return Poll::Ready(frame);
        }
        std::task::ready!(self.ticks.poll_tick(cx));
        // A comment, between two whole events. Source: WHATWG HTML, "Server-sent events".
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": keep-alive\n\n")))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
