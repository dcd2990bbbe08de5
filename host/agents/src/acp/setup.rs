//! What is agreed before the first prompt: versions, abilities, sessions, models.
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// The version that is spoken.
pub const VERSION: u64 = 1;

/// `initialize`: nothing of the client is offered, so that files and terminals stay the agent's own business.
pub fn initialize(client_version: &str) -> Value {
    json!({
        "protocolVersion": VERSION,
        "clientCapabilities": {"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false},
        "clientInfo": {"name": "lip", "title": "LIP", "version": client_version},
    })
}

/// `session/new`.
pub fn new_session(cwd: &Path) -> Value {
    json!({"cwd": cwd, "mcpServers": []})
}

/// What an agent answered to `initialize`. Every field may be missing or of another type: then the protocol's default holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Name and version, for people.
    pub agent: String,
    /// It looks at images.
    pub images: bool,
    /// It listens to audio.
    pub audio: bool,
    /// Ways to log in that a client may ask for.
    pub logins: Vec<String>,
}

impl Agreed {
    /// Reads the result of `initialize`.
    ///
    /// # Errors
    /// One sentence when the agent speaks another version only.
    pub fn read(result: &Value) -> Result<Self, String> {
        match result.get("protocolVersion").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!(
                    "the agent speaks version {other} of the protocol, LIP speaks {VERSION}"
                ));
            }
            None => return Err("the agent's answer to initialize names no version".to_owned()),
        }
        let can = |what: &str| {
            result.pointer(&format!("/agentCapabilities/promptCapabilities/{what}"))
                == Some(&Value::Bool(true))
        };
        let info = |key: &str| result.pointer(&format!("/agentInfo/{key}")).and_then(Value::as_str);
        let methods = result.get("authMethods").and_then(Value::as_array);
        // A "terminal" method is a program for the user to run.
        let is_asked = |method: &&Value| method.get("type").and_then(Value::as_str) != Some("terminal");
        let id = |method: &Value| Some(method.get("id")?.as_str()?.to_owned());
        Ok(Self {
            agent: [info("name"), info("version")].into_iter().flatten().collect::<Vec<_>>().join(" "),
            images: can("image"),
            audio: can("audio"),
            logins: methods.into_iter().flatten().filter(is_asked).filter_map(id).collect(),
        })
    }
}

/// A model that an agent offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// The agent's own name for it.
    pub id: String,
    /// For people.
    pub title: Option<String>,
}

/// How an agent lets a value be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chooser {
    /// `session/set_model`, older than the standard and in use.
    SetModel,
    /// `session/set_config_option` with this id.
    Option(String),
}

/// Something that a client may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choosable {
    /// How.
    pub by: Chooser,
    /// What is chosen now.
    pub current: Option<String>,
    /// What can be chosen.
    pub values: Vec<Offered>,
}

impl Choosable {
    /// The value that a client means by `wanted`: its own name, or that name without a vendor in front.
    pub fn value(&self, wanted: &str) -> Option<&str> {
        let tail = |id: &str| id.rsplit_once('/').is_some_and(|(_, tail)| tail == wanted);
        let exact = self.values.iter().find(|value| value.id == wanted);
        exact.or_else(|| self.values.iter().find(|value| tail(&value.id))).map(|value| &*value.id)
    }

    /// The request that chooses `value` in `session`.
    pub fn choose(&self, session: &str, value: &str) -> (&'static str, Value) {
        match &self.by {
            Chooser::SetModel => ("session/set_model", json!({"sessionId": session, "modelId": value})),
            Chooser::Option(id) => {
                ("session/set_config_option", json!({"sessionId": session, "configId": id, "value": value}))
            }
        }
    }
}

/// A session that an agent opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The agent's id for it.
    pub id: String,
    /// Its models.
    pub model: Option<Choosable>,
    /// How hard it thinks.
    pub effort: Option<Choosable>,
}

#[derive(Deserialize)]
struct ConfigOption {
    id: String,
    #[serde(default)]
    category: Option<String>,
    #[serde(default, rename = "currentValue")]
    current: Value,
    #[serde(default)]
    options: Value,
}

impl Opened {
    /// Reads the result of `session/new`.
    ///
    /// # Errors
    /// One sentence when it names no session.
    pub fn read(result: &Value) -> Result<Self, String> {
        let id = result.get("sessionId").and_then(Value::as_str).filter(|id| !id.trim().is_empty());
        let Some(id) = id else {
            return Err("the agent's answer to session/new names no session".to_owned());
        };
        let option = |category: &str| {
            let options = result.get("configOptions").and_then(Value::as_array);
            let mut options =
                options.into_iter().flatten().filter_map(|option| ConfigOption::deserialize(option).ok());
            options.find(|option| option.category.as_deref() == Some(category)).map(choosable)
        };
        Ok(Self {
            id: id.to_owned(),
            model: option("model").or_else(|| models(result)),
            effort: option("thought_level"),
        })
    }
}

fn choosable(option: ConfigOption) -> Choosable {
    let mut values = Vec::new();
    values_of(&option.options, &mut values);
    Choosable { by: Chooser::Option(option.id), current: option.current.as_str().map(str::to_owned), values }
}

/// The values of a list, also where they stand in groups.
fn values_of(options: &Value, values: &mut Vec<Offered>) {
    for option in options.as_array().into_iter().flatten() {
        match option.get("value").and_then(Value::as_str) {
            Some(id) => values.push(offered(id, option)),
            None => {
                for option in option.get("options").and_then(Value::as_array).into_iter().flatten() {
                    values.extend(option.get("value").and_then(Value::as_str).map(|id| offered(id, option)));
                }
            }
        }
    }
}

fn offered(id: &str, of: &Value) -> Offered {
    Offered { id: id.to_owned(), title: of.get("name").and_then(Value::as_str).map(str::to_owned) }
}

fn models(result: &Value) -> Option<Choosable> {
    let models = result.get("models")?;
    let list = models.get("availableModels")?.as_array()?;
    let values = list.iter().filter_map(|model| Some(offered(model.get("modelId")?.as_str()?, model)));
    let current = models.get("currentModelId").and_then(Value::as_str).map(str::to_owned);
    Some(Choosable { by: Chooser::SetModel, current, values: values.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abilities_default_to_none() {
        let agreed = Agreed::read(&json!({"protocolVersion": 1})).unwrap();
        assert_eq!(agreed, Agreed::default());
        let agreed = Agreed::read(&json!({
            "protocolVersion": 1, "agentInfo": {"name": "gemini-cli", "version": "0.61.0"},
            "agentCapabilities": {"promptCapabilities": {"image": true, "audio": "yes"}},
            "authMethods": [{"id": "a"}, {"id": "b", "type": "terminal"}, {"name": "c"}, 7],
        }));
        let want = Agreed {
            agent: "gemini-cli 0.61.0".to_owned(),
            images: true,
            audio: false,
            logins: vec!["a".to_owned()],
        };
        assert_eq!(agreed, Ok(want));
        for wrong in [json!(null), json!({"protocolVersion": 2}), json!({"protocolVersion": "1"})] {
            assert!(Agreed::read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn models_are_read_as_agents_tell_them() {
        let gemini = json!({"sessionId": "s", "models": {"currentModelId": "auto", "availableModels": [
            {"modelId": "auto", "name": "Auto"}, {"modelId": "gemini-2.5-pro"}, {"name": "no id"}]}});
        let opened = Opened::read(&gemini).unwrap();
        let model = opened.model.unwrap();
        assert_eq!(model.current.as_deref(), Some("auto"));
        assert_eq!(model.value("gemini-2.5-pro"), Some("gemini-2.5-pro"));
        assert_eq!(model.value("gpt"), None);
        assert_eq!(model.choose("s", "auto").1, json!({"sessionId": "s", "modelId": "auto"}));

        let opencode = json!({"sessionId": "s", "configOptions": [
            {"id": "model", "category": "model", "type": "select", "currentValue": "mock/mock-1",
             "options": [{"group": "Mock", "options": [{"value": "mock/mock-1", "name": "Mock 1"}]}]},
            {"id": "effort", "category": "thought_level", "currentValue": "low", "options": [{"value": "low"}, {"value": "high"}]},
            {"no": "id"}]});
        let opened = Opened::read(&opencode).unwrap();
        let model = opened.model.unwrap();
        assert_eq!(model.value("mock-1"), Some("mock/mock-1"));
        let want = json!({"sessionId": "s", "configId": "model", "value": "mock/mock-1"});
        assert_eq!(model.choose("s", "mock/mock-1"), ("session/set_config_option", want));
        assert_eq!(opened.effort.unwrap().value("high"), Some("high"));
    }

    #[test]
    fn session_without_an_id_is_none() {
        for wrong in [json!({}), json!({"sessionId": " "}), json!({"sessionId": 1}), json!(null)] {
            assert!(Opened::read(&wrong).is_err(), "{wrong}");
        }
    }
}
