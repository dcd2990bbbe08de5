//! The keys of `!/set` and `!/unset`; the commands of the same names use them too.
use crate::{
    args::normal_key,
    values,
    view::{Target, View},
};
use base::{Effort, SessionChange, SessionSettings};

/// One thing that a session can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Backend,
    Model,
    Project,
    ProjectDir,
    Temperature,
    ReasoningEffort,
    ThinkingBudget,
    GeminiGenerationConfig,
    CommandPrefix,
    InteractiveMode,
}

/// Changes and the sentence that tells them, or why not.
pub(crate) type Changed = Result<(Vec<SessionChange>, String), String>;

/// Keys of the Python proxy for features that we do not have.
const UNAVAILABLE: [&str; 4] =
    ["default-backend", "loop-detection", "openai-url", "redact-api-keys-in-prompts"];

impl Key {
    pub(crate) const ALL: [Self; 10] = [
        Self::Backend,
        Self::Model,
        Self::Project,
        Self::ProjectDir,
        Self::Temperature,
        Self::ReasoningEffort,
        Self::ThinkingBudget,
        Self::GeminiGenerationConfig,
        Self::CommandPrefix,
        Self::InteractiveMode,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Model => "model",
            Self::Project => "project",
            Self::ProjectDir => "project-dir",
            Self::Temperature => "temperature",
            Self::ReasoningEffort => "reasoning-effort",
            Self::ThinkingBudget => "thinking-budget",
            Self::GeminiGenerationConfig => "gemini-generation-config",
            Self::CommandPrefix => "command-prefix",
            Self::InteractiveMode => "interactive-mode",
        }
    }

    /// Reads a key, in any case, with `-`, `_` or blanks.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let key = normal_key(text);
        let name = match key.as_str() {
            "project-name" => "project",
            "projectdir" | "project-directory" | "dir" => "project-dir",
            "reasoning" | "effort" => "reasoning-effort",
            "budget" => "thinking-budget",
            "interactive" => "interactive-mode",
            other => other,
        };
        if let Some(known) = Self::ALL.into_iter().find(|known| known.name() == name) {
            return Ok(known);
        }
        let shown: String = key.chars().take(40).collect();
        if UNAVAILABLE.contains(&name) {
            return Err(format!("`{shown}` is not available in this version"));
        }
        let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
        Err(format!("unknown key `{shown}`; known: {}", names.join(", ")))
    }

    /// The changes for `key=value`.
    pub(crate) fn set(self, value: &str, view: &dyn View) -> Changed {
        if value.trim().is_empty() {
            return match self {
                // Emptying the directory is how the Python proxy's users leave it.
                Self::ProjectDir => Ok(self.unset()),
                _ => Err(format!("{} needs a value", self.name())),
            };
        }
        let text = value.trim();
        let yes_or_no = || {
            values::boolean(text)
                .ok_or_else(|| format!("{} must be true or false, not `{text}`", self.name()))
        };
        let change = match self {
            Self::Backend => return backend(text, view),
            Self::Model => return model(text, view, Doubt::Refuse),
            Self::Project => SessionChange::Project(Some(text.into())),
            Self::ProjectDir => {
                let dir = view.resolve_dir(text)?;
                let reply = format!("Project directory: {dir}");
                return Ok((vec![SessionChange::ProjectDir(Some(dir))], reply));
            }
            Self::Temperature => SessionChange::Temperature(Some(values::temperature(text)?)),
            Self::ReasoningEffort => SessionChange::ReasoningEffort(Some(effort(text)?)),
            Self::ThinkingBudget => SessionChange::ThinkingBudget(Some(values::thinking_budget(text)?)),
            Self::GeminiGenerationConfig => {
                SessionChange::GeminiGenerationConfig(Some(values::json_object(text)?))
            }
            Self::CommandPrefix => {
                crate::check_prefix(text).map_err(|e| e.to_string())?;
                SessionChange::CommandPrefix(Some(text.into()))
            }
            Self::InteractiveMode => SessionChange::InteractiveMode(Some(yes_or_no()?)),
        };
        Ok((vec![change], format!("{} set to {text}", self.name())))
    }

    /// The changes that clear the key. Without its backend a model means nothing, so they go together, and the one-off
    /// with them.
    pub(crate) fn unset(self) -> (Vec<SessionChange>, String) {
        let change = match self {
            Self::Backend => {
                let changes = vec![
                    SessionChange::Backend(None),
                    SessionChange::Model(None),
                    SessionChange::Oneoff(None),
                ];
                return (changes, "backend, model and one-off unset".into());
            }
            Self::Model => SessionChange::Model(None),
            Self::Project => SessionChange::Project(None),
            Self::ProjectDir => SessionChange::ProjectDir(None),
            Self::Temperature => SessionChange::Temperature(None),
            Self::ReasoningEffort => SessionChange::ReasoningEffort(None),
            Self::ThinkingBudget => SessionChange::ThinkingBudget(None),
            Self::GeminiGenerationConfig => SessionChange::GeminiGenerationConfig(None),
            Self::CommandPrefix => SessionChange::CommandPrefix(None),
            Self::InteractiveMode => SessionChange::InteractiveMode(None),
        };
        (vec![change], format!("{} unset", self.name()))
    }

    /// The value in force, if the session set one.
    pub(crate) fn value(self, settings: &SessionSettings) -> Option<String> {
        let sampling = &settings.sampling;
        match self {
            Self::Backend => settings.route.backend.clone(),
            Self::Model => settings.route.model.clone(),
            Self::Project => settings.project.clone(),
            Self::ProjectDir => settings.project_dir.clone(),
            Self::Temperature => sampling.temperature.map(|v| v.to_string()),
            Self::ReasoningEffort => sampling.reasoning_effort.map(|v| v.to_string()),
            Self::ThinkingBudget => sampling.thinking_budget.map(|v| v.to_string()),
            Self::GeminiGenerationConfig => sampling.gemini_generation_config.clone(),
            Self::CommandPrefix => settings.command_prefix.clone(),
            Self::InteractiveMode => settings.interactive_mode.map(|v| v.to_string()),
        }
    }
}

/// `maximum` is the Python proxy's word for the upper end.
pub(crate) fn effort(word: &str) -> Result<Effort, String> {
    let word = if word.eq_ignore_ascii_case("maximum") { "max" } else { word };
    word.parse().map_err(|e| format!("reasoning-effort `{word}`: {e}"))
}

/// What to do with a model that no list has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Refuse it while the session is interactive: `!/set` checks its values.
    Refuse,
    /// Take it and say so: lists are often incomplete, and the user was explicit.
    Warn,
}

/// Refuses while a static route forces every request.
pub(crate) fn routes_are_free(view: &dyn View) -> Result<(), String> {
    match view.static_route() {
        Some(route) => Err(format!(
            "the operator's static route {route} is in force; backend and model cannot be changed"
        )),
        None => Ok(()),
    }
}

/// The session's backend; `backend:model` sets both.
pub(crate) fn backend(text: &str, view: &dyn View) -> Changed {
    routes_are_free(view)?;
    let lines = view.backends();
    if let Some(line) = lines.iter().find(|line| line.name == text) {
        return match &line.problem {
            Some(problem) => Err(format!("backend {text} is not ready: {problem}")),
            None => Ok((vec![SessionChange::Backend(Some(text.into()))], format!("Backend: {text}"))),
        };
    }
    if text.contains(':') {
        return model(text, view, Doubt::Warn);
    }
    let ready: Vec<&str> = lines.iter().filter(|l| l.problem.is_none()).map(|l| l.name.as_str()).collect();
    let shown: String = text.chars().take(60).collect();
    Err(format!("no backend `{shown}`; available: {}", ready.join(", ")))
}

/// The session's model, backend and model, or route.
pub(crate) fn model(text: &str, view: &dyn View, doubt: Doubt) -> Changed {
    model_at(view.settings().route.backend.clone(), text, view, doubt)
}

/// As [`model`]; a bare model is looked for in the list of `home`.
pub(crate) fn model_at(home: Option<String>, text: &str, view: &dyn View, doubt: Doubt) -> Changed {
    routes_are_free(view)?;
    let (changes, reply, backend, name) = match view.read_selector(text)? {
        Target::Model => {
            let changes = vec![SessionChange::Model(Some(text.into()))];
            (changes, format!("Model: {text}"), home, text.to_owned())
        }
        Target::Leg { backend, model } => {
            let changes = vec![
                SessionChange::Backend(Some(backend.clone())),
                SessionChange::Model(Some(model.clone())),
            ];
            (changes, format!("Backend: {backend}, model: {model}"), Some(backend), model)
        }
        Target::Route => {
            return Ok((vec![SessionChange::Route(Some(text.into()))], format!("Route: {text}")));
        }
    };
    if view.lists_model(backend.as_deref(), &name) != Some(false) {
        return Ok((changes, reply));
    }
    let who =
        backend.map_or_else(|| "no backend lists".to_owned(), |backend| format!("{backend} does not list"));
    if doubt == Doubt::Refuse && view.is_interactive() {
        return Err(format!("{who} the model {name}; use {}model({text}) to set it anyway", view.prefix()));
    }
    Ok((changes, format!("{reply} (note: {who} it)")))
}
