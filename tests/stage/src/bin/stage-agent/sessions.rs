//! What is asked outside of a turn. Objects as in the ACP schema, version 1, and as recorded from Gemini CLI and opencode.
use crate::flags::Flags;
use crate::rogue;
use crate::story::{self, Turn};
use crate::talk::{Talk, update};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const UNKNOWN_METHOD: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const AUTH_REQUIRED: i64 = -32000;

/// One conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// How many prompts it has had.
    pub(crate) n_prompts: usize,
    /// What it runs with, by the id of the option.
    pub(crate) chosen: BTreeMap<String, String>,
}

/// Answers until the client closes the input.
pub(crate) fn serve(mut talk: Talk, flags: &Flags) {
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let mut is_logged_in = !flags.needs_login;
    while let Some(message) = talk.next() {
        let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) else { continue };
        rogue::before_answer(flags, method);
        let params = &message["params"];
        let session = params["sessionId"].as_str().unwrap_or_default();
        match method {
            "initialize" => talk.answer(id, &initialize(params)),
            "authenticate" => {
                is_logged_in = true;
                talk.answer(id, &json!({}));
            }
            "session/new" if flags.no_auth || !is_logged_in => {
                talk.refuse(id, AUTH_REQUIRED, "stage-agent is not logged in");
            }
            "session/new" if !is_new_session(params) => talk.refuse(id, INVALID_PARAMS, "cwd and mcpServers"),
            "session/new" => {
                let session = format!("stage-{}-{}", std::process::id(), sessions.len());
                talk.answer(id, &opened(&session, flags));
                let commands = json!([{"name": "about", "description": "Show what this is"}]);
                update(
                    &session,
                    &json!({"sessionUpdate": "available_commands_update", "availableCommands": commands}),
                );
                sessions.insert(session, first_choice(flags));
            }
            _ if method.starts_with("session/") && !sessions.contains_key(session) => {
                talk.refuse(id, INVALID_PARAMS, &format!("Session not found: {session}"));
            }
            "session/prompt" => {
                let Some(own) = sessions.get_mut(session) else { continue };
                own.n_prompts += 1;
                let turn = Turn { id, session_id: session, session: own, prompt: &params["prompt"], flags };
                story::play(&mut talk, &turn);
            }
            "session/set_model" if !flags.config_options => {
                choose(&mut sessions, session, "model", params["modelId"].as_str());
                talk.answer(id, &json!({}));
            }
            "session/set_config_option" if flags.config_options => {
                let option = params["configId"].as_str().unwrap_or_default();
                choose(&mut sessions, session, option, params["value"].as_str());
                talk.answer(id, &json!({"configOptions": config_options(flags, &sessions[session])}));
            }
            _ => talk.refuse(id, UNKNOWN_METHOD, &format!("\"Method not found\": {method}")),
        }
    }
    rogue::at_end_of_input(flags);
}

fn is_new_session(params: &Value) -> bool {
    params["cwd"].as_str().is_some_and(|cwd| cwd.starts_with('/')) && params["mcpServers"].is_array()
}

fn choose(sessions: &mut BTreeMap<String, Session>, session: &str, option: &str, value: Option<&str>) {
    if let (Some(session), Some(value)) = (sessions.get_mut(session), value) {
        session.chosen.insert(option.to_owned(), value.to_owned());
    }
}

fn first_choice(flags: &Flags) -> Session {
    let chosen = [("model", flags.models[0].clone()), ("effort", "medium".to_owned())];
    Session { n_prompts: 0, chosen: chosen.map(|(id, value)| (id.to_owned(), value)).into() }
}

/// As Gemini CLI 0.61 answers, whatever newer version is asked for.
fn initialize(params: &Value) -> Value {
    assert!(params["protocolVersion"].is_u64(), "protocolVersion is a number");
    json!({
        "protocolVersion": 1,
        "authMethods": [{"id": "stage-login", "name": "Log in to the stage"}],
        "agentInfo": {"name": "stage-agent", "title": "Stage agent", "version": "1.0.0"},
        "agentCapabilities": {
            "loadSession": true,
            "promptCapabilities": {"image": true, "audio": true, "embeddedContext": true},
            "mcpCapabilities": {"http": true, "sse": true},
        },
    })
}

fn opened(session: &str, flags: &Flags) -> Value {
    if flags.config_options {
        return json!({"sessionId": session, "configOptions": config_options(flags, &first_choice(flags))});
    }
    let models: Vec<Value> =
        flags.models.iter().map(|id| json!({"modelId": id, "name": id.to_uppercase()})).collect();
    let modes = json!([{"id": "default", "name": "Default"}, {"id": "yolo", "name": "YOLO"}]);
    json!({
        "sessionId": session,
        "modes": {"availableModes": modes, "currentModeId": "default"},
        "models": {"availableModels": models, "currentModelId": flags.models[0]},
    })
}

fn config_options(flags: &Flags, session: &Session) -> Value {
    let select = |id: &str, category: &str, values: &[&str]| {
        let options: Vec<Value> =
            values.iter().map(|value| json!({"value": value, "name": value.to_uppercase()})).collect();
        json!({
            "id": id, "name": id, "category": category, "type": "select",
            "currentValue": session.chosen.get(id), "options": options,
        })
    };
    let models: Vec<&str> = flags.models.iter().map(|model| &**model).collect();
    json!([select("model", "model", &models), select("effort", "thought_level", &["low", "medium", "high"])])
}
