//! An agent that runs: started, agreed with, and given a session.
use crate::acp::history::Heard;
use crate::acp::rpc::{AUTH_REQUIRED, RpcError};
use crate::acp::setup::{Agreed, Opened, initialize, new_session};
use crate::describe::Description;
use crate::fault;
use crate::launch::{Command, Launch, Running};
use crate::limits::Place;
use crate::stderr::Tail;
use crate::wire::{self, Broken, Wire};
use base::{Fault, Kind, Retry};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How long the exit of a program is waited for that has closed its output.
const EXIT_WAIT: Duration = Duration::from_millis(500);

/// An agent that runs.
pub(crate) struct Live {
    pub(crate) wire: Wire,
    pub(crate) running: Arc<dyn Running>,
    pub(crate) agreed: Agreed,
    pub(crate) opened: Opened,
    /// What its session has heard; none: nothing that could be relied on.
    pub(crate) heard: Option<Heard>,
    /// Its session has had no prompt yet.
    pub(crate) is_fresh: bool,
    last_words: Arc<Tail>,
    cwd: PathBuf,
    _place: Place,
}

/// Why a request of ours got no result.
pub(crate) enum Refused {
    /// The agent said no. It lives.
    Answer(RpcError),
    /// It cannot be asked for that. It lives.
    Unable(Fault),
    /// Nothing more is to be had from it.
    Dead(Fault),
}

impl Refused {
    pub(crate) fn fault(self, description: &Description) -> Fault {
        match self {
            Self::Answer(error) => fault::of_rpc(&error, &description.login_hint),
            Self::Unable(fault) | Self::Dead(fault) => fault,
        }
    }
}

impl Live {
    /// Starts `command` and agrees with it, within `patience`. What was started and is of no use is ended.
    pub(crate) async fn start(
        launch: &dyn Launch,
        command: &Command,
        description: &Description,
        (patience, version): (Duration, &str),
        place: Place,
    ) -> Result<Self, Fault> {
        let began = Instant::now();
        let started = launch.launch(command).await.map_err(|error| {
            let sentence = format!("the agent's program {} cannot be started", command.program.display());
            Fault::host(Kind::Unavailable, sentence)
                .retry(Retry::Elsewhere)
                .code("agent_missing")
                .source(error)
        })?;
        let mut live = Self {
            last_words: Tail::of(started.stderr, &command.env),
            wire: Wire::new(started.stdin, started.stdout),
            running: Arc::from(started.running),
            agreed: Agreed::default(),
            opened: Opened::default(),
            heard: None,
            is_fresh: true,
            cwd: command.cwd.clone(),
            _place: place,
        };
        match live.agree(description, version, began + patience).await {
            Ok(()) => {
                live.running.remember();
                tracing::info!(
                    pid = live.running.pid(),
                    agent = live.agreed.agent,
                    program = %command.program.display(),
                    took_ms = began.elapsed().as_millis(),
                    "an agent started"
                );
                Ok(live)
            }
            Err(fault) => {
                live.end().await;
                Err(fault)
            }
        }
    }

    async fn agree(&mut self, description: &Description, version: &str, by: Instant) -> Result<(), Fault> {
        let result = self.call("initialize", &initialize(version), description, by).await;
        let result = result.map_err(|refused| refused.fault(description))?;
        self.agreed = Agreed::read(&result).map_err(|why| fault::nonsense(&why))?;
        self.open(description, by).await.map_err(|refused| refused.fault(description))
    }

    /// Opens another session, which has heard nothing.
    pub(crate) async fn open(&mut self, description: &Description, by: Instant) -> Result<(), Refused> {
        let params = new_session(&self.cwd);
        let mut result = self.call("session/new", &params, description, by).await;
        if let (Err(Refused::Answer(error)), Some(method)) = (&result, &description.login)
            && error.code.0 == AUTH_REQUIRED
            && self.agreed.logins.contains(method)
        {
            let login = json!({"methodId": method});
            self.call("authenticate", &login, description, by).await?;
            result = self.call("session/new", &params, description, by).await;
        }
        self.opened = Opened::read(&result?).map_err(|why| Refused::Dead(fault::nonsense(&why)))?;
        (self.heard, self.is_fresh) = (None, true);
        Ok(())
    }

    /// Has the agent chosen this model and effort? Does what is needed for it.
    pub(crate) async fn choose(
        &mut self,
        description: &Description,
        effort: Option<&str>,
        by: Instant,
    ) -> Result<(), Refused> {
        if description.chooses_model && !description.model.is_empty() {
            let value = match &self.opened.model {
                Some(model) => model.value(&description.model).map(str::to_owned),
                None => None,
            };
            let Some(value) = value else {
                return Err(Refused::Unable(self.unknown_model(&description.model)));
            };
            self.select(|opened| opened.model.as_mut(), &value, description, by).await?;
        }
        let effort = effort.and_then(|effort| self.opened.effort.as_ref()?.value(effort)).map(str::to_owned);
        if let Some(effort) = effort {
            self.select(|opened| opened.effort.as_mut(), &effort, description, by).await?;
        }
        Ok(())
    }

    fn unknown_model(&self, wanted: &str) -> Fault {
        let known: Vec<&str> = self
            .opened
            .model
            .iter()
            .flat_map(|model| &model.values)
            .map(|value| &*value.id)
            .take(12)
            .collect();
        let fault = Fault::client(Kind::NotFound, format!("the agent has no model \"{wanted}\""));
        let fault = fault.retry(Retry::Elsewhere).code("model_not_found").param("model");
        match known.is_empty() {
            true => fault.hint("It lets no model be chosen: leave the name out"),
            false => fault.hint(format!("It has {}", known.join(", "))),
        }
    }

    async fn select(
        &mut self,
        what: fn(&mut Opened) -> Option<&mut crate::acp::setup::Choosable>,
        value: &str,
        description: &Description,
        by: Instant,
    ) -> Result<(), Refused> {
        let session = self.opened.id.clone();
        let Some(choosable) = what(&mut self.opened) else { return Ok(()) };
        if choosable.current.as_deref() == Some(value) {
            return Ok(());
        }
        let (method, params) = choosable.choose(&session, value);
        self.call(method, &params, description, by).await?;
        if let Some(choosable) = what(&mut self.opened) {
            choosable.current = Some(value.to_owned());
        }
        Ok(())
    }

    /// Asks something outside of a turn, and answers what the agent asks meanwhile.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        params: &Value,
        description: &Description,
        by: Instant,
    ) -> Result<Value, Refused> {
        let began = Instant::now();
        let own = self.wire.request(method, params);
        loop {
            let heard = match timeout_at(by, self.wire.hear()).await {
                Ok(Ok(heard)) => heard,
                Ok(Err(broken)) => return Err(Refused::Dead(self.broken(broken).await)),
                Err(_) => {
                    let silent = format!("did not answer to {method}");
                    return Err(Refused::Dead(fault::silent(&silent, began.elapsed().as_secs())));
                }
            };
            match heard {
                wire::Heard::Response { id: Some(id), result } if id == own => {
                    return result.map_err(Refused::Answer);
                }
                // It could not read the only thing that it was asked.
                wire::Heard::Response { id: None, result: Err(error) } => return Err(Refused::Answer(error)),
                wire::Heard::Request { id, method, .. } => self.answer_other(&id, &method, description),
                wire::Heard::Response { .. } | wire::Heard::Notification { .. } => {}
            }
        }
    }

    /// Answers a request that is no business of a turn.
    pub(crate) fn answer_other(
        &mut self,
        id: &serde_json::value::RawValue,
        method: &str,
        description: &Description,
    ) {
        match description.answer(method) {
            Some(answer) => self.wire.answer(id, answer),
            None => self.wire.refuse(id, method),
        }
    }

    /// The fault that the end of its output stands for.
    pub(crate) fn broken(&self, broken: Broken) -> impl Future<Output = Fault> + Send + use<> {
        let (running, last_words) = (Arc::clone(&self.running), Arc::clone(&self.last_words));
        async move {
            match broken {
                Broken::Nonsense(why) => fault::nonsense(&why),
                Broken::Closed => {
                    let exit = timeout(EXIT_WAIT, running.ended()).await.ok();
                    if exit.is_some() {
                        let _ = timeout(EXIT_WAIT, last_words.over()).await;
                    }
                    fault::ended(exit, &last_words.shown())
                }
            }
        }
    }

    /// Ends it and all that it started.
    pub(crate) async fn end(self) {
        let Self { wire, running, .. } = self;
        // Its standard input is closed first: most agents go by themselves.
        drop(wire);
        let killed = running.kill().await;
        if killed.survivors > 0 {
            tracing::error!(
                pid = running.pid(),
                survivors = killed.survivors,
                "processes of an agent could not be ended"
            );
        }
    }
}
