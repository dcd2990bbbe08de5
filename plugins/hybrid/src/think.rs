//! The first phase: asks the reasoning model, shows what it thinks as it comes, and stops it where the reasoning ends.
use crate::pair::Half;
use crate::thought::Thought;
use crate::usage::Counts;
use lip_plugin::{Ctx, Error, HttpResponse, Result, Value, json, serde_json};

/// What the first phase came to.
#[derive(Debug, Default)]
pub(crate) struct Thinking {
    pub(crate) thought: Thought,
    pub(crate) counts: Counts,
    /// Events of tool calls, and how it stopped.
    calls: Vec<Value>,
    has_calls: bool,
    /// It was stopped before it had reported what it cost.
    pub(crate) is_cut: bool,
    /// Something of it has been shown.
    pub(crate) is_shown: bool,
}

/// Asks the model of `half`. `shows`: the client wants a stream and sees the reasoning while it comes.
///
/// # Errors
/// `upstream` with status 502 when the model fails; `timeout` when it falls silent.
pub(crate) async fn run(
    cx: &Ctx,
    half: &Half,
    request: &Value,
    shows: bool,
    into: &mut Thinking,
) -> Result<()> {
    let body = serde_json::to_vec(request)?;
    let response = cx.dispatch(&half.selector, "lip", true, body).await.map_err(|e| failed(half, e))?;
    let mut events = match response.status() {
        200..=299 => response.events(),
        // The host's own deadline came before ours.
        408 | 504 => return Err(Error::new("timeout", "the reasoning model did not answer in time")),
        status => {
            return Err(failed(half, told(response).await.unwrap_or_else(|| format!("status {status}"))));
        }
    };
    let mut is_over = false;
    while !is_over {
        let event = events.next().await.map_err(|error| match error.code() {
            "timeout" => error,
            _ => failed(half, error),
        })?;
        let Some(event) = event else {
            return Err(failed(half, "its answer broke off"));
        };
        let event: Value = serde_json::from_str(&event.data).map_err(|e| failed(half, e))?;
        let shown;
        (shown, is_over) = into.event(event, half)?;
        if shows && !shown.is_empty() {
            into.show(cx, &half.name(), &shown).await;
        }
    }
    Ok(())
}

/// The sentence of an error answer.
pub(crate) async fn told(mut response: HttpResponse) -> Option<String> {
    let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
    Some(body.pointer("/error/message")?.as_str()?.to_owned())
}

fn failed(half: &Half, why: impl std::fmt::Display) -> Error {
    let told = format!("the reasoning model {} failed: {why}", half.name());
    Error::upstream(502, told).client_code("hybrid_reasoning_failed")
}

impl Thinking {
    /// Takes an event: what of it is to be shown, and whether the phase is over.
    fn event(&mut self, event: Value, half: &Half) -> Result<(String, bool)> {
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let is_first = |path: &str| event.pointer(path).and_then(Value::as_u64).unwrap_or_default() == 0;
        let quiet = Ok((String::new(), false));
        if event == json!("end") {
            return Ok((self.thought.finish(), true));
        }
        let name = event.as_object().and_then(|one| one.keys().next()).map_or("", String::as_str);
        let step = match name {
            "failed" => return Err(failed(half, text("/failed/message"))),
            "start" => {
                self.counts.merge(event.pointer("/start/usage"));
                return quiet;
            }
            "usage" => {
                self.counts.merge(event.get("usage"));
                return quiet;
            }
            "reasoning" if is_first("/reasoning/at/choice") => {
                self.thought.reasoning(text("/reasoning/text"))
            }
            "text" if is_first("/text/at/choice") => self.thought.content(text("/text/text")),
            "part_start" if is_first("/part_start/at/choice") => {
                let content = event.pointer("/part_start/part/content");
                let inner =
                    |path: &str| content.and_then(|content| content.pointer(path)).and_then(Value::as_str);
                if content.is_some_and(|content| content.get("tool_call").is_some()) {
                    self.has_calls = true;
                    self.calls.push(event);
                    return quiet;
                }
                let declared = inner("/reasoning/text/0").or_else(|| inner("/reasoning/summary/0"));
                match (declared, inner("/text/text")) {
                    (Some(text), _) => self.thought.reasoning(text),
                    (None, Some(text)) => self.thought.content(text),
                    (None, None) => return quiet,
                }
            }
            "arguments" | "signature" | "part_end" | "stop" => {
                self.calls.push(event);
                return quiet;
            }
            _ => return quiet,
        };
        self.is_cut |= step.is_over;
        Ok((step.shown, step.is_over))
    }

    async fn show(&mut self, cx: &Ctx, model: &str, text: &str) {
        if !std::mem::replace(&mut self.is_shown, true) {
            send(cx, &json!({"start": {"model": model}})).await;
            let part = json!({"content": {"reasoning": {}}});
            send(cx, &json!({"part_start": {"at": {"part": 0}, "part": part}})).await;
        }
        send(cx, &json!({"reasoning": {"at": {"part": 0}, "kind": "text", "text": text}})).await;
    }

    /// Ends what was shown.
    pub(crate) async fn close(&self, cx: &Ctx) {
        if self.is_shown {
            send(cx, &json!({"part_end": {"at": {"part": 0}}})).await;
        }
    }

    /// As if it had not reasoned; what was shown stays shown.
    pub(crate) fn forgotten(self) -> Self {
        Self { is_shown: self.is_shown, ..Self::default() }
    }

    /// It did not reason: it wants tools called. Their events, as an answer of their own.
    pub(crate) fn calls(&mut self) -> Option<Vec<Value>> {
        if !self.has_calls || self.thought.plain().is_some() {
            return None;
        }
        let mut events = vec![json!({"start": {}})];
        events.append(&mut self.calls);
        events.push(json!({"usage": self.counts.clone().into_value()}));
        events.push(json!("end"));
        Some(events)
    }

    /// What it cost.
    pub(crate) fn cost(&self, half: &Half) -> Value {
        match self.is_cut {
            true => self.counts.told_about(&half.name(), self.thought.tokens()),
            false => self.counts.told(&half.name()),
        }
    }
}

/// Sends one canonical event.
pub(crate) async fn send(cx: &Ctx, event: &Value) {
    cx.send_sse("", &event.to_string()).await;
}

/// A whole answer made of the events of tool calls.
pub(crate) fn whole(events: Vec<Value>) -> Value {
    let (mut parts, mut stop, mut usage) = (Vec::<(u64, Value)>::new(), Value::Null, Value::Null);
    for mut event in events {
        let name = event.as_object().and_then(|one| one.keys().next().cloned()).unwrap_or_default();
        let Some(inner) = event.get_mut(&name).map(Value::take) else { continue };
        let at = inner.pointer("/at/part").and_then(Value::as_u64).unwrap_or_default();
        let part = parts.iter_mut().find(|(n, _)| *n == at).map(|(_, part)| part);
        match (name.as_str(), part) {
            ("part_start", None) => parts.push((at, inner.get("part").cloned().unwrap_or_default())),
            ("arguments", Some(part)) => {
                let more = inner.get("text").and_then(Value::as_str).unwrap_or_default();
                match part.pointer_mut("/content/tool_call/arguments") {
                    Some(Value::String(arguments)) => arguments.push_str(more),
                    _ => part["content"]["tool_call"]["arguments"] = json!(more),
                }
            }
            ("signature", Some(part)) => part["signature"] = inner.get("sealed").cloned().unwrap_or_default(),
            ("stop", _) => stop = inner.get("stop").cloned().unwrap_or_default(),
            ("usage", _) => usage = inner,
            _ => {}
        }
    }
    let parts: Vec<Value> = parts.into_iter().map(|(_, part)| part).collect();
    json!({"choices": [{"parts": parts, "stop": stop}], "usage": usage})
}
