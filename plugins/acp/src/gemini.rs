//! Gemini CLI, with whatever account it is logged in to.
//!
//! Source: github.com/google-gemini/gemini-cli (docs/cli, ACP mode), and what release 0.61 does.
use crate::config;
use lip_plugin::{Agent, Connector, Create, Ctx, Model, Result, Turn};

const DEFAULT_MODEL: &str = "gemini-2.5-flash";

/// `gemini-cli-acp`.
pub(crate) struct Gemini {
    agent: Agent,
    model: String,
    flag: String,
}

impl Connector for Gemini {
    const MANIFEST: &'static str = include_str!("gemini.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let mut agent = config::described(&with)?;
        let own = config::first(&with, &["gemini_cli_executable"])?;
        agent.programs = vec![own.unwrap_or_else(|| "gemini".to_owned())];
        agent.missing =
            "Install it with npm install -g @google/gemini-cli, or set gemini_cli_executable".to_owned();
        agent.login_hint = "Run gemini once and log in, or set GEMINI_API_KEY".to_owned();
        // One process instead of two, half the memory, and it goes when it is asked to.
        agent.env.entry("GEMINI_CLI_NO_RELAUNCH".to_owned()).or_insert_with(|| "true".to_owned());
        agent.drops = vec!["[MODE_UPDATE] ".to_owned()];
        let model = config::first(&with, &["model"])?.unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let flag = config::first(&with, &["acp_flag"])?.unwrap_or_else(|| "--acp".to_owned());
        Ok(Self { agent, model, flag })
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

impl Gemini {
    fn with(&self, model: &str) -> Agent {
        let model = config::wanted(model, Some(&self.model)).unwrap_or(DEFAULT_MODEL);
        let model = model.strip_prefix("google/").unwrap_or(model);
        let mut agent = self.agent.clone().args([&*self.flag, "--model", model]);
        model.clone_into(&mut agent.model);
        agent
    }
}
