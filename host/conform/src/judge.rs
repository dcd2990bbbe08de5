//! What both sides saw against what they were to see. Every expectation is one verdict.
use crate::check::Check;
use crate::client::Got;
use crate::corpus::Side;
use crate::dialect::{Dialect, Mode};
use crate::exchange;
use crate::fold::{self, Folded};
use crate::script::Heard;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// One expectation and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// `upstream` or `client`.
    pub(crate) side: &'static str,
    pub(crate) check: String,
    /// What stands there instead.
    pub(crate) found: Option<String>,
}

impl Verdict {
    pub(crate) fn new(side: &'static str, check: impl Into<String>, result: Result<(), String>) -> Self {
        Self { side, check: check.into(), found: result.err() }
    }
}

/// Several conditions that count as one: what is wrong, or nothing.
fn all(problems: Vec<String>) -> Result<(), String> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// What holds of every request or answer of a dialect, where it does not hold.
fn broken(rules: &[Check], partner: Dialect, mode: Mode, value: &Value) -> Vec<String> {
    let rules = rules.iter().filter(|check| check.concerns(partner, mode));
    rules.filter_map(|check| Some(format!("{}: found {}", check.text, check.test(value).err()?))).collect()
}

fn each<'a>(
    side: &'static str,
    checks: &'a [Check],
    (partner, mode): (Dialect, Mode),
    value: &'a Value,
) -> impl Iterator<Item = Verdict> + 'a {
    let checks = checks.iter().filter(move |check| check.concerns(partner, mode));
    checks.map(move |check| Verdict::new(side, &check.text, check.test(value)))
}

/// An upstream of `target` and the one request that it was to hear: valid in its API, and holding what the case says.
pub(crate) fn upstream(
    target: Dialect,
    partner: Dialect,
    mode: Mode,
    heard: Option<&Heard>,
    (checks, defaults): (&[Check], &Side),
) -> Vec<Verdict> {
    let mut problems = Vec::new();
    let mut body = Value::Null;
    match heard {
        None => problems.push("no request came".to_owned()),
        Some(heard) => {
            if heard.dialect != Some(target) {
                problems.push(format!("it came to {}", heard.path));
            }
            match serde_json::from_slice(&heard.body) {
                Ok(Value::Object(map)) => body = Value::Object(map),
                _ => problems.push("the body is no JSON object".to_owned()),
            }
            let keys = body.as_object().into_iter().flat_map(Map::keys);
            problems.extend(
                keys.filter(|key| !defaults.fields.contains(key)).map(|key| format!("unknown field {key}")),
            );
            let streams = if target == Dialect::Gemini {
                heard.path.ends_with(":streamGenerateContent")
            } else {
                body.get("stream") == Some(&Value::Bool(true))
            };
            if streams != (mode == Mode::Stream) {
                problems.push(format!("stream: {streams}"));
            }
            problems.extend(broken(&defaults.sent, partner, mode, &body));
        }
    }
    let valid = Verdict::new("upstream", "gets a valid request", all(problems));
    std::iter::once(valid).chain(each("upstream", checks, (partner, mode), &body)).collect()
}

/// A client of `source` and its answer: valid in its API, and holding what the case says. Returns the answer as folded, for an echo.
pub(crate) fn client(
    source: Dialect,
    partner: Dialect,
    mode: Mode,
    got: &Got,
    (checks, defaults): (&[Check], &Side),
) -> (Vec<Verdict>, Map<String, Value>) {
    let success = got.status < 400;
    let Folded { mut value, mut problems, ended, .. } = fold::answer(source, mode, success, &got.body);
    let content_type =
        got.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = if mode == Mode::Stream && success { "text/event-stream" } else { "application/json" };
    if !content_type.starts_with(wanted) {
        problems.push(format!("content-type {content_type}"));
    }
    let echoed = value.clone();
    let failed = value.contains_key("error") && value.get("error") != Some(&Value::Null);
    let about = json!({"status": got.status, "headers": exchange::headers(&got.headers), "ended": ended, "cut": got.cut});
    value.insert("@".to_owned(), about);
    let value = Value::Object(value);
    if success && !failed {
        problems.extend(broken(&defaults.got, partner, mode, &value));
    }
    let judges_status =
        checks.iter().any(|check| check.text.starts_with("/@/status") || check.text.starts_with("/error"));
    if got.status != 200 && !judges_status {
        problems.push(format!("status {}: {value}", got.status));
    }
    let valid = Verdict::new("client", "gets a valid answer", all(problems));
    let verdicts = std::iter::once(valid).chain(each("client", checks, (partner, mode), &value)).collect();
    (verdicts, echoed)
}

/// Pass-through: both sides see the other's bytes.
pub(crate) fn same_bytes(sent: &Bytes, heard: Option<&Heard>, said: &Bytes, got: &Got) -> Vec<Verdict> {
    let arrived = match heard {
        Some(heard) => equal(&heard.body, sent),
        None => Err("no request came".to_owned()),
    };
    vec![
        Verdict::new("upstream", "gets the client's bytes", arrived),
        Verdict::new("client", "gets the upstream's bytes", equal(&got.body, said)),
    ]
}

/// Bytes shown on either side of a difference.
const SHOWN: usize = 80;

fn equal(found: &[u8], wanted: &[u8]) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let at = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
    let around = |bytes: &[u8]| {
        let piece = &bytes[at.saturating_sub(SHOWN)..bytes.len().min(at + SHOWN)];
        String::from_utf8_lossy(piece).into_owned()
    };
    Err(format!(
        "{} bytes instead of {}, other from byte {at}: {:?} instead of {:?}",
        found.len(),
        wanted.len(),
        around(found),
        around(wanted)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_shown_where_it_begins() {
        assert_eq!(equal(b"abc", b"abc"), Ok(()));
        let said = equal(b"abX", b"abcd").unwrap_err();
        assert!(said.starts_with("3 bytes instead of 4, other from byte 2: \"abX\""), "{said}");
        assert!(equal(b"ab", b"abc").unwrap_err().contains("from byte 2"));
    }

    #[test]
    fn request_of_another_api_is_not_valid() {
        let defaults = Side { fields: vec!["model".to_owned()], ..Side::default() };
        let heard = Heard {
            path: "/v1/responses".to_owned(),
            dialect: Some(Dialect::Responses),
            body: Bytes::from_static(b"{\"model\":\"m\",\"top_k\":1}"),
        };
        let checks = Check::parse_all("/model = \"m\"\n/seed absent").unwrap();
        let judged = |target| {
            let verdicts =
                upstream(target, Dialect::Gemini, Mode::Stream, Some(&heard), (&checks, &defaults));
            verdicts.into_iter().map(|verdict| verdict.found).collect::<Vec<_>>()
        };
        assert_eq!(
            judged(Dialect::Responses),
            [Some("unknown field top_k; stream: false".to_owned()), None, None]
        );
        assert!(
            judged(Dialect::Chat)[0].as_ref().is_some_and(|why| why.contains("it came to /v1/responses"))
        );
        let silent = upstream(Dialect::Chat, Dialect::Gemini, Mode::Whole, None, (&checks, &defaults));
        assert_eq!(silent.iter().filter(|verdict| verdict.found.is_some()).count(), 2);
    }
}
