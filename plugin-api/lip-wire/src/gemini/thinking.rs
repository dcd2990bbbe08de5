//! How much a model shall think. Gemini 3 and later take a level, Gemini 2.5 a token budget, older models nothing.
//! Sources: Gemini API documentation, "Thinking"; for effort as a budget "OpenAI compatibility" (low 1,024, medium 8,192, high 24,576).
use super::{GEMINI, request_in::bare, wire};
use crate::{
    canon::{Extensions, ReasoningConfig, ReasoningMode, Request},
    codec::{Object, RequestOptions},
    loss::Losses,
};

const PATH: &str = "reasoning";

/// Reads `thinkingConfig`.
pub(super) fn decode(config: wire::ThinkingConfig<'_>) -> ReasoningConfig {
    ReasoningConfig {
        effort: config.level.map(|level| level.as_str().to_ascii_lowercase()),
        budget_tokens: config.budget,
        include_thoughts: config.include,
        extensions: Extensions::of(GEMINI, wire::camel_fields(config.rest)),
        ..ReasoningConfig::default()
    }
}

/// What a model understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Nothing.
    None,
    /// Tokens: fewest when on, most, and whether it can be off.
    Budget { min: i64, max: i64, off: bool },
    /// The levels, from lowest to highest.
    Levels(&'static [&'static str]),
}

const FROM_MINIMAL: &[&str] = &["minimal", "low", "medium", "high"];
const FROM_LOW: &[&str] = &["low", "medium", "high"];
const ENDS: &[&str] = &["low", "high"];

/// The control of a model by its name; of unknown ones by their generation.
pub(super) fn control(model: &str) -> Control {
    let name = bare(model).rsplit('/').next().unwrap_or_default();
    let has = |prefix: &str| name.starts_with(prefix);
    if has("gemini-2.0") || has("gemini-1") || has("gemma") {
        Control::None
    } else if has("gemini-2.5-pro") {
        budget(128, 32_768, false)
    } else if has("gemini-2.5-flash-lite") {
        budget(512, 24_576, true)
    } else if has("gemini-3-pro") {
        Control::Levels(ENDS)
    } else if has("gemini-3.1-flash-lite") || has("gemini-3-flash") || has("gemini-3.5") || has("gemini-3.6")
    {
        Control::Levels(FROM_MINIMAL)
    } else if is_third(model) {
        Control::Levels(FROM_LOW)
    } else {
        budget(0, 24_576, true)
    }
}

const fn budget(min: i64, max: i64, off: bool) -> Control {
    Control::Budget { min, max, off }
}

/// Gemini 3 or later: thinks by level, wants signatures back, takes media in tool results.
pub(super) fn is_third(model: &str) -> bool {
    let name = bare(model).rsplit('/').next().unwrap_or_default();
    let generation = name.strip_prefix("gemini-").and_then(|rest| rest.chars().next());
    generation.is_some_and(|digit| ('3'..='9').contains(&digit))
}

/// Writes `thinkingConfig`.
pub(super) fn encode(
    request: &Request,
    options: &RequestOptions,
    object: &mut Object<'_>,
    losses: &mut Losses,
) {
    let Some(config) = &request.reasoning else {
        return;
    };
    losses.foreign(&config.extensions, GEMINI, "reasoning.");
    if request.origin == Some(GEMINI) {
        return object.object("thinkingConfig", |object| {
            object.opt("includeThoughts", config.include_thoughts);
            object.opt("thinkingBudget", config.budget_tokens);
            let level = config.effort.as_ref().map(|level| level.to_ascii_uppercase());
            object.opt("thinkingLevel", level);
            object.fields(config.extensions.fields(GEMINI));
        });
    }
    let asked = Asked::of(config);
    let mut control = control(&request.model);
    match options.effort_as_budget {
        Some(true) if matches!(control, Control::Levels(_)) => control = budget(0, 24_576, true),
        Some(false) if matches!(control, Control::Budget { .. }) => control = Control::Levels(FROM_LOW),
        _ => {}
    }
    match control {
        Control::None => losses.dropped(PATH, "this model has no control of its thinking"),
        Control::Budget { min, max, off } => object.object("thinkingConfig", |object| {
            let tokens = asked.tokens((min, max, off), losses);
            object.opt("thinkingBudget", tokens);
            object.put("includeThoughts", &asked.shown(tokens != Some(0)));
        }),
        Control::Levels(levels) => object.object("thinkingConfig", |object| {
            object.opt("thinkingLevel", asked.level(levels, losses));
            object.put("includeThoughts", &asked.shown(true));
        }),
    }
}

/// What another dialect asked for.
struct Asked<'c> {
    effort: Option<&'c str>,
    budget: Option<i64>,
    off: bool,
    hidden: bool,
}

impl<'c> Asked<'c> {
    fn of(config: &'c ReasoningConfig) -> Self {
        let effort = config.effort.as_deref();
        Self {
            effort,
            budget: config.budget_tokens,
            off: config.mode == Some(ReasoningMode::Disabled)
                || effort == Some("none")
                || config.budget_tokens == Some(0),
            hidden: config.display.as_deref() == Some("omitted") || config.include_thoughts == Some(false),
        }
    }

    /// Whether thoughts are shown: every other dialect shows reasoning that was asked for.
    const fn shown(&self, thinks: bool) -> bool {
        thinks && !self.off && !self.hidden
    }

    /// As a token budget; `None` leaves it to the model.
    fn tokens(&self, (min, max, can_be_off): (i64, i64, bool), losses: &mut Losses) -> Option<i64> {
        if self.off {
            if !can_be_off {
                losses.changed(PATH, "this model cannot be kept from thinking: smallest budget");
            }
            return Some(if can_be_off { 0 } else { min });
        }
        if let Some(budget) = self.budget.filter(|tokens| *tokens > 0) {
            let tokens = budget.clamp(min, max);
            if tokens != budget {
                losses.changed("reasoning.budget_tokens", "outside of what the model takes");
            }
            return Some(tokens);
        }
        let tokens = match self.effort? {
            "minimal" | "low" => 1_024,
            "medium" => 8_192,
            "high" => 24_576,
            "xhigh" | "max" => max,
            _ => {
                losses.dropped("reasoning.effort", "not known to this dialect");
                return None;
            }
        };
        losses.changed("reasoning.effort", "became a token budget");
        Some(tokens)
    }

    /// As one of the model's levels, `None` leaves it to the model.
    fn level(&self, levels: &[&'static str], losses: &mut Losses) -> Option<String> {
        let lowest = *levels.first()?;
        let highest = *levels.last()?;
        let wanted = if self.off {
            losses.changed(PATH, "this model cannot be kept from thinking: lowest level");
            return Some(lowest.to_ascii_uppercase());
        } else if let Some(effort) = self.effort {
            effort
        } else {
            let tokens = self.budget.filter(|tokens| *tokens > 0)?;
            losses.changed("reasoning.budget_tokens", "became a level");
            match tokens {
                ..=1_024 => "low",
                1_025..=8_192 => "medium",
                _ => "high",
            }
        };
        if levels.contains(&wanted) {
            return Some(wanted.to_ascii_uppercase());
        }
        losses.changed("reasoning.effort", "the model's nearest level");
        let nearest = if wanted == "minimal" || wanted == "low" { lowest } else { highest };
        Some(nearest.to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_their_own_control() {
        let cases = [
            ("gemini-2.0-flash", Control::None),
            ("models/gemini-2.5-pro", budget(128, 32_768, false)),
            ("google/gemini-2.5-flash", budget(0, 24_576, true)),
            ("gemini-3-pro-preview", Control::Levels(ENDS)),
            ("gemini-3-flash-preview", Control::Levels(FROM_MINIMAL)),
            ("gemini-3.1-pro", Control::Levels(FROM_LOW)),
            ("gemini-4-argon", Control::Levels(FROM_LOW)),
            ("other", budget(0, 24_576, true)),
        ];
        for (model, want) in cases {
            assert_eq!(control(model), want, "{model}");
        }
    }
}
