//! How each phase asks which backend: `presets.json`, the first row that fits. Knows no request.
use lip_plugin::{Error, Result, serde_json};
use serde::Deserialize;

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Presets {
    rows: Vec<Row>,
    /// Models that are known to reason; others are not asked for an effort when they are to answer only.
    reasoners: Vec<String>,
}

/// What is known of some backends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// Backend ids, or patterns with one `*`.
    backends: Vec<String>,
    /// The tag that their models know reasoning by.
    pub(crate) tag: String,
    #[serde(default)]
    pub(crate) reasoning: Preset,
    #[serde(default)]
    pub(crate) execution: Preset,
    /// They take no system messages.
    #[serde(default)]
    pub(crate) no_system: bool,
    /// Their streams do not show reasoning.
    #[serde(default)]
    pub(crate) hides_reasoning: bool,
}

/// Options of one phase.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Preset {
    pub(crate) temperature: Option<f64>,
    pub(crate) effort: Option<String>,
    /// Tokens for reasoning; 0 switches it off.
    pub(crate) budget: Option<u64>,
}

impl Presets {
    /// The embedded table.
    ///
    /// # Errors
    /// `bad_json`, if the table were damaged.
    pub(crate) fn read() -> Result<Self> {
        Ok(serde_json::from_str(include_str!("presets.json"))?)
    }

    /// The row for a backend id.
    ///
    /// # Errors
    /// `not_found`, if the last row were not for all.
    pub(crate) fn row(&self, backend: &str) -> Result<&Row> {
        let row = self.rows.iter().find(|row| row.backends.iter().any(|pattern| fits(pattern, backend)));
        row.ok_or_else(|| Error::new("not_found", format!("no preset fits \"{backend}\"")))
    }

    /// Is this model known to reason?
    pub(crate) fn reasons(&self, model: &str) -> bool {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        self.reasoners.iter().any(|pattern| fits(pattern, &name))
    }
}

/// Does `pattern`, in which every `*` stands for anything, fit `name`?
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(head) else { return false };
    rest.is_empty() || name.char_indices().any(|(at, _)| fits(rest, name.get(at..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_row_that_fits_counts() {
        let presets = Presets::read().unwrap();
        let tag = |backend| presets.row(backend).unwrap().tag.as_str();
        assert_eq!(
            [tag("openai"), tag("deepseek"), tag("qwen-oauth"), tag("gemini"), tag("zai"), tag("minimax")],
            ["thinking", "think", "thinking", "thinking", "reasoning", "think"]
        );
        assert!(presets.row("gemini-oauth-free").unwrap().hides_reasoning);
        assert!(
            presets.row("kiro-oauth-auto").unwrap().no_system
                && presets.row("cursor-cli-acp").unwrap().no_system
        );
        assert_eq!(presets.row("openai").unwrap().reasoning.temperature, None);
        assert_eq!(presets.row("qwen-oauth").unwrap().execution.budget, Some(0));
    }

    #[test]
    fn known_reasoners_are_told_by_their_names() {
        let presets = Presets::read().unwrap();
        for (model, want) in [
            ("gpt-5.2-codex", true),
            ("openai/o3", true),
            ("qwen/qwen3-235b-a22b-thinking", true),
            ("DeepSeek-R1", true),
            ("gpt-4o", false),
            ("claude-3-5-sonnet-20241022", false),
            ("claude-sonnet-4-5", true),
            ("llama3.2", false),
        ] {
            assert_eq!(presets.reasons(model), want, "{model}");
        }
    }
}
