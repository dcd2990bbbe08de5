//! Reasoning wanted: `thinking` and `output_config.effort`. Source: Anthropic API documentation, "Extended thinking", "Adaptive thinking", "Effort".
use super::{ANTHROPIC, block_out, wire};
use crate::{
    canon::{Content, Extensions, Json, Part, ReasoningConfig, ReasoningMode, Request, Role, ToolChoice},
    codec::{Object, RequestOptions, Str},
    loss::Losses,
};

/// The least budget that the API takes.
const BUDGET_MIN: u64 = 1024;
/// Room for the answer beside the budget, if the request leaves none.
const ANSWER_ROOM: u64 = 4096;

/// Reads both fields; `None` if the request has neither.
pub(super) fn decode(
    thinking: Option<wire::Thinking<'_>>,
    effort: Option<Str<'_>>,
) -> Option<ReasoningConfig> {
    if thinking.is_none() && effort.is_none() {
        return None;
    }
    let thinking = thinking.unwrap_or_default();
    let mut extensions: Extensions = super::extensions(thinking.rest);
    let mode = match thinking.kind.as_ref().map(Str::as_str) {
        None => None,
        Some("enabled") => Some(ReasoningMode::Enabled),
        Some("adaptive") => Some(ReasoningMode::Adaptive),
        Some("disabled") => Some(ReasoningMode::Disabled),
        // `between_tools` and what may come.
        Some(other) => {
            extensions.set(ANTHROPIC, "type", Json::of(other));
            None
        }
    };
    Some(ReasoningConfig {
        mode,
        effort: effort.map(Str::into_owned),
        budget_tokens: thinking.budget_tokens,
        display: thinking.display.map(Str::into_owned),
        extensions,
        ..ReasoningConfig::default()
    })
}

/// How a model is asked to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// By a token budget (up to 4.5, and compatible servers, which copied that API).
    Budget,
    /// By effort alone (Opus 4.5).
    Effort,
    /// By effort, and adaptive thinking (from 4.6).
    Adaptive,
}

fn family(model: &str, options: &RequestOptions) -> Family {
    let model = model.to_ascii_lowercase().replace('.', "-");
    let named = |words: &[&str]| words.iter().any(|word| model.contains(word));
    match options.effort_as_budget {
        Some(true) => Family::Budget,
        _ if named(&["opus-4-5"]) => Family::Effort,
        Some(false) => Family::Adaptive,
        None if !named(&["claude"]) => Family::Budget,
        None if named(&["claude-2", "claude-3", "-4-0", "-4-1", "-4-2025", "sonnet-4-5", "haiku-4-5"]) => {
            Family::Budget
        }
        // `claude-opus-4`, `claude-sonnet-4` without more.
        None if model.ends_with("-4") => Family::Budget,
        None => Family::Adaptive,
    }
}

/// What is said about thinking in a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan<'a> {
    kind: Option<&'a str>,
    budget: Option<i64>,
    effort: Option<&'a str>,
    display: Option<&'a str>,
}

impl<'a> Plan<'a> {
    /// Makes the plan: of an own request what it said, of a foreign one what comes nearest.
    pub(super) fn of(request: &'a Request, options: &RequestOptions, losses: &mut Losses) -> Self {
        let Some(config) = &request.reasoning else {
            return Self::default();
        };
        losses.foreign(&config.extensions, ANTHROPIC, "reasoning.");
        if request.origin == Some(ANTHROPIC) {
            return Self {
                kind: config.mode.map(word),
                budget: config.budget_tokens,
                effort: config.effort.as_deref(),
                display: config.display.as_deref(),
            };
        }
        let mut plan = Self::translated(config, family(&request.model, options), losses);
        if plan.thinks()
            && let Some(why) = obstacle(request, &plan)
        {
            losses.changed("reasoning", why);
            plan = Self { effort: plan.effort, ..Self::default() };
        }
        if plan.thinks() {
            plan.display = display(config, losses);
        }
        plan
    }

    fn translated(config: &'a ReasoningConfig, family: Family, losses: &mut Losses) -> Self {
        let off = Self { kind: Some("disabled"), ..Self::default() };
        let effort = config.effort.as_deref().map(|effort| level(effort, losses));
        match (config.mode, effort, config.budget_tokens) {
            (Some(ReasoningMode::Disabled), ..) | (_, Some(Level::Off), _) | (_, None, Some(0)) => off,
            (_, Some(Level::Unknown), None) => Self::default(),
            (_, effort, Some(budget)) if budget > 0 => Self::budgeted(budget, effort, family, losses),
            (_, Some(Level::Word(word, budget)), _) => match family {
                Family::Budget => Self::enabled(budget),
                Family::Effort => Self { effort: Some(word), ..Self::default() },
                Family::Adaptive => Self { kind: Some("adaptive"), effort: Some(word), ..Self::default() },
            },
            // On, or up to the model, and no more said.
            (Some(_), ..) | (None, _, Some(_)) => match family {
                Family::Adaptive => Self { kind: Some("adaptive"), ..Self::default() },
                Family::Budget | Family::Effort => {
                    losses.changed("reasoning", "this model family needs a token budget");
                    Self::enabled(8192)
                }
            },
            (None, ..) => Self::default(),
        }
    }

    fn budgeted(budget: i64, effort: Option<Level<'a>>, family: Family, losses: &mut Losses) -> Self {
        if family != Family::Adaptive {
            let least = i64::try_from(BUDGET_MIN).unwrap_or(i64::MAX);
            if budget < least {
                losses.changed("reasoning.budget_tokens", "raised to the least the api takes");
            }
            return Self::enabled(budget.max(least));
        }
        losses.changed("reasoning.budget_tokens", "this model family knows effort, not budgets");
        let nearest = match budget {
            ..=2048 => "low",
            2049..=8192 => "medium",
            8193..=16384 => "high",
            _ => "max",
        };
        let word = match effort {
            Some(Level::Word(word, _)) => word,
            _ => nearest,
        };
        Self { kind: Some("adaptive"), effort: Some(word), ..Self::default() }
    }

    fn enabled(budget: i64) -> Self {
        Self { kind: Some("enabled"), budget: Some(budget), ..Self::default() }
    }

    /// Whether the model will think.
    pub(super) fn thinks(&self) -> bool {
        matches!(self.kind, Some("enabled" | "adaptive"))
    }

    /// The effort for `output_config`.
    pub(super) const fn effort(&self) -> Option<&'a str> {
        self.effort
    }

    /// `max_tokens` must be more than the budget.
    pub(super) fn least_max_tokens(&self) -> u64 {
        let budget = self.budget.and_then(|budget| u64::try_from(budget).ok());
        budget.map_or(0, |budget| budget.saturating_add(ANSWER_ROOM))
    }

    /// Writes `thinking`.
    pub(super) fn encode(&self, config: Option<&ReasoningConfig>, body: &mut Object<'_>) {
        let own = config.and_then(|config| config.extensions.fields(ANTHROPIC));
        if self.kind.is_none() && self.budget.is_none() && self.display.is_none() && own.is_none() {
            return;
        }
        body.object("thinking", |object| {
            object.opt("type", self.kind);
            object.opt("budget_tokens", self.budget);
            object.opt("display", self.display);
            object.fields(own);
        });
    }
}

const fn word(mode: ReasoningMode) -> &'static str {
    match mode {
        ReasoningMode::Enabled => "enabled",
        ReasoningMode::Adaptive => "adaptive",
        ReasoningMode::Disabled => "disabled",
    }
}

/// Effort in this API's words, and the budget that comes near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level<'a> {
    Off,
    Word(&'a str, i64),
    Unknown,
}

fn level<'a>(effort: &'a str, losses: &mut Losses) -> Level<'a> {
    match effort {
        "none" => Level::Off,
        "minimal" => {
            losses.changed("reasoning.effort", "no such small effort in this dialect");
            Level::Off
        }
        "low" => Level::Word(effort, 2048),
        "medium" => Level::Word(effort, 8192),
        "high" => Level::Word(effort, 16384),
        "xhigh" | "max" => Level::Word(effort, 32000),
        _ => {
            losses.dropped("reasoning.effort", "unknown effort");
            Level::Unknown
        }
    }
}

/// Why the API would refuse thinking in this request.
fn obstacle(request: &Request, plan: &Plan<'_>) -> Option<&'static str> {
    let forced = match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => true,
        Some(ToolChoice::Allowed { required, .. }) => *required,
        _ => false,
    };
    if forced && !request.tools.is_empty() {
        return Some("thinking excludes a forced tool choice");
    }
    if plan.kind == Some("enabled") && answers_unsigned_calls(request) {
        return Some("the calls being answered came without signed thinking");
    }
    None
}

/// With a budget, an answer whose tool calls are being answered must begin with its signed thinking.
fn answers_unsigned_calls(request: &Request) -> bool {
    let answers = |part: &Part| matches!(part.content, Content::ToolResult(_));
    let Some(last) = request.turns.iter().rposition(|turn| turn.role == Role::Assistant) else {
        return false;
    };
    if !request.turns[last..].iter().flat_map(|turn| &turn.parts).any(answers) {
        return false;
    }
    let signed = |part: &Part| match &part.content {
        Content::Reasoning(thought) => {
            block_out::signature(part).is_some() || block_out::redacted(thought).is_some()
        }
        _ => false,
    };
    let answer = request.turns[..=last].iter().rev().take_while(|turn| turn.role == Role::Assistant);
    !answer.flat_map(|turn| &turn.parts).any(signed)
}

fn display<'a>(config: &'a ReasoningConfig, losses: &mut Losses) -> Option<&'a str> {
    if matches!(config.summary.as_deref(), Some("concise" | "detailed")) {
        losses.changed("reasoning.summary", "summaries of one kind only");
    }
    match (config.display.as_deref(), config.include_thoughts, &config.summary) {
        (Some(display), ..) => Some(display),
        (None, Some(false), _) => Some("omitted"),
        (None, Some(true), _) | (None, None, Some(_)) => Some("summarized"),
        (None, None, None) => None,
    }
}
