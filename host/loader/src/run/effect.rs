//! What a connector may ask of the host, typed. Who carries it out is not known here.
use base::Fault;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use http_body_util::combinators::UnsyncBoxBody;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A body that is read as it arrives.
pub type Body = UnsyncBoxBody<Bytes, Fault>;

/// The head of an answer and its body.
#[derive(Debug)]
pub struct Upstream {
    /// HTTP status.
    pub status: u16,
    /// Headers as they came.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// A header that the host completes with a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHeader {
    /// The header's name.
    pub name: HeaderName,
    /// What stands before the secret, such as `Bearer `.
    pub prefix: String,
    /// The secret's name within the backend.
    pub secret: String,
}

/// An HTTP request as a connector described it.
#[derive(Debug)]
pub struct HttpCall {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Headers without secrets.
    pub headers: HeaderMap,
    /// Headers to be completed.
    pub secret_headers: Vec<SecretHeader>,
    /// The connector's own deadline for the head.
    pub timeout: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// One effect.
#[derive(Debug)]
pub enum Effect {
    /// Send a request, answer with the head.
    Http(HttpCall),
    /// Wait.
    Sleep(Duration),
    /// Show a secret's value.
    Secret {
        /// Its name within the backend.
        name: String,
    },
    /// Read a small value.
    Load {
        /// The session, empty for none.
        session: String,
        /// Its key.
        key: String,
    },
    /// Write a small value; an empty one removes it.
    Store {
        /// The session, empty for none.
        session: String,
        /// Its key.
        key: String,
        /// How long it lives.
        ttl: Option<Duration>,
        /// The value.
        value: Bytes,
    },
    /// Run a turn on another selector.
    Dispatch {
        /// JSON `{selector, stream, dialect}`.
        meta: Bytes,
        /// The request.
        body: Bytes,
    },
    /// Run a prompt turn on a supervised agent.
    AgentTurn {
        /// JSON description of the agent.
        meta: Bytes,
        /// The turn in dialect `lip`.
        body: Bytes,
    },
    /// List the models that an agent offers.
    AgentModels {
        /// JSON description of the agent.
        meta: Bytes,
    },
    /// Run an agent's program once.
    AgentCommand {
        /// JSON description of the agent, with the arguments of this run.
        meta: Bytes,
        /// How long it may run.
        time: Duration,
    },
    /// Lease a short-lived token from the vault.
    Token {
        /// JSON `{scope?, without?, refused?}`.
        meta: Bytes,
    },
    /// What became of a leased token's account.
    Account {
        /// The lease's number.
        lease: u64,
        /// JSON `{outcome, …}`.
        meta: Bytes,
    },
    /// Show a person what to do to log in.
    Show {
        /// JSON `{url, code?, expires_in_ms?}`.
        meta: Bytes,
    },
    /// Wait for the browser of a person who logs in.
    Listen {
        /// JSON `{ports, path, state}`.
        meta: Bytes,
    },
}

/// Why an effect failed, as the library is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Network, peer or file.
    Io,
    /// A deadline.
    Timeout,
    /// Not allowed.
    Denied,
    /// Not offered by this host.
    Unsupported,
}

/// How an effect ended.
#[derive(Debug)]
pub enum Outcome {
    /// A head with its body.
    Head(Upstream),
    /// A value.
    Value(Bytes),
    /// A token is leased.
    Leased {
        /// The lease's number; its token is the secret `token:<number>`.
        number: u64,
        /// JSON for the connector.
        told: Bytes,
    },
    /// There is no token.
    NoLease {
        /// One sentence.
        sentence: String,
        /// The error for the client, as JSON.
        detail: Bytes,
    },
    /// It listens on this port; the body is what comes.
    Listening(u16, Body),
    /// Done, nothing to tell.
    Done,
    /// There is no such value.
    Nothing,
    /// Failed, with one sentence without secrets.
    Failed(Refusal, String),
}

/// A started effect.
pub type EffectFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Carries out effects for one attempt: knows its backend's secrets, egress list and deadlines.
pub trait Effects: Send + Sync {
    /// Starts `effect`. Dropping the future cancels it.
    fn start(&self, effect: Effect) -> EffectFuture;

    /// The time that stands still for the task, in milliseconds since 1970; none where it goes on.
    fn stopped_at_ms(&self) -> Option<u64> {
        None
    }
}
