//! The answer to a request with `generate: false`: complete at once, and empty. Source: OpenAI guide "WebSocket mode".
use ::events::wire::Moment;
use lip_wire::lens::Lens;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the client gets.
pub(super) struct Warm {
    /// By which the next request continues it.
    pub(super) id: String,
    /// The events, in order.
    pub(super) events: [String; 3],
}

/// The fields of a response object that repeat the request's, and what stands there if it has none.
/// Source: OpenAI API reference, "The response object".
const REPEATED: [(&str, &str); 22] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("model", "null"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("service_tier", "\"auto\""),
    ("store", "true"),
    ("temperature", "1.0"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", "\"disabled\""),
    ("presence_penalty", "0.0"),
    ("frequency_penalty", "0.0"),
    ("user", "null"),
];

const NO_USAGE: &str = r#"{"input_tokens":0,"input_tokens_details":{"cached_tokens":0},"output_tokens":0,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":0}"#;

/// Answers the request in `lens`, at this moment where its wires have one.
pub(super) fn warm(lens: &Lens, moment: Option<Moment>) -> Warm {
    let now = moment.map_or_else(SystemTime::now, |moment| moment.now);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let draw = |n| moment.map_or_else(random, |moment| moment.draw(n));
    let id = format!("resp_{:016x}{:016x}", draw(0), draw(1));
    Warm { events: events(lens.body(), &id, now), id }
}

/// Ids need no secrecy beyond not being guessed by chance: each caller reaches its own only.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn events(body: &[u8], id: &str, now: u64) -> [String; 3] {
    #[derive(Deserialize)]
    struct Body<'a>(#[serde(borrow)] HashMap<String, &'a RawValue>);
    let fields = serde_json::from_slice::<Body<'_>>(body).map(|body| body.0).unwrap_or_default();
    let mut repeated = String::new();
    for (name, usual) in REPEATED {
        let own = fields.get(name).map(|value| value.get()).filter(|value| *value != "null");
        repeated.push_str(&format!(",\"{name}\":{}", own.unwrap_or(usual)));
    }
    let object = |status: &str, completed_at: &str, usage: &str| {
        format!(
            r#"{{"id":"{id}","object":"response","created_at":{now},"status":"{status}","background":false,"completed_at":{completed_at},"error":null,"incomplete_details":null,"output":[],"usage":{usage}{repeated}}}"#
        )
    };
    let event = |nth: usize, kind: &str, object: &str| {
        format!(r#"{{"type":"response.{kind}","sequence_number":{nth},"response":{object}}}"#)
    };
    let running = object("in_progress", "null", "null");
    let done = object("completed", &now.to_string(), NO_USAGE);
    [event(0, "created", &running), event(1, "in_progress", &running), event(2, "completed", &done)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn warm_up_is_complete_and_empty() {
        let body = br#"{"model":"m","tools":[{"x":1e400}],"store":false,"top_p":null,"input":"\ud835"}"#;
        let events = events(body, "resp_1", 17);
        assert!(events[2].contains(r#""tools":[{"x":1e400}]"#), "{}", events[2]);
        let events = events.map(|event| event.replace("1e400", "1"));
        let events: Vec<Value> =
            events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
        let kinds: Vec<_> = events.iter().map(|event| (&event["type"], &event["sequence_number"])).collect();
        let kind = |name: &str| json!(format!("response.{name}"));
        let (created, running, completed) = (kind("created"), kind("in_progress"), kind("completed"));
        assert_eq!(kinds, [(&created, &json!(0)), (&running, &json!(1)), (&completed, &json!(2))]);
        let response = &events[2]["response"];
        assert_eq!((&response["status"], &response["output"]), (&json!("completed"), &json!([])));
        assert_eq!((&response["store"], &response["top_p"]), (&json!(false), &json!(1.0)));
        assert_eq!(events[0]["response"]["usage"], Value::Null);
        assert_eq!(response["usage"]["total_tokens"], 0);
    }

    #[test]
    fn ids_differ() {
        assert_ne!(random(), random());
    }
}
