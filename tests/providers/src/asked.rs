//! What a request amounts to and what is answered, in no dialect: servers read and write it, stories compare it.
use serde_json::Value;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    User,
    Model,
    Tool,
}

/// One thing that somebody says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Text(Who, String),
    /// Media type and base64.
    Image(String, String),
    /// Name and arguments.
    Call(String, Value),
    Result(String),
}

/// A request, read by a provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) system: String,
    pub(crate) said: Vec<Said>,
    /// Names and schemas.
    pub(crate) tools: Vec<(String, Value)>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) stop: Vec<String>,
    /// Is reasoning asked for, in the provider's own words?
    pub(crate) thinks: bool,
}

impl Asked {
    /// The newest text of the user: what a simulated provider acts on.
    pub(crate) fn prompt(&self) -> &str {
        let texts = self.said.iter().rev().filter_map(|said| match said {
            Said::Text(Who::User, text) => Some(text.as_str()),
            _ => None,
        });
        texts.into_iter().next().unwrap_or_default()
    }

    pub(crate) fn has_result(&self) -> bool {
        self.said.iter().any(|said| matches!(said, Said::Result(_)))
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) reasoning: String,
    pub(crate) text: String,
    /// Names and arguments.
    pub(crate) calls: Vec<(String, Value)>,
    pub(crate) usage: Option<Usage>,
}

/// Tokens; `input` holds the cached ones, `output` the reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
}

/// What every answer is said to cost.
pub(crate) const USAGE: Usage = Usage { input: 90, cached: 20, output: 17 };
/// How many of its output tokens went into reasoning, when there is any.
pub(crate) const REASONING_TOKENS: u64 = 7;
/// The id that providers give to their call, where their dialect has ids.
pub(crate) const CALL_ID: &str = "call_7f3a";
