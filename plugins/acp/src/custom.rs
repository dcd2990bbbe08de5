//! Any agent that speaks the protocol, by its command line.
use crate::config;
use lip_plugin::{Agent, Connector, Create, Ctx, Error, Model, Result, Turn};

/// Where the model stands in a command line that takes it there.
const MODEL: &str = "{model}";

/// `custom-acp`.
pub(crate) struct Custom {
    agent: Agent,
    args: Vec<String>,
    model: Option<String>,
}

impl Connector for Custom {
    const MANIFEST: &'static str = include_str!("custom.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let mut agent = config::described(&with)?;
        let command = match with.config.get("command").and_then(|value| value.as_str()) {
            Some(line) => line.split_whitespace().map(str::to_owned).collect(),
            None => with.strings("command")?,
        };
        let mut words = command.into_iter();
        let program = words.next().filter(|word| !word.is_empty());
        let remedy = "write the agent's command line, such as [\"opencode\", \"acp\"]";
        agent.programs = vec![program.ok_or_else(|| Error::bad_config("command", remedy))?];
        agent.missing = format!("Install {}, or name its file in command", agent.programs.join(""));
        agent.login = with.string("login")?;
        agent.login_hint = config::first(&with, &["login_hint"])?
            .unwrap_or_else(|| "Log in with the agent's own command first".to_owned());
        agent.drops = with.strings("drops")?;
        Ok(Self { agent, args: words.collect(), model: config::first(&with, &["model"])? })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let agent = self.with(&turn.model);
        cx.agent_turn(&agent, turn.body).await?.splice();
        Ok(())
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        cx.agent_models(&self.with("")).await
    }
}

impl Custom {
    fn with(&self, model: &str) -> Agent {
        let model = config::wanted(model, self.model.as_deref()).unwrap_or_default();
        let takes_model = self.args.iter().any(|arg| arg.contains(MODEL));
        let mut agent = self.agent.clone().args(self.args.iter().map(|arg| arg.replace(MODEL, model)));
        model.clone_into(&mut agent.model);
        agent.chooses_model = !takes_model;
        agent
    }
}
