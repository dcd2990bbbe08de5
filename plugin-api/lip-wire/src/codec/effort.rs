//! A token budget for thinking, said to an API that knows words of effort only. Source: OpenAI guide, "Reasoning".
use crate::{
    canon::{ReasoningMode, Request},
    codec::RequestOptions,
    loss::Losses,
    pattern::fits,
};

/// Whether an OpenAI model of this name takes an effort; the API refuses it for other models.
pub(crate) fn is_taken_by(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or_default();
    let generation = name.strip_prefix("gpt-").or_else(|| name.strip_prefix('o'));
    let generation = generation.and_then(|rest| rest.chars().next()?.to_digit(10));
    generation.is_some_and(|generation| name.starts_with('o') || generation >= 5)
}

/// Whether `model` is one of those that take an effort at this upstream.
fn is_named(options: &RequestOptions, model: &str) -> bool {
    options.effort_models.iter().any(|pattern| fits(pattern, model))
}

/// The effort that stands for the request's token budget, if no effort is said and the model takes one. `why`: what is noted of a budget that has no word.
pub(crate) fn of_budget(
    request: &Request,
    options: &RequestOptions,
    losses: &mut Losses,
    why: &'static str,
) -> Option<&'static str> {
    let config = request.reasoning.as_ref()?;
    let budget = config.budget_tokens?;
    let says_more = config.effort.is_some() || config.mode == Some(ReasoningMode::Disabled);
    let is_taken = is_taken_by(&request.model) || is_named(options, &request.model);
    match nearest(budget).filter(|_| !says_more && is_taken) {
        Some(word) => {
            losses.changed("reasoning.budget_tokens", "became the nearest effort");
            Some(word)
        }
        None => {
            losses.dropped("reasoning.budget_tokens", why);
            None
        }
    }
}

/// The word nearest to `budget_tokens`; `None` where the budget is the model's own choice (-1).
const fn nearest(budget_tokens: i64) -> Option<&'static str> {
    match budget_tokens {
        ..0 => None,
        0 => Some("none"),
        1..=2048 => Some("low"),
        2049..=8192 => Some("medium"),
        _ => Some("high"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_have_a_nearest_word() {
        for (budget, word) in [(-1, None), (0, Some("none")), (1, Some("low")), (2048, Some("low"))] {
            assert_eq!(nearest(budget), word, "{budget}");
        }
        assert_eq!([nearest(4096), nearest(8193)], [Some("medium"), Some("high")]);
    }

    #[test]
    fn upstreams_name_models_of_their_own() {
        let named = |patterns: &[&str], model| {
            let effort_models = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            is_named(&RequestOptions { effort_models, ..RequestOptions::default() }, model)
        };
        for (patterns, model, is) in [
            (&[][..], "glm-5.3", false),
            (&["*"], "glm-5.3", true),
            (&["glm-4.6", "glm-5.3*"], "glm-5.3-flash", true),
            (&["glm-4.6", "glm-5.3*"], "glm-4.6v", false),
            (&["x*x"], "x", false),
            (&["x*x"], "xx", true),
        ] {
            assert_eq!(named(patterns, model), is, "{patterns:?} {model}");
        }
    }

    #[test]
    fn only_reasoning_models_take_an_effort() {
        for model in ["gpt-5", "gpt-5.1-codex", "openai/gpt-6", "o3", "o4-mini"] {
            assert!(is_taken_by(model), "{model}");
        }
        for model in ["gpt-4.1", "gpt-4o", "deepseek-chat", "opus", "", "gpt-oss-120b"] {
            assert!(!is_taken_by(model), "{model}");
        }
    }
}
