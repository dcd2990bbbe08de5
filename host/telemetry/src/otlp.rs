//! OTLP in its JSON form (OpenTelemetry protocol specification, "JSON Protobuf Encoding": 64-bit numbers are texts, ids are hexadecimal).
use crate::family::{Described, Histogram};
use crate::instruments::Instruments;
use crate::names::{BACKEND, DIALECT, ERROR, MODEL, OPERATION, OUTCOME, PROVIDER, error, operation};
use crate::sample::{Kind, Labels, Sample};
use events::attempt::{Attempt, AttemptOutcome, Role};
use events::tokens::Tokens;
use events::trace::SpanRef;
use events::trouble::Trouble;
use events::turn::{Outcome, TurnBegan, TurnEnded};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;
/// `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`.
const FAILED: u8 = 2;

/// Bytes of a text that a client may choose.
const TEXT_BYTES_MAX: usize = 128;

/// Who tells.
#[derive(Clone, Debug)]
pub struct Resource {
    /// `service.version`.
    pub version: &'static str,
    /// `service.instance.id`.
    pub instance: String,
    /// Since when it counts.
    pub began: SystemTime,
}

impl Resource {
    fn as_json(&self) -> Value {
        json!({"attributes": [
            text("service.name", "lip"),
            text("service.version", self.version),
            text("service.instance.id", &self.instance),
        ]})
    }
}

fn scope(resource: &Resource) -> Value {
    json!({"name": "lip", "version": resource.version})
}

/// An `ExportMetricsServiceRequest`.
pub(crate) fn metrics(resource: &Resource, all: &Instruments, samples: &[Sample], now: SystemTime) -> Value {
    let (from, to) = (nanos(resource.began), nanos(now));
    let mut list = Vec::new();
    for family in all.counters.iter().filter(|family| !family.series.is_empty()) {
        let point = |(labels, n): (&Labels, &u64)| json!({"attributes": attributes(labels), "startTimeUnixNano": from, "timeUnixNano": to, "asInt": n.to_string()});
        let points: Vec<Value> = family.series.iter().map(point).collect();
        let sum = json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true});
        list.push(metric(&family.described, "sum", sum));
    }
    for family in all.histograms.iter().filter(|family| !family.series.is_empty()) {
        let point = |(labels, one): (&Labels, &Histogram)| {
            json!({
                "attributes": attributes(labels), "startTimeUnixNano": from, "timeUnixNano": to,
                "count": one.count.to_string(), "sum": one.sum, "explicitBounds": family.bounds,
                "bucketCounts": one.buckets.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        };
        let points: Vec<Value> = family.series.iter().map(point).collect();
        let histogram = json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE});
        list.push(metric(&family.described, "histogram", histogram));
    }
    for same in samples.chunk_by(|a, b| a.name == b.name) {
        let Some(Sample { name, help, unit, kind, .. }) = same.first() else { continue };
        let point = |sample: &Sample| json!({"attributes": attributes(&sample.labels), "startTimeUnixNano": from, "timeUnixNano": to, "asDouble": sample.value});
        let points: Vec<Value> = same.iter().map(point).collect();
        let described = Described { name, help, unit };
        list.push(match kind {
            Kind::Gauge => metric(&described, "gauge", json!({"dataPoints": points})),
            Kind::Counter => {
                let sum =
                    json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true});
                metric(&described, "sum", sum)
            }
        });
    }
    json!({"resourceMetrics": [{
        "resource": resource.as_json(),
        "scopeMetrics": [{"scope": scope(resource), "metrics": list}],
    }]})
}

fn metric(described: &Described, kind: &str, data: Value) -> Value {
    json!({"name": described.name, "description": described.help, "unit": described.unit, kind: data})
}

/// An `ExportTraceServiceRequest`: a span for each turn, and below it one for each attempt. A turn stands in its client's trace, where that
/// named one, else its id is its trace's.
pub fn traces(resource: &Resource, turns: &[Arc<TurnEnded>]) -> Value {
    let spans: Vec<Value> = turns.iter().flat_map(|turn| spans(turn)).collect();
    json!({"resourceSpans": [{
        "resource": resource.as_json(),
        "scopeSpans": [{"scope": scope(resource), "spans": spans}],
    }]})
}

fn spans(ended: &TurnEnded) -> Vec<Value> {
    let turn = &ended.turn;
    let operation = operation(turn.dialect);
    let mut attributes = vec![
        text(OPERATION, operation),
        text(MODEL, beginning(&turn.model)),
        text(DIALECT, turn.dialect),
        text(OUTCOME, ended.outcome.name()),
        text("lip.what", turn.what.name()),
        number("http.response.status_code", ended.status.into()),
        number("lip.overhead_us", ended.overhead.as_micros() as u64),
        number("lip.bytes_in", turn.bytes_in),
        number("lip.bytes_out", ended.bytes_out),
        json!({"key": "lip.stream", "value": {"boolValue": turn.stream}}),
    ];
    if let Some(charged) = ended.charged() {
        attributes.push(text(PROVIDER, &charged.connector));
        attributes.push(text(BACKEND, &charged.backend));
    }
    attributes.extend(ended.session.map(|session| text("gen_ai.conversation.id", &session.to_string())));
    attributes
        .extend(ended.first_output.map(|first| number("lip.first_output_us", first.as_micros() as u64)));
    attributes.extend(ended.tokens.iter().flat_map(usage));
    let trouble = match &ended.outcome {
        Outcome::Failed(trouble) | Outcome::BrokeOff(trouble) => Some(&**trouble),
        Outcome::Answered | Outcome::AnsweredHere | Outcome::ClientGone => None,
    };
    let mut all = vec![span(Span {
        turn,
        n: 0,
        below: None,
        kind: SERVER,
        name: format!("{operation} {}", turn.dialect),
        during: (Duration::ZERO, ended.lasted),
        attributes,
        trouble,
    })];
    all.extend(ended.attempts.iter().zip(1..).map(|(attempt, n)| of_attempt(ended, attempt, n)));
    all
}

fn of_attempt(ended: &TurnEnded, attempt: &Attempt, n: u64) -> Value {
    let operation = operation(ended.turn.dialect);
    let mut attributes = vec![
        text(OPERATION, operation),
        text(PROVIDER, &attempt.connector),
        text(MODEL, beginning(&attempt.model)),
        text(BACKEND, &attempt.backend),
        text(OUTCOME, attempt.outcome.name()),
        number("lip.key", attempt.key as u64),
    ];
    attributes.extend(attempt.tokens.iter().flat_map(usage));
    attributes.extend(
        attempt.to_first_output().map(|first| number("lip.first_output_us", first.as_micros() as u64)),
    );
    let trouble = match &attempt.outcome {
        AttemptOutcome::Failed(trouble) => Some(&**trouble),
        AttemptOutcome::Answered | AttemptOutcome::LostRace | AttemptOutcome::Cancelled => None,
    };
    let below = match attempt.role {
        Role::Within(asker) => asker as u64 + 1,
        Role::Answer | Role::Notes => 0,
    };
    span(Span {
        turn: &ended.turn,
        n,
        below: Some(below),
        kind: CLIENT,
        name: format!("{operation} {}", beginning(&attempt.model)),
        during: (attempt.began, attempt.ended),
        attributes,
        trouble,
    })
}

struct Span<'a> {
    turn: &'a TurnBegan,
    /// 0: the turn itself; else its attempt.
    n: u64,
    /// Which of them it stands below; none: below the client's.
    below: Option<u64>,
    kind: u8,
    name: String,
    during: (Duration, Duration),
    attributes: Vec<Value>,
    trouble: Option<&'a Trouble>,
}

fn span(span: Span<'_>) -> Value {
    let Span { turn, n, below, kind, name, during: (from, to), mut attributes, trouble } = span;
    let of = |n: u64| SpanRef::of(turn.id, turn.parent.as_ref(), n);
    let own = of(n);
    let above = match below {
        Some(n) => Some(of(n).span_id()),
        None => turn.parent.map(|parent| parent.span_id()),
    };
    attributes.extend(trouble.map(|trouble| text(ERROR, error(trouble.kind))));
    let mut told = json!({
        "traceId": own.trace_id(), "spanId": own.span_id(), "name": name, "kind": kind,
        "startTimeUnixNano": nanos(turn.at + from), "endTimeUnixNano": nanos(turn.at + to.max(from)),
        "attributes": attributes,
    });
    if let Some(told) = told.as_object_mut() {
        if let Some(above) = above {
            told.insert("parentSpanId".to_owned(), above.into());
        }
        if let Some(trouble) = trouble {
            told.insert("status".to_owned(), json!({"code": FAILED, "message": trouble.message}));
        }
    }
    told
}

fn usage(tokens: &Tokens) -> impl Iterator<Item = Value> {
    let Tokens { input, output, cached_input, cache_write, reasoning } = *tokens;
    let all = [
        ("gen_ai.usage.input_tokens", input),
        ("gen_ai.usage.output_tokens", output),
        ("gen_ai.usage.cache_read.input_tokens", cached_input),
        ("gen_ai.usage.cache_creation.input_tokens", cache_write),
        ("gen_ai.usage.reasoning.output_tokens", reasoning),
    ];
    all.into_iter().filter_map(|(name, n)| Some(number(name, n?)))
}

fn attributes(labels: &Labels) -> Vec<Value> {
    labels.iter().map(|(name, value)| text(name, value)).collect()
}

/// As much of a text of a client's as a span holds.
fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

fn text(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

fn number(name: &str, value: u64) -> Value {
    json!({"key": name, "value": {"intValue": value.to_string()}})
}

fn nanos(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}
