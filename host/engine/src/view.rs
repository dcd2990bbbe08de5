//! What in-chat commands may ask: the session, the backends, the planner.
use crate::conversation::{Conversation, ask};
use crate::engine::Engine;
use crate::wired;
use base::SessionSettings;
use commands::{BackendLine, Target, View};
use events::wire::Wire;
use routing::plan::Named;
use std::path::Path;
use std::sync::Arc;

pub(crate) struct SessionView<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) conversation: &'a Conversation,
    pub(crate) session: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) wire: Option<&'a Arc<dyn Wire>>,
}

impl View for SessionView<'_> {
    fn version(&self) -> &str {
        self.engine.planner.load().rules.version
    }

    fn session_id(&self) -> &str {
        self.session
    }

    fn prefix(&self) -> &str {
        self.prefix
    }

    fn is_interactive(&self) -> bool {
        self.conversation.settings().interactive_mode.unwrap_or(true)
    }

    fn settings(&self) -> &SessionSettings {
        self.conversation.settings()
    }

    fn backends(&self) -> Vec<BackendLine> {
        let planner = self.engine.planner.load();
        let line = |backend: &Arc<crate::Backend>| BackendLine {
            name: backend.name().to_owned(),
            problem: backend.missing().map(str::to_owned),
            n_keys: backend.spec().keys.len(),
            n_models: planner.table.backend(backend.name()).map_or(0, |b| b.models.len()),
        };
        self.engine.backends().iter().map(line).collect()
    }

    fn static_route(&self) -> Option<String> {
        self.engine.planner.load().rules.static_route.clone()
    }

    fn read_selector(&self, text: &str) -> Result<Target, String> {
        match self.engine.planner.load().table.check(text).map_err(|fault| fault.public())? {
            Named::Model => Ok(Target::Model),
            Named::Leg { backend, model } => Ok(Target::Leg { backend, model }),
            Named::Route => Ok(Target::Route),
        }
    }

    fn lists_model(&self, backend: Option<&str>, model: &str) -> Option<bool> {
        self.engine.planner.load().table.lists(backend, model)
    }

    fn resolve_dir(&self, path: &str) -> Result<String, String> {
        wired::find(self.wire, &format!("folder {path}"), || folder(Path::new(path)))
    }

    fn route_lines(&self) -> Vec<String> {
        let settings = self.conversation.settings();
        let planner = self.engine.planner.load();
        let default = planner.table.default_backend.as_deref().unwrap_or("none");
        let mut lines = vec![format!("default backend: {default}")];
        let model = settings.route.model.clone().unwrap_or_default();
        if !model.is_empty() || settings.route.route.is_some() || settings.route.oneoff.is_some() {
            match planner.table.plan(&ask(self.conversation.session(), settings, &model)) {
                Ok(plan) => {
                    let legs: Vec<String> = plan.legs.iter().map(ToString::to_string).collect();
                    let notes = plan.thinker.iter().flat_map(|thinker| thinker.legs.first());
                    let notes: String = notes.map(|leg| format!("notes by {leg}, then ")).collect();
                    lines.push(format!("next turn: {notes}{}", legs.join(", then ")));
                }
                Err(fault) => lines.push(format!("next turn: {}", fault.public())),
            }
        }
        lines
    }

    fn usage_lines(&self) -> Vec<String> {
        let trace = self.engine.traces.get(self.conversation.id());
        let (turns, failed) = trace.map_or((0, 0), |trace| (trace.turns, trace.failed));
        vec![format!("turns: {turns}, of which failed: {failed}")]
    }

    fn why_lines(&self) -> Vec<String> {
        self.engine.traces.get(self.conversation.id()).map(|trace| trace.lines()).unwrap_or_default()
    }
}

fn folder(path: &Path) -> Result<String, String> {
    if !path.is_absolute() {
        return Err(format!("{} is not an absolute path", path.display()));
    }
    let real = path.canonicalize().map_err(|e| format!("{} cannot be used: {e}", path.display()))?;
    if !real.is_dir() {
        return Err(format!("{} is not a directory", real.display()));
    }
    std::fs::read_dir(&real).map_err(|e| format!("{} cannot be read: {e}", real.display()))?;
    Ok(real.display().to_string())
}
