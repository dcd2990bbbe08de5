//! How hard a model thinks. Models of Claude and of GPT say it in different fields, which their entries in the catalogue tell; older ones
//! know a prefix of the prompt only, and then think inside of tags.
use super::catalogue::{Caps, Shape};
use lip_plugin::canon::{ReasoningConfig, ReasoningMode};
use lip_plugin::{Value, json};
use serde_json::Map;

/// From the least to the most.
const WORDS: [&str; 6] = ["none", "low", "medium", "high", "xhigh", "max"];
/// Tokens of the prompt's prefix where no budget is said.
const BUDGET: i64 = 16_000;

/// What a request wishes, in the model's form.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wish {
    /// `additionalModelRequestFields`.
    pub(crate) fields: Option<Value>,
    /// Tokens of thinking that the prompt asks for.
    budget: Option<i64>,
}

impl Wish {
    /// `suffix`: the effort that the model's name ends with.
    pub(crate) fn of(
        config: Option<&ReasoningConfig>,
        suffix: Option<&str>,
        tokens_max: Option<u64>,
        caps: &Caps,
    ) -> Self {
        let config = config.cloned().unwrap_or_default();
        let effort =
            suffix.or(config.effort.as_deref()).map(|word| if word == "minimal" { "low" } else { word });
        let is_off = config.mode == Some(ReasoningMode::Disabled)
            || config.budget_tokens == Some(0)
            || effort == Some("none");
        let effort = effort.or_else(|| config.budget_tokens.and_then(nearest));
        match caps.shape {
            Shape::Claude => {
                let mut fields = Map::new();
                let effort = effort.filter(|word| *word != "none");
                if let Some(word) = effort.and_then(|word| caps.clamped(word)) {
                    fields.insert("output_config".to_owned(), json!({"effort": word}));
                }
                let is_wanted = config.mode.is_some() || config.budget_tokens.is_some() || effort.is_some();
                if is_off {
                    fields.insert("thinking".to_owned(), json!({"type": "disabled"}));
                } else if is_wanted {
                    let mut thinking = json!({"type": "adaptive"});
                    if let (Some(display), Value::Object(object)) = (config.display, &mut thinking) {
                        object.insert("display".to_owned(), display.into());
                    }
                    fields.insert("thinking".to_owned(), thinking);
                }
                if let Some(tokens) = tokens_max.filter(|_| caps.takes_tokens_max) {
                    fields.insert("max_tokens".to_owned(), tokens.into());
                }
                Self { fields: if fields.is_empty() { None } else { Some(fields.into()) }, budget: None }
            }
            Shape::Gpt => {
                let word = if is_off { Some("none") } else { effort };
                let word = word.and_then(|word| caps.clamped(word));
                Self { fields: word.map(|word| json!({"reasoning": {"effort": word}})), budget: None }
            }
            Shape::Tags => {
                let is_wanted = effort.is_some()
                    || matches!(config.mode, Some(ReasoningMode::Enabled | ReasoningMode::Adaptive));
                let budget = config.budget_tokens.filter(|tokens| *tokens > 0).unwrap_or(BUDGET);
                Self { fields: None, budget: (is_wanted && !is_off).then_some(budget) }
            }
            Shape::None => Self::default(),
        }
    }

    /// What stands in front of the prompt.
    pub(crate) fn prefix(&self) -> Option<String> {
        self.budget.map(|tokens| {
            format!(
                "<thinking_mode>enabled</thinking_mode><max_thinking_length>{tokens}</max_thinking_length>"
            )
        })
    }

    /// Does the model think inside of tags?
    pub(crate) const fn is_tagged(&self) -> bool {
        self.budget.is_some()
    }
}

/// The word that is nearest to a budget.
const fn nearest(tokens: i64) -> Option<&'static str> {
    match tokens {
        ..=0 => None,
        1..=2048 => Some("low"),
        2049..=8192 => Some("medium"),
        _ => Some("high"),
    }
}

impl Caps {
    /// The word itself, else the next lower one that the model knows, else its least.
    fn clamped(&self, word: &str) -> Option<&str> {
        let rank = |word: &str| WORDS.iter().position(|own| *own == word);
        let wanted = rank(word)?;
        let known = || self.efforts.iter().filter_map(|own| Some((rank(own)?, own.as_str())));
        let below = known().filter(|(own, _)| *own <= wanted).max_by_key(|(own, _)| *own);
        below.or_else(|| known().min_by_key(|(own, _)| *own)).map(|(_, word)| word)
    }
}

/// A model's name without the effort that it ends with, if `is_known` knows the rest and not the whole.
pub(crate) fn split_suffix(model: &str, is_known: impl Fn(&str) -> bool) -> (&str, Option<&str>) {
    let split = model
        .rsplit_once('-')
        .filter(|(base, word)| WORDS.contains(word) && is_known(base) && !is_known(model));
    split.map_or((model, None), |(base, word)| (base, Some(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(shape: Shape, efforts: &[&str]) -> Caps {
        let efforts = efforts.iter().map(|word| (*word).to_owned()).collect();
        Caps { shape, efforts, takes_tokens_max: true }
    }

    fn config(value: Value) -> ReasoningConfig {
        serde_json::from_value(value).expect("a reasoning config")
    }

    #[test]
    fn each_shape_says_it_in_its_own_fields() {
        let claude = caps(Shape::Claude, &["low", "medium", "high", "max"]);
        let gpt = caps(Shape::Gpt, &["none", "low", "medium", "high", "xhigh"]);
        for (asked, on_claude, on_gpt) in [
            (json!({}), json!(null), json!(null)),
            (
                json!({"effort": "high"}),
                json!({"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}}),
                json!({"reasoning": {"effort": "high"}}),
            ),
            (
                json!({"effort": "xhigh", "display": "omitted"}),
                json!({"output_config": {"effort": "high"}, "thinking": {"type": "adaptive", "display": "omitted"}}),
                json!({"reasoning": {"effort": "xhigh"}}),
            ),
            (
                json!({"effort": "max"}),
                json!({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}),
                json!({"reasoning": {"effort": "xhigh"}}),
            ),
            (
                json!({"effort": "minimal"}),
                json!({"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
                json!({"reasoning": {"effort": "low"}}),
            ),
            (
                json!({"mode": "enabled", "budget_tokens": 4000}),
                json!({"output_config": {"effort": "medium"}, "thinking": {"type": "adaptive"}}),
                json!({"reasoning": {"effort": "medium"}}),
            ),
            (json!({"mode": "adaptive"}), json!({"thinking": {"type": "adaptive"}}), json!(null)),
            (
                json!({"mode": "disabled"}),
                json!({"thinking": {"type": "disabled"}}),
                json!({"reasoning": {"effort": "none"}}),
            ),
            (
                json!({"budget_tokens": 0}),
                json!({"thinking": {"type": "disabled"}}),
                json!({"reasoning": {"effort": "none"}}),
            ),
            (json!({"effort": "unheard"}), json!({"thinking": {"type": "adaptive"}}), json!(null)),
        ] {
            let wish = |caps: &Caps| {
                Wish::of(Some(&config(asked.clone())), None, None, caps).fields.unwrap_or_default()
            };
            assert_eq!((wish(&claude), wish(&gpt)), (on_claude, on_gpt), "{asked}");
        }
        assert_eq!(Wish::of(None, None, Some(7), &claude).fields, Some(json!({"max_tokens": 7})));
        assert_eq!(Wish::of(None, None, Some(7), &gpt).fields, None);
        let suffixed = Wish::of(Some(&config(json!({"effort": "low"}))), Some("max"), None, &claude);
        assert_eq!(suffixed.fields.unwrap_or_default()["output_config"]["effort"], "max");
    }

    #[test]
    fn older_models_are_asked_in_the_prompt() {
        let tags = caps(Shape::Tags, &[]);
        let prefix =
            |asked: Value| Wish::of(Some(&config(asked)), None, None, &tags).prefix().unwrap_or_default();
        for (asked, tokens) in [
            (json!({"mode": "enabled", "budget_tokens": 1234}), "1234"),
            (json!({"effort": "low"}), "16000"),
            (json!({"mode": "adaptive"}), "16000"),
        ] {
            assert!(prefix(asked).ends_with(&format!("<max_thinking_length>{tokens}</max_thinking_length>")));
        }
        for asked in
            [json!({}), json!({"mode": "disabled"}), json!({"effort": "none"}), json!({"budget_tokens": 0})]
        {
            assert_eq!(prefix(asked.clone()), "", "{asked}");
        }
        assert_eq!(
            Wish::of(Some(&config(json!({"effort": "high"}))), None, None, &caps(Shape::None, &[])),
            Wish::default()
        );
    }

    #[test]
    fn suffixes_of_known_models_are_efforts() {
        let is_known = |name: &str| ["claude-opus-4.8", "gpt-5.1-codex-max", "gpt-5.1-codex"].contains(&name);
        for (model, base, effort) in [
            ("claude-opus-4.8-high", "claude-opus-4.8", Some("high")),
            ("claude-opus-4.8", "claude-opus-4.8", None),
            ("gpt-5.1-codex-max", "gpt-5.1-codex-max", None),
            ("unknown-high", "unknown-high", None),
        ] {
            assert_eq!(split_suffix(model, is_known), (base, effort));
        }
    }
}
