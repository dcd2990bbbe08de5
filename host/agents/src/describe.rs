//! An agent as its connector describes it. Every field is hostile: a library may be of anybody.
use crate::acp::permission::Policy;
use crate::acp::update::ShowTools;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Arguments and variables that a description may hold.
const ITEMS_MAX: usize = 256;
/// Bytes of one of them.
const ITEM_BYTES_MAX: usize = 32 << 10;

/// How an agent is started and spoken to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Description {
    /// The program: names that are looked for on `PATH`, or absolute files; the first that is there.
    pub(crate) programs: Vec<String>,
    /// What to do when none is there.
    pub(crate) missing: String,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Variables that it gets besides the host's own.
    pub(crate) env: BTreeMap<String, String>,
    /// Variables of the host that it does not get.
    pub(crate) env_remove: Vec<String>,
    /// The directory that it works in when the session names none.
    pub(crate) workspace: Option<String>,
    /// The model. Agents are not shared among models.
    pub(crate) model: String,
    /// The model is chosen by ACP, not by the arguments.
    pub(crate) chooses_model: bool,
    /// Whether it may use its tools; none: as the host says.
    pub(crate) permissions: Option<Policy>,
    /// Where its tools are shown; none: among the thoughts.
    pub(crate) show_tools: Option<ShowTools>,
    /// Texts that begin so are no answer.
    pub(crate) drops: Vec<String>,
    /// Answers to requests of its own invention, by method, which may be a pattern with one `*`; the most exact one counts.
    pub(crate) answers: BTreeMap<String, Value>,
    /// The login that `authenticate` is asked for when it says that it needs one; none: the user logs in.
    pub(crate) login: Option<String>,
    /// What the user does about a login that is missing.
    pub(crate) login_hint: String,
    /// Milliseconds that it has to start.
    pub(crate) start_ms: Option<u64>,
    /// Milliseconds that it may be silent in a turn.
    pub(crate) silence_ms: Option<u64>,
    /// Processes of this backend at the same time.
    pub(crate) processes: Option<usize>,
    /// Idle processes of this backend are kept.
    pub(crate) keeps_idle: bool,
}

impl Description {
    /// Reads it.
    ///
    /// # Errors
    /// One sentence that says what is wrong with it.
    pub(crate) fn read(json: &[u8]) -> Result<Self, String> {
        let it: Self =
            serde_json::from_slice(json).map_err(|e| format!("the agent's description is wrong: {e}"))?;
        let texts = || it.programs.iter().chain(&it.args).chain(it.env.keys()).chain(it.env.values());
        if texts().count() > ITEMS_MAX || texts().any(|text| text.len() > ITEM_BYTES_MAX) {
            return Err("the agent's description is too large".to_owned());
        }
        if texts().any(|text| text.contains('\0')) {
            return Err("the agent's description holds a zero byte".to_owned());
        }
        if it.env.keys().any(|name| name.is_empty() || name.contains('=')) {
            return Err("the agent's description holds a variable without a proper name".to_owned());
        }
        if it.programs.iter().all(|program| program.trim().is_empty()) {
            return Err("the agent's description names no program".to_owned());
        }
        Ok(it)
    }

    /// The answer to a request of its own invention.
    pub(crate) fn answer(&self, method: &str) -> Option<&Value> {
        let fitting = self.answers.iter().filter(|(pattern, _)| lip_wire::pattern::fits(pattern, method));
        fitting.max_by_key(|(pattern, _)| pattern.len()).map(|(_, answer)| answer)
    }

    /// How long it may be silent in a turn, if it says so.
    pub(crate) fn silence(&self) -> Option<Duration> {
        self.silence_ms.filter(|ms| *ms > 0).map(Duration::from_millis)
    }

    /// How long it may take to start, if it says so.
    pub(crate) fn start(&self) -> Option<Duration> {
        self.start_ms.filter(|ms| *ms > 0).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_and_unknown_keys_are_left_alone() {
        let json =
            r#"{"programs":["gemini"],"args":["--acp"],"permissions":"allow","show_tools":"off","later":1}"#;
        let it = Description::read(json.as_bytes()).unwrap();
        assert_eq!((it.permissions, it.show_tools), (Some(Policy::Allow), Some(ShowTools::Off)));
        assert_eq!(it.silence(), None);
    }

    #[test]
    fn most_exact_answer_counts() {
        let json = r#"{"programs":["a"],"answers":{"cursor/*":{},"cursor/ask":1}}"#;
        let it = Description::read(json.as_bytes()).unwrap();
        assert_eq!(it.answer("cursor/ask"), Some(&Value::from(1)));
        assert_eq!(it.answer("cursor/task"), Some(&Value::Object(serde_json::Map::new())));
        assert_eq!(it.answer("fs/read_text_file"), None);
    }

    #[test]
    fn hostile_descriptions_are_sentences() {
        let large = format!(r#"{{"programs":["a"],"args":["{}"]}}"#, "x".repeat(ITEM_BYTES_MAX + 1));
        for json in [
            "",
            "[]",
            "{}",
            r#"{"programs":[" "]}"#,
            r#"{"programs":["a"],"args":["a\u0000b"]}"#,
            r#"{"programs":["a"],"env":{"A=B":"1"}}"#,
            r#"{"programs":["a"],"env":{"":"1"}}"#,
            r#"{"programs":["a"],"permissions":"maybe"}"#,
            &large,
        ] {
            assert!(Description::read(json.as_bytes()).is_err(), "{json}");
        }
    }
}
