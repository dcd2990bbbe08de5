//! The lines of a capture file, with the bytes that follow them. By themselves they are JSON too, with the bytes in it.
use base::{Fault, Kind, Retry, Side};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::Duration;

/// The version of the format. A reader reads files of its own version; fields and lines that it does not know it passes over.
pub const VERSION: u32 = 2;

/// One line. `turn` is the turn's number in its process; `us` are microseconds since the turn's request came, by a clock that is never
/// set back. `ask` is the number of a question to an upstream, from 0 on in each turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Record {
    /// The first line of every file.
    Capture {
        /// [`VERSION`].
        version: u32,
        /// The program that wrote it, such as `lip 0.1.0`.
        program: String,
        /// When it was begun, in milliseconds since 1970.
        at_ms: u64,
        /// The name by which the host knows its own requests again.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        host: String,
    },
    /// A client's request. The first line of its turn.
    Request(Request),
    /// The turn's name, as usage and traces have it.
    Named {
        /// The turn.
        turn: u64,
        /// 32 hex digits.
        id: String,
    },
    /// The turn's session.
    Session {
        /// The turn.
        turn: u64,
        /// Its id.
        id: String,
        /// What the client calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
    /// How many turns the host had planned before.
    Rotation {
        /// The turn.
        turn: u64,
        /// So many.
        n: u64,
    },
    /// What the turn found when it looked for something of this machine.
    Found {
        /// The turn.
        turn: u64,
        /// What it looked for.
        of: String,
        /// JSON.
        #[serde(default)]
        data: Data,
    },
    /// The turn was refused for what other turns have done.
    Refused {
        /// The turn.
        turn: u64,
        /// The bound.
        by: String,
        /// Why.
        fault: Trouble,
    },
    /// An upstream, or an agent, is asked.
    Asked(Asked),
    /// The head of its answer.
    Heard(Head),
    /// A piece of its body.
    Came(Piece),
    /// Its answer has ended.
    Ended(Ended),
    /// The head of what the client gets.
    Answer(Head),
    /// A piece of what the client gets.
    Sent(Piece),
    /// What the client gets has ended.
    Over(Ended),
    /// Lines of this turn are missing, for a bound was reached: it cannot be carried out again.
    Gap {
        /// The turn.
        turn: u64,
    },
    /// A line that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Record {
    /// The turn that it belongs to.
    pub const fn turn(&self) -> Option<u64> {
        match self {
            Self::Capture { .. } | Self::Unknown => None,
            Self::Request(Request { turn, .. })
            | Self::Named { turn, .. }
            | Self::Session { turn, .. }
            | Self::Rotation { turn, .. }
            | Self::Found { turn, .. }
            | Self::Refused { turn, .. }
            | Self::Asked(Asked { turn, .. })
            | Self::Heard(Head { turn, .. })
            | Self::Answer(Head { turn, .. })
            | Self::Came(Piece { turn, .. })
            | Self::Sent(Piece { turn, .. })
            | Self::Ended(Ended { turn, .. })
            | Self::Over(Ended { turn, .. })
            | Self::Gap { turn } => Some(*turn),
        }
    }
}

/// Headers in their order. Values of those that may hold secrets are masked.
pub type Headers = Vec<(String, Data)>;

/// A client's request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The turn.
    pub turn: u64,
    /// When it came, in microseconds since 1970.
    pub at_us: u64,
    /// The root of the turn's random numbers: 32 hex digits.
    pub seed: String,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub url: String,
    /// Headers.
    #[serde(default)]
    pub headers: Headers,
    /// Under which configuration and libraries it came: see [`crate::tape::Tapes::under`]. 16 hex digits; empty: not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub setup: String,
    /// Whose client key it showed: a public name, not the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caller: String,
    /// The body.
    #[serde(default)]
    pub body: Data,
}

/// A question to an upstream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The turn.
    pub turn: u64,
    /// Its number.
    pub ask: u32,
    /// When.
    pub us: u64,
    /// The attempt that asked, by its position.
    pub attempt: usize,
    /// The backend.
    pub backend: String,
    /// The position of the API key in use.
    pub key: usize,
    /// Its bytes: what quotes it is masked by as many.
    #[serde(default)]
    pub key_bytes: usize,
    /// An account of a person answered for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leased: bool,
    /// HTTP method, or `AGENT`.
    pub method: String,
    /// URL.
    pub url: String,
    /// Headers.
    #[serde(default)]
    pub headers: Headers,
    /// The body.
    #[serde(default)]
    pub body: Data,
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The turn.
    pub turn: u64,
    /// The question; none for the client's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u32>,
    /// When.
    pub us: u64,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    #[serde(default)]
    pub headers: Headers,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// The turn.
    pub turn: u64,
    /// The question; none for the client's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u32>,
    /// When.
    pub us: u64,
    /// Its bytes.
    #[serde(default)]
    pub data: Data,
}

/// The end of a body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The turn.
    pub turn: u64,
    /// The question; none for the client's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<u32>,
    /// When.
    pub us: u64,
    /// How.
    pub how: How,
    /// The configuration and the libraries were others at the end than at the beginning, or its host was about to cut it off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub renewed: bool,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Trouble>,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By itself.
    Whole,
    /// By a fault, or without an answer.
    Broke,
    /// Whoever read it went away: the client, or the host.
    Left,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// `client`, `upstream`, `plugin` or `host`.
    pub side: String,
    /// The status that stands for its kind.
    pub kind: u16,
    /// The sentence.
    pub message: String,
    /// A code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What may be done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The field of the request that is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// The status, where it is not that of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What may be tried next: `never`, `elsewhere`, `soon`, or a time in milliseconds.
    pub retry: RetryWord,
    /// The request never left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
}

/// What may be tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryWord {
    /// Nothing.
    Never,
    /// Another leg.
    Elsewhere,
    /// The same one, soon.
    Soon,
    /// The same one, after so many milliseconds.
    AfterMs(u64),
}

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        let side = match fault.side {
            Side::Client => "client",
            Side::Upstream => "upstream",
            Side::Plugin => "plugin",
            Side::Host => "host",
        };
        let retry = match fault.retry {
            Retry::Never => RetryWord::Never,
            Retry::Elsewhere => RetryWord::Elsewhere,
            Retry::Soon => RetryWord::Soon,
            Retry::After(time) => RetryWord::AfterMs(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        };
        Self {
            side: side.to_owned(),
            kind: fault.kind.status(),
            message: fault.message.clone(),
            code: fault.code.as_deref().map(str::to_owned),
            hint: fault.hint.clone(),
            param: fault.param.clone(),
            status: fault.status,
            retry,
            unsent: fault.is_unsent,
        }
    }
}

impl From<&Trouble> for Fault {
    fn from(told: &Trouble) -> Self {
        let side = match &*told.side {
            "client" => Side::Client,
            "plugin" => Side::Plugin,
            "host" => Side::Host,
            _ => Side::Upstream,
        };
        let kind = if told.kind == 529 { Kind::Overloaded } else { Kind::from_status(told.kind) };
        let retry = match told.retry {
            RetryWord::Never => Retry::Never,
            RetryWord::Elsewhere => Retry::Elsewhere,
            RetryWord::Soon => Retry::Soon,
            RetryWord::AfterMs(ms) => Retry::After(Duration::from_millis(ms)),
        };
        let mut fault = Self::new(side, kind, told.message.clone()).retry(retry);
        fault.code = told.code.clone().map(Into::into);
        (fault.hint, fault.param) = (told.hint.clone(), told.param.clone());
        (fault.status, fault.is_unsent) = (told.status, told.unsent);
        fault
    }
}

/// Bytes: a text where they are UTF-8, else `{"base64": …}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(pub Bytes);

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => Coded { base64: STANDARD.encode(&self.0) }.serialize(to),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Coded {
    base64: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Either {
    Text(String),
    Coded(Coded),
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Either::deserialize(from)? {
            Either::Text(text) => text.into(),
            Either::Coded(Coded { base64 }) => STANDARD.decode(base64).map_err(D::Error::custom)?.into(),
        }))
    }
}
