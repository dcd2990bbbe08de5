//! Cursor CLI, with the account that it is logged in to.
//!
//! Source: cursor.com/docs/cli (acp, reference/parameters, reference/authentication).
use crate::config;
use lip_plugin::{Agent, Connector, Create, Ctx, Error, Model, Result, Turn, Value, json};
use login::Login;
use models::Catalogue;

mod login;
mod models;

const DEFAULT_MODEL: &str = "composer-2";
/// A day, and a week: longer is a mistake.
const DISCOVERY_SECONDS_MAX: f64 = 86_400.0;
const TTL_SECONDS_MAX: f64 = 604_800.0;

/// `cursor-cli-acp`.
pub(crate) struct Cursor {
    agent: Agent,
    model: String,
    /// Arguments of every run, in front of what it is to do.
    before: Vec<String>,
    trusts: bool,
    has_key: bool,
    ttl_ms: u64,
    discovery_ms: u64,
}

impl Connector for Cursor {
    const MANIFEST: &'static str = include_str!("cursor.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let mut agent = config::described(&with)?;
        let own = config::first(&with, &["cursor_cli_executable", "agent_executable"])?;
        agent.programs = vec![own.unwrap_or_else(|| "agent".to_owned())];
        agent.missing =
            "Install Cursor's CLI so that agent is on PATH, or set CURSOR_AGENT_BIN to its file".to_owned();
        agent.login_hint = "Run agent login once".to_owned();
        agent.answers = answers();
        let mut before = Vec::new();
        if let Some(endpoint) = config::first(&with, &["cursor_api_endpoint", "cursor_api_base_url"])? {
            before.extend(["-e".to_owned(), endpoint]);
        }
        for key in ["cursor_cli_extra_args", "cursor_extra_cli_args"] {
            match with.config.get(key) {
                Some(Value::String(line)) => before.extend(line.split_whitespace().map(str::to_owned)),
                _ => before.extend(with.strings(key)?),
            }
        }
        let ms = |key: &str, max: f64, default: f64| {
            Ok::<_, Error>((with.number(key, max)?.unwrap_or(default) * 1000.0) as u64)
        };
        let names = with.config.get("secrets").and_then(Value::as_array);
        Ok(Self {
            agent,
            model: config::first(&with, &["model"])?.unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
            before,
            trusts: with.flag("trust_workspace", true)?,
            has_key: names.is_some_and(|names| names.iter().any(|name| name == "cursor_api_key")),
            ttl_ms: ms("cursor_models_cache_ttl_seconds", TTL_SECONDS_MAX, 3600.0)?,
            discovery_ms: ms("cursor_model_discovery_timeout_seconds", DISCOVERY_SECONDS_MAX, 60.0)?,
        })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let (login, catalogue) = self.known(&cx).await?;
        let wanted = config::wanted(&turn.model, Some(&self.model)).unwrap_or(DEFAULT_MODEL);
        let cli_id = catalogue.cli_id(wanted, login)?;
        let mut agent = login.apply(self.agent.clone());
        let mut args = self.before.clone();
        args.extend(["--model".to_owned(), cli_id.clone()]);
        if self.trusts {
            args.push("--trust".to_owned());
        }
        args.push("acp".to_owned());
        agent.args = args;
        agent.model = cli_id;
        cx.agent_turn(&agent, turn.body).await?.splice();
        Ok(())
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let (login, catalogue) = self.known(&cx).await?;
        match login {
            Login::None if catalogue.is_empty() => Err(login::unavailable()),
            _ => Ok(catalogue.models()),
        }
    }
}

impl Cursor {
    /// The login and the models, asked at most once per time to live. What cannot be asked is remembered as well.
    async fn known(&self, cx: &Ctx) -> Result<(Login, Catalogue)> {
        if self.ttl_ms > 0
            && let Some(known) = models::load(cx).await
        {
            return Ok(known);
        }
        let login = self.login(cx).await?;
        let catalogue = match login {
            Login::None => Catalogue::default(),
            _ => self.catalogue(cx, login).await?,
        };
        if self.ttl_ms > 0 {
            models::save(cx, login, &catalogue, self.ttl_ms).await;
        }
        Ok((login, catalogue))
    }

    async fn login(&self, cx: &Ctx) -> Result<Login> {
        let probe = Login::Own.apply(self.agent.clone()).args(["status", "--format", "json"]);
        match cx.agent_command(&probe, login::PROBE_MS).await {
            Ok(output) if login::is_authenticated(&output) => Ok(Login::Own),
            Ok(_) => Ok(if self.has_key { Login::Key } else { Login::None }),
            // Not there, or not to be started: there is nothing to log in to.
            Err(error) => Err(error),
        }
    }

    async fn catalogue(&self, cx: &Ctx, login: Login) -> Result<Catalogue> {
        let args = self.before.iter().cloned().chain(["--list-models".to_owned()]);
        let ask = login.apply(self.agent.clone()).args(args);
        match cx.agent_command(&ask, self.discovery_ms).await {
            Ok(output) => Ok(Catalogue::read(&output.stdout)),
            Err(error) if error.code() == "timeout" => {
                cx.note("it did not list its models in time: names are passed on as they are");
                Ok(Catalogue::default())
            }
            Err(error) => Err(error),
        }
    }
}

/// Answers to what it asks beyond the protocol: nobody is there to ask.
fn answers() -> std::collections::BTreeMap<String, Value> {
    let reason = "nobody can be asked: this client is not interactive";
    let outcome = |word: &str| json!({"outcome": {"outcome": word, "reason": reason}});
    [
        ("cursor/ask_question", outcome("skipped")),
        ("cursor/create_plan", outcome("rejected")),
        ("cursor/*", json!({})),
    ]
    .map(|(method, answer)| (method.to_owned(), answer))
    .into()
}
