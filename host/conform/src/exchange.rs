//! From a case to bytes: what the client sends, what the upstream is to say, and what a client that echoes its answer sends next.
use crate::corpus::{Case, Side};
use crate::dialect::{Dialect, Mode};
use crate::script::Script;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A client's request as it goes out, and the same for an upstream that knows the bare model.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) body: Bytes,
    pub(crate) passed_on: Bytes,
}

/// The request of a client of `source`. `selector` names the model to the gateway, `bare` to the upstream.
pub(crate) fn ask(source: Dialect, literal: &str, mode: Mode, selector: &str, bare: &str) -> Ask {
    let text = match (mode, source) {
        (Mode::Whole, _) | (_, Dialect::Gemini) => literal.to_owned(),
        (Mode::Stream, Dialect::Chat) => {
            literal.replacen('{', "{\"stream\":true,\"stream_options\":{\"include_usage\":true},", 1)
        }
        (Mode::Stream, Dialect::Responses | Dialect::Anthropic) => {
            literal.replacen('{', "{\"stream\":true,", 1)
        }
    };
    Ask { body: text.replace("$model", selector).into(), passed_on: text.replace("$model", bare).into() }
}

/// What the upstream of `target` says in `mode`; what the case leaves open comes from `defaults`.
pub(crate) fn script(side: Option<&Side>, defaults: &Side, mode: Mode) -> Script {
    let own = side.filter(|side| side.answer.is_some() || side.stream.is_some());
    let side = own.unwrap_or(defaults);
    let streamed = mode == Mode::Stream && side.status < 400;
    let body = if streamed { &side.stream } else { &side.answer };
    Script {
        status: side.status,
        headers: side.headers.clone(),
        content_type: if streamed { "text/event-stream" } else { "application/json" },
        body: body.clone().unwrap_or_default().into(),
        split: if streamed { side.split } else { 0 },
    }
}

/// The modes in which a target's answers of a case are asked for; without answers one is enough.
pub(crate) fn modes(target: Option<&Side>) -> Vec<Mode> {
    let Some(side) = target else { return vec![Mode::Whole] };
    match (&side.answer, &side.stream) {
        (Some(_), None) if side.status >= 400 => vec![Mode::Whole, Mode::Stream],
        (Some(_), Some(_)) => vec![Mode::Whole, Mode::Stream],
        (None, Some(_)) => vec![Mode::Stream],
        (_, None) => vec![Mode::Whole],
    }
}

impl Case {
    /// Whether an upstream of `target` has an answer of its own in this case.
    pub(crate) fn answers(&self, target: Dialect) -> bool {
        self.sides.get(&target).is_some_and(|side| side.answer.is_some() || side.stream.is_some())
    }
}

/// The second turn of a client that sends back what it got, followed by `then`. `None` if the answer has no turn to echo.
pub(crate) fn echo(source: Dialect, first: &str, answer: &Map<String, Value>, then: &str) -> Option<String> {
    let answer = Value::Object(answer.clone());
    let mut request: Map<String, Value> = serde_json::from_str(first).ok()?;
    let (key, echoed) = match source {
        Dialect::Chat => ("messages", vec![answer.pointer("/choices/0/message")?.clone()]),
        Dialect::Responses => ("input", answer.get("output")?.as_array()?.clone()),
        Dialect::Anthropic => {
            ("messages", vec![json!({"role": "assistant", "content": answer.get("content")?})])
        }
        Dialect::Gemini => ("contents", vec![answer.pointer("/candidates/0/content")?.clone()]),
    };
    let mut then = then.to_owned();
    for (n, id) in call_ids(source, &echoed).iter().enumerate() {
        then = then.replace(&format!("$id{n}"), id);
    }
    let then: Vec<Value> = serde_json::from_str(&then).ok()?;
    let turns = match request.remove(key)? {
        Value::Array(turns) => turns,
        text => vec![json!({"type": "message", "role": "user", "content": text})],
    };
    let turns: Vec<Value> = turns.into_iter().chain(echoed).chain(then).collect();
    request.insert(key.to_owned(), turns.into());
    serde_json::to_string(&request).ok()
}

/// The ids by which a client of `source` names the calls in its answer.
fn call_ids(source: Dialect, echoed: &[Value]) -> Vec<String> {
    let (list, id) = match source {
        Dialect::Chat => ("/tool_calls", "/id"),
        Dialect::Responses => ("", "/call_id"),
        Dialect::Anthropic => ("/content", "/id"),
        Dialect::Gemini => ("/parts", "/functionCall/id"),
    };
    let items = echoed.iter().flat_map(|turn| {
        let list = if list.is_empty() { Some(turn) } else { turn.pointer(list) };
        list.map(|list| list.as_array().cloned().unwrap_or_else(|| vec![list.clone()])).unwrap_or_default()
    });
    let is_call = |item: &Value| {
        source != Dialect::Anthropic || item.get("type").and_then(Value::as_str) == Some("tool_use")
    };
    items.filter(is_call).filter_map(|item| item.pointer(id)?.as_str().map(str::to_owned)).collect()
}

/// The headers of an answer as JSON.
pub(crate) fn headers(map: &http::HeaderMap) -> BTreeMap<&str, &str> {
    map.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_is_asked_for_in_the_dialects_way() {
        let body = |source, mode| {
            let ask = ask(source, "{\"model\":\"$model\"}", mode, "b:m", "m");
            assert_eq!(
                String::from_utf8_lossy(&ask.body).replace("b:m", "m"),
                String::from_utf8_lossy(&ask.passed_on)
            );
            String::from_utf8(ask.body.to_vec()).unwrap()
        };
        assert_eq!(body(Dialect::Anthropic, Mode::Stream), r#"{"stream":true,"model":"b:m"}"#);
        assert_eq!(body(Dialect::Gemini, Mode::Stream), body(Dialect::Chat, Mode::Whole));
        assert!(body(Dialect::Chat, Mode::Stream).contains("include_usage"));
    }

    #[test]
    fn echo_names_the_calls_of_the_answer() {
        let answer = json!({"content": [{"type": "thinking", "thinking": "t"}, {"type": "tool_use", "id": "x1", "name": "f", "input": {}}]});
        let answer = answer.as_object().unwrap();
        let first = r#"{"model":"$model","messages":[{"role":"user","content":"hi"}]}"#;
        let then =
            r#"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"$id0","content":"ok"}]}]"#;
        let second: Value =
            serde_json::from_str(&echo(Dialect::Anthropic, first, answer, then).unwrap()).unwrap();
        assert_eq!(second["messages"][1]["content"], answer["content"]);
        assert_eq!(second["messages"][2]["content"][0]["tool_use_id"], "x1");
        let answer = json!({"output": [{"type": "function_call", "call_id": "c9"}]});
        let second = echo(
            Dialect::Responses,
            r#"{"input":"hi"}"#,
            answer.as_object().unwrap(),
            r#"[{"call_id":"$id0"}]"#,
        );
        let second: Value = serde_json::from_str(&second.unwrap()).unwrap();
        assert_eq!(
            (&second["input"][0]["content"], &second["input"][2]["call_id"]),
            (&json!("hi"), &json!("c9"))
        );
        assert!(echo(Dialect::Chat, first, &Map::new(), "[]").is_none());
    }
}
