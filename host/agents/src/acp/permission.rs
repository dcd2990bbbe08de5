//! Agents ask before they use a tool. Options are chosen by their *kind*: their ids are each agent's own.
use serde::{Deserialize, Serialize};

/// What is answered when an agent asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Yes, this time.
    Allow,
    /// No.
    #[default]
    Reject,
    /// Neither: the agent is told that the turn is cancelled.
    Cancel,
}

/// What an agent asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Asked {
    /// In which session.
    pub session_id: String,
    /// For what.
    pub tool_call: AskedFor,
    /// What can be answered.
    pub options: Vec<Choice>,
}

/// What the permission is for; agents leave out what they like.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AskedFor {
    /// For people.
    pub title: Option<String>,
    /// `read`, `edit`, `execute` ….
    pub kind: Option<String>,
}

/// One possible answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Choice {
    /// The agent's own.
    pub option_id: String,
    /// `allow_once`, `allow_always`, `reject_once`, `reject_always`.
    pub kind: String,
}

/// The answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    outcome: Outcome,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome {
    #[serde(rename_all = "camelCase")]
    Selected {
        option_id: String,
    },
    Cancelled,
}

impl Answer {
    /// The turn is being cancelled: the only answer that the protocol allows then.
    pub const CANCELLED: Self = Self { outcome: Outcome::Cancelled };

    /// The answer that `policy` gives; "once" before "always", which agents may write to disk.
    pub fn of(policy: Policy, options: &[Choice]) -> Self {
        let kinds = match policy {
            Policy::Allow => ["allow_once", "allow_always"],
            Policy::Reject => ["reject_once", "reject_always"],
            Policy::Cancel => return Self::CANCELLED,
        };
        let chosen = kinds.iter().find_map(|kind| options.iter().find(|option| option.kind == *kind));
        match chosen {
            Some(option) => Self { outcome: Outcome::Selected { option_id: option.option_id.clone() } },
            None => Self::CANCELLED,
        }
    }

    /// The option that was chosen; none when cancelled.
    pub fn option(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Selected { option_id } => Some(option_id),
            Outcome::Cancelled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(of: &[(&str, &str)]) -> Vec<Choice> {
        of.iter().map(|(id, kind)| Choice { option_id: (*id).to_owned(), kind: (*kind).to_owned() }).collect()
    }

    #[test]
    fn kinds_decide_and_once_comes_first() {
        let gemini = options(&[
            ("proceed_always", "allow_always"),
            ("proceed_once", "allow_once"),
            ("cancel", "reject_once"),
        ]);
        let always = options(&[("yes", "allow_always"), ("never", "reject_always")]);
        for (policy, options, want) in [
            (Policy::Allow, &gemini, Some("proceed_once")),
            (Policy::Reject, &gemini, Some("cancel")),
            (Policy::Cancel, &gemini, None),
            (Policy::Allow, &always, Some("yes")),
            (Policy::Reject, &always, Some("never")),
            (Policy::Allow, &options(&[("x", "other")]), None),
            (Policy::Reject, &options(&[]), None),
        ] {
            assert_eq!(Answer::of(policy, options).option(), want, "{policy:?}");
        }
    }

    #[test]
    fn answers_are_spelled_as_the_protocol_spells_them() {
        let answer = Answer::of(Policy::Allow, &options(&[("p", "allow_once")]));
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"outcome":{"outcome":"selected","optionId":"p"}}"#
        );
        assert_eq!(
            serde_json::to_string(&Answer::CANCELLED).unwrap(),
            r#"{"outcome":{"outcome":"cancelled"}}"#
        );
    }
}
