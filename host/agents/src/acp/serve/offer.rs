//! What is answered: abilities, models, the end of a turn.
use super::ask::MODEL_OPTION;
use crate::acp::setup::{Offered, VERSION};
use lip_wire::canon::{StopReason, Usage};
use serde_json::{Value, json};

/// The answer to `initialize`. The client's version does not matter: there is one, and a client that does not speak it leaves.
pub fn initialized(version: &str) -> Value {
    json!({
        "protocolVersion": VERSION,
        "agentInfo": {"name": "lip", "title": "LIP", "version": version},
        "agentCapabilities": {
            "loadSession": false,
            "promptCapabilities": {"image": true, "audio": false, "embeddedContext": true},
            "mcpCapabilities": {"http": false, "sse": false},
            "sessionCapabilities": {"close": {}},
        },
        "authMethods": [],
    })
}

/// Which models there are, and which one answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Models {
    /// In the order of showing.
    pub offered: Vec<Offered>,
    /// A selector; it need not be one of the offered.
    pub current: Option<String>,
}

impl Models {
    /// Every model once, the current one among them: clients show a value that is on no list badly or not at all.
    fn listed(&self) -> Vec<Offered> {
        let is_listed = |id: &str| self.offered.iter().any(|model| model.id == id);
        let current = self.current.iter().filter(|id| !is_listed(id));
        let current = current.map(|id| Offered { id: id.clone(), title: None });
        current.chain(self.offered.iter().cloned()).collect()
    }

    /// The answer to `session/new`.
    pub fn opened(&self, session: &str) -> Value {
        let Some(current) = &self.current else { return json!({"sessionId": session}) };
        let model = |model: &Offered| json!({"modelId": model.id, "name": model.title.as_deref().unwrap_or(&model.id)});
        let listed: Vec<Value> = self.listed().iter().map(model).collect();
        json!({
            "sessionId": session,
            "models": {"availableModels": listed, "currentModelId": current},
            "configOptions": self.options(),
        })
    }

    /// The answer to `session/set_config_option`.
    pub fn configured(&self) -> Value {
        json!({"configOptions": self.options()})
    }

    fn options(&self) -> Value {
        let Some(current) = &self.current else { return json!([]) };
        let value =
            |model: &Offered| json!({"value": model.id, "name": model.title.as_deref().unwrap_or(&model.id)});
        let listed: Vec<Value> = self.listed().iter().map(value).collect();
        json!([{
            "id": MODEL_OPTION, "name": "Model", "description": "Which backend and model answers", "category": "model",
            "type": "select", "currentValue": current, "options": listed,
        }])
    }
}

/// The answer to `session/prompt`. `usage`: of this turn, as the upstream counted it.
pub fn ended(stop: StopReason, usage: Option<&Usage>) -> Value {
    let reason = match stop {
        StopReason::Length => "max_tokens",
        StopReason::Refusal | StopReason::ContentFilter => "refusal",
        StopReason::Cancelled => "cancelled",
        StopReason::End
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::Pause
        | StopReason::Malformed
        | StopReason::Other => "end_turn",
    };
    match usage.and_then(counts) {
        Some(counts) => json!({"stopReason": reason, "usage": counts}),
        None => json!({"stopReason": reason}),
    }
}

/// The schema wants three counts; nothing is made up where one is missing.
fn counts(usage: &Usage) -> Option<Value> {
    let (input, output) = (usage.input?, usage.output?);
    let mut counts =
        json!({"inputTokens": input, "outputTokens": output, "totalTokens": usage.total_or_sum()});
    for (name, count) in [
        ("cachedReadTokens", usage.cache_read),
        ("cachedWriteTokens", usage.cache_write),
        ("thoughtTokens", usage.reasoning),
    ] {
        if let (Some(count), Some(counts)) = (count, counts.as_object_mut()) {
            counts.insert(name.to_owned(), json!(count));
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acp::setup::{Agreed, Chooser, Opened};

    #[test]
    fn our_own_client_understands_our_own_agent() {
        let agreed = Agreed::read(&initialized("1.2")).unwrap();
        assert_eq!((agreed.agent.as_str(), agreed.images, agreed.audio), ("lip 1.2", true, false));
        let offered =
            |id: &str, title: Option<&str>| Offered { id: id.to_owned(), title: title.map(str::to_owned) };
        let models = Models {
            offered: vec![offered("a:x", Some("X")), offered("a:y", None)],
            current: Some("route".to_owned()),
        };
        let opened = models.opened("s");
        let model = Opened::read(&opened).unwrap().model.unwrap();
        assert_eq!(model.by, Chooser::Option("model".to_owned()));
        assert_eq!(model.current.as_deref(), Some("route"));
        let ids: Vec<&str> = model.values.iter().map(|value| &*value.id).collect();
        assert_eq!(ids, ["route", "a:x", "a:y"]);
        assert_eq!(opened["models"]["availableModels"][1], json!({"modelId": "a:x", "name": "X"}));
        assert_eq!(opened["configOptions"], models.configured()["configOptions"]);
        assert_eq!(Models::default().opened("s"), json!({"sessionId": "s"}));
    }

    #[test]
    fn current_model_is_listed_once() {
        let models = Models {
            offered: vec![Offered { id: "a:x".to_owned(), title: None }],
            current: Some("a:x".to_owned()),
        };
        assert_eq!(models.listed(), models.offered);
    }

    #[test]
    fn ends_are_spelled_as_the_protocol_spells_them() {
        let usage = Usage { input: Some(3), output: Some(4), reasoning: Some(1), ..Usage::default() };
        let counts = json!({"inputTokens": 3, "outputTokens": 4, "totalTokens": 7, "thoughtTokens": 1});
        assert_eq!(ended(StopReason::End, Some(&usage)), json!({"stopReason": "end_turn", "usage": counts}));
        let half = Usage { input: Some(3), ..Usage::default() };
        assert_eq!(ended(StopReason::Length, Some(&half)), json!({"stopReason": "max_tokens"}));
        assert_eq!(ended(StopReason::ContentFilter, None), json!({"stopReason": "refusal"}));
        assert_eq!(ended(StopReason::Cancelled, None), json!({"stopReason": "cancelled"}));
    }
}
