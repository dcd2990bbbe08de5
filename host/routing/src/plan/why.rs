//! The reasons of a plan, as values: said in words only where somebody asks.
use std::fmt;

/// One decision of the planner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The operator's static route forces all requests.
    Static,
    /// The request's header named the route.
    Header(String),
    /// The session's one-off.
    Oneoff(String),
    /// The session's route.
    SessionRoute(String),
    /// The session's backend.
    SessionBackend(String),
    /// The session's model.
    SessionModel(String),
    /// The request's own model.
    Request(String),
    /// An alias rewrote a name.
    Alias {
        /// Position of the rule, from 0.
        index: usize,
        /// What was written.
        from: String,
        /// What it stands for.
        to: String,
    },
    /// A failover route of that name.
    Named(String),
    /// The configured fallback route follows.
    Fallback(String),
    /// What stood before the colon is no backend.
    NotABackend(String),
    /// A backend lists the model.
    Listed {
        /// As written.
        model: String,
        /// Who lists it.
        backend: String,
    },
    /// Nobody lists the model; the default (or the request's own) backend gets it.
    Unlisted {
        /// As written.
        model: String,
        /// Who gets it.
        backend: String,
    },
    /// The backend's list has no such model; it is asked all the same.
    NotInList {
        /// As written.
        model: String,
        /// Who was named.
        backend: String,
    },
    /// Several instances share the load.
    Spread {
        /// What was named.
        backend: String,
        /// How many instances.
        n_instances: usize,
    },
    /// A branch is left out.
    Skipped {
        /// The branch.
        branch: String,
        /// The reason.
        reason: String,
    },
    /// A URI parameter is left out.
    Ignored(String),
    /// The branch for a session's first request.
    First(String),
    /// The thinker's turn.
    ThinkersTurn,
    /// The executor's turn.
    ExecutorsTurn,
    /// The thinker wrote notes.
    Thought,
    /// The thinker wrote none, for this reason.
    NotThought(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static => f.write_str("the static route forces every request"),
            Self::Header(text) => write!(f, "the X-LIP-Route header says {text}"),
            Self::Oneoff(text) => write!(f, "the session's one-off says {text}"),
            Self::SessionRoute(text) => write!(f, "the session's route is {text}"),
            Self::SessionBackend(name) => write!(f, "the session's backend is {name}"),
            Self::SessionModel(name) => write!(f, "the session's model is {name}"),
            Self::Request(name) => write!(f, "the request's model is {name}"),
            Self::Alias { index, from, to } => write!(f, "alias {} rewrites {from} to {to}", index + 1),
            Self::Named(name) => write!(f, "{name} is a failover route"),
            Self::Fallback(name) => write!(f, "the failover route {name} follows for every model"),
            Self::NotABackend(prefix) => {
                write!(f, "{prefix} is no backend, so it belongs to the model's name")
            }
            Self::Listed { model, backend } => write!(f, "{backend} lists {model}"),
            Self::Unlisted { model, backend } => write!(f, "no backend lists {model}, so {backend} gets it"),
            Self::NotInList { model, backend } => write!(f, "{backend} does not list {model} but is named"),
            Self::Spread { backend, n_instances } => {
                write!(f, "{backend} has {n_instances} instances that take turns")
            }
            Self::Skipped { branch, reason } => write!(f, "{branch} is left out: {reason}"),
            Self::Ignored(message) => f.write_str(message),
            Self::First(branch) => write!(f, "{branch} takes the session's first request"),
            Self::ThinkersTurn => f.write_str("it is the thinker's turn"),
            Self::ExecutorsTurn => f.write_str("it is the executor's turn"),
            Self::Thought => f.write_str("the thinker's notes went with the request"),
            Self::NotThought(reason) => write!(f, "the thinker wrote no notes: {reason}"),
        }
    }
}
