//! A virtual backend: one model reasons, another one answers. `hybrid:[backend:model,backend:model]` asks the first for its
//! reasoning, stops it where the reasoning ends, and lets the second answer with that in mind. It has no upstream of its own:
//! both turns go through the host, to whatever the selector names.
use lip_plugin::{
    Buf, Connector, Create, Ctx, Error, HttpResponse, Model, Result, Turn, Value, export_connector,
    serde_json,
};
use pair::{Half, Pair};
use presets::Presets;
use relay::{Before, Relay};
use settings::Settings;
use think::Thinking;

mod decide;
mod filter;
mod pair;
mod presets;
mod relay;
mod request;
mod settings;
mod tags;
mod think;
mod thought;
mod usage;

struct Hybrid {
    instance: String,
    settings: Settings,
    presets: Presets,
}

impl Connector for Hybrid {
    const MANIFEST: &'static str = include_str!("manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let (settings, presets) = (Settings::read(&with)?, Presets::read()?);
        Ok(Self { instance: with.instance.to_owned(), settings, presets })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let pair = self.pair(&turn.model)?;
        let client: Value =
            serde_json::from_slice(&turn.body).map_err(|e| Error::bad_request(e).param("body"))?;
        let memory = decide::Memory::load(&cx, &turn.session).await;
        let facts = decide::Facts { memory, is_first: decide::is_first(&client), random: turn.random };
        if !decide::reasons(facts, &self.settings) {
            cx.note(format!("{} answers without reasoning first", pair.execution.name()));
            if let Some(memory) = memory {
                let _ = memory.skipped().save(&cx, &turn.session).await;
            }
            self.execute(&cx, &pair.execution, turn.stream, turn.body).await?.splice();
            return Ok(());
        }
        let began = cx.now_unix_ms();
        let thinking = self.think(&cx, &pair.reasoning, &client, turn.stream).await?;
        let took_ms = cx.now_unix_ms().saturating_sub(began);
        if let Some(memory) = memory {
            let _ = memory.reasoned(took_ms, &self.settings).save(&cx, &turn.session).await;
        }
        self.answer(&cx, &turn, &pair, client, thinking).await
    }

    async fn models(&self, _: Ctx) -> Result<Vec<Model>> {
        Ok(Vec::new())
    }
}

impl Hybrid {
    fn pair(&self, model: &str) -> Result<Pair> {
        let refused = |what: String, code: &str| Error::bad_request(what).client_code(code).param("model");
        if self.settings.disabled {
            let what = format!("backend \"{}\" is switched off", self.instance);
            let hint = "Set disable_hybrid_backend to false, or name one of its models alone";
            return Err(refused(what, "hybrid_backend_disabled").hint(hint));
        }
        let pair = Pair::read(model)?;
        for half in [&pair.reasoning, &pair.execution] {
            if half.backend == self.instance || half.family() == "hybrid" {
                let what = format!("\"{}\" is itself a hybrid of two models", half.backend);
                return Err(refused(what, "virtual_loop").hint("Name a backend that answers by itself"));
            }
        }
        if self.presets.row(pair.reasoning.family())?.hides_reasoning {
            let what = format!("\"{}\" does not show its reasoning", pair.reasoning.backend);
            let hint = "Let another backend reason, and this one answer";
            return Err(refused(what, "incompatible_reasoning_backend").hint(hint));
        }
        Ok(pair)
    }

    /// The first phase. Time that is over is no failure: the second phase then goes without reasoning.
    async fn think(&self, cx: &Ctx, half: &Half, client: &Value, shows: bool) -> Result<Thinking> {
        let request = request::first(client, half, self.presets.row(half.family())?);
        let mut thinking = Thinking::default();
        let run = think::run(cx, half, &request, shows, &mut thinking);
        let is_late = match cx.within(self.settings.reasoning_ms, run).await {
            Some(Ok(())) => false,
            Some(Err(error)) if error.code() == "timeout" => true,
            Some(Err(error)) => return Err(error),
            None => true,
        };
        thinking.close(cx).await;
        if is_late {
            cx.note(format!("{} took too long to reason; the answer comes without", half.name()));
            return Ok(thinking.forgotten());
        }
        Ok(thinking)
    }

    async fn answer(
        &self,
        cx: &Ctx,
        turn: &Turn,
        pair: &Pair,
        client: Value,
        mut thinking: Thinking,
    ) -> Result<()> {
        let half = &pair.execution;
        let mut before = Before {
            is_started: thinking.is_shown,
            parts: u64::from(thinking.is_shown),
            dialect: client.get("origin").and_then(Value::as_str).unwrap_or_default().to_owned(),
            cost: Value::Null,
            model: half.name(),
        };
        if let Some(events) = thinking.calls() {
            cx.note(format!("{} calls tools instead of reasoning", pair.reasoning.name()));
            return calls(cx, turn.stream, events, before).await;
        }
        let Some(plain) = thinking.thought.plain().filter(|_| !client.is_null()) else {
            // Nothing to add: the client's own request.
            let response = self.execute(cx, half, turn.stream, turn.body.clone()).await?;
            return deliver(cx, response, turn.stream, thinking.is_shown, before).await;
        };
        before.cost = thinking.cost(&pair.reasoning);
        let row = self.presets.row(half.family())?;
        let mut request = request::second(&client, half, row, self.presets.reasons(&half.model));
        request::inject(&mut request, plain, row, self.settings.repeats);
        drop(client);
        let body = serde_json::to_vec(&request)?.into();
        let response = self.execute(cx, half, turn.stream, body).await?;
        if !turn.stream && (200..300).contains(&response.status()) {
            let mut response = response;
            let reply = serde_json::from_slice(&response.bytes().await?).map_err(|e| failed(half, 502, e))?;
            cx.answer(relay::whole(reply, plain, &before).to_string());
            return Ok(());
        }
        deliver(cx, response, turn.stream, true, before).await
    }

    /// The second phase's turn, until its answer begins.
    async fn execute(&self, cx: &Ctx, half: &Half, stream: bool, body: Buf) -> Result<HttpResponse> {
        let turn = cx.dispatch(&half.selector, "lip", stream, body);
        match cx.within(self.settings.execution_ms, turn).await {
            Some(response) => response,
            None => {
                let seconds = self.settings.execution_ms / 1000;
                let told = format!("the model {} did not begin to answer within {seconds} s", half.name());
                Err(Error::upstream(504, told).client_code("execution_timeout"))
            }
        }
    }
}

fn failed(half: &Half, status: u16, why: impl std::fmt::Display) -> Error {
    Error::upstream(status, format!("the model {} failed: {why}", half.name()))
        .client_code("hybrid_execution_failed")
}

/// The second phase's answer. An error is the upstream's own as long as nothing was shown; `edits`: it is looked at.
async fn deliver(cx: &Ctx, response: HttpResponse, stream: bool, edits: bool, before: Before) -> Result<()> {
    let status = response.status();
    let is_good = (200..300).contains(&status);
    if !is_good && before.is_started {
        let why = think::told(response).await.unwrap_or_else(|| format!("status {status}"));
        let told = format!("the model {} failed: {why}", before.model);
        return Err(Error::upstream(status, told).client_code("hybrid_execution_failed"));
    }
    if !is_good || !stream || !edits {
        response.splice();
        return Ok(());
    }
    let mut events = response.events();
    let mut relay = Relay::new(before);
    let mut out = Vec::new();
    while !relay.is_over() {
        // Without an end the host sees that it was cut.
        let Some(event) = events.next().await? else { return Ok(()) };
        relay.event(serde_json::from_str(&event.data)?, &mut out);
        for event in out.drain(..) {
            think::send(cx, &event).await;
        }
    }
    Ok(())
}

/// The first phase's tool calls as the answer.
async fn calls(cx: &Ctx, stream: bool, events: Vec<Value>, before: Before) -> Result<()> {
    if !stream {
        cx.answer(think::whole(events).to_string());
        return Ok(());
    }
    let mut relay = Relay::new(before);
    let mut out = Vec::new();
    events.into_iter().for_each(|event| relay.event(event, &mut out));
    for event in out {
        think::send(cx, &event).await;
    }
    Ok(())
}

export_connector!(Hybrid);

#[cfg(test)]
mod tests;
