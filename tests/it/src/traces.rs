//! Where turns stand in the traces of those who watch them: spans reach a receiver that takes nothing but what OpenTelemetry's protocol
//! allows, below the span of their caller; and providers learn of them only where the operator says so.
use crate::talk::says;
use crate::team::backend;
use serde_json::{Value, json};
use stage::{Call, Lip, Recorded, Reply, Upstream};
use std::collections::{BTreeMap, BTreeSet};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A receiver of OTLP over HTTP (OpenTelemetry protocol specification, "OTLP/HTTP").
async fn collector() -> Upstream {
    Upstream::by(|request| match (request.method.as_str(), request.header("content-type")) {
        ("POST", Some("application/json")) => Reply::json(200, "{}"),
        _ => Reply::json(415, "{}"),
    })
    .await
}

/// A span as a receiver sees it.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    trace: String,
    id: String,
    parent: Option<String>,
    name: String,
    kind: u64,
    attributes: BTreeMap<String, Value>,
}

fn is_id(text: &str, digits: usize) -> bool {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    text.len() == digits && is_hex && text.bytes().any(|byte| byte != b'0')
}

/// opentelemetry-proto, `common/v1/common.proto`: exactly one kind of value; 64-bit numbers are texts in JSON.
fn attribute(told: &Value) -> (String, Value) {
    let value = told["value"].as_object().expect("an AnyValue");
    let (kind, inner) = value.iter().next().expect("a value");
    let is_good = match kind.as_str() {
        "stringValue" => inner.is_string(),
        "intValue" => inner.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        "boolValue" => inner.is_boolean(),
        "doubleValue" => inner.is_number(),
        _ => false,
    };
    assert!(is_good && value.len() == 1, "{told}");
    (told["key"].as_str().filter(|key| !key.is_empty()).expect("a key").to_owned(), inner.clone())
}

/// opentelemetry-proto, `trace/v1/trace.proto`, `Span`.
fn span(told: &Value) -> Span {
    let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no {name} in {told}")).to_owned();
    let time = |name: &str| text(name).parse::<u64>().expect("nanoseconds");
    let span = Span {
        trace: text("traceId"),
        id: text("spanId"),
        parent: told["parentSpanId"].as_str().map(str::to_owned),
        name: text("name"),
        kind: told["kind"].as_u64().expect("a kind"),
        attributes: told["attributes"].as_array().expect("attributes").iter().map(attribute).collect(),
    };
    assert!(is_id(&span.trace, 32) && is_id(&span.id, 16), "{told}");
    assert!(span.parent.as_ref().is_none_or(|parent| is_id(parent, 16) && *parent != span.id), "{told}");
    assert!(time("startTimeUnixNano") > 0 && time("endTimeUnixNano") >= time("startTimeUnixNano"), "{told}");
    assert!(!span.name.is_empty() && (1..=5).contains(&span.kind), "{told}");
    assert!(told["status"]["code"].as_u64().is_none_or(|code| code <= 2), "{told}");
    assert_eq!(
        told["attributes"].as_array().map(Vec::len),
        Some(span.attributes.len()),
        "a key twice: {told}"
    );
    span
}

/// All spans that came, no two of one name.
fn spans(collector: &Upstream) -> Vec<Span> {
    let requests = collector.requests();
    let traces = requests.iter().filter(|request| request.target == "/v1/traces").map(Recorded::json);
    let mut all = Vec::new();
    for told in traces {
        for resource in told["resourceSpans"].as_array().expect("resources") {
            let of: BTreeMap<_, _> = resource["resource"]["attributes"]
                .as_array()
                .expect("attributes")
                .iter()
                .map(attribute)
                .collect();
            assert_eq!(of["service.name"], "lip");
            for scope in resource["scopeSpans"].as_array().expect("scopes") {
                all.extend(scope["spans"].as_array().expect("spans").iter().map(span));
            }
        }
    }
    let ids: BTreeSet<&str> = all.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "{all:?}");
    all
}

/// A host with a provider that fails and one that answers, and what they and the collector got of turns with these headers.
async fn told(upstream: bool, headers: &[Option<&str>]) -> (Vec<Recorded>, Vec<Span>) {
    let collector = collector().await;
    // A model that is not there makes nobody rest.
    let failing = Reply::json(404, r#"{"error":{"message":"broken","type":"t","param":null,"code":null}}"#);
    let (first, second) =
        (Upstream::always(failing).await, Upstream::by(|request| says(request, "hi")).await);
    let config = backend("openai", &first.url()) + &backend("anthropic", &second.url());
    let lip = Lip::builder()
        .config_toml(&config)
        .env("LIP_TELEMETRY_OTLP_ENDPOINT", collector.url().trim_end_matches("/v1"))
        .env("LIP_TELEMETRY_OTLP_EVERY", "3600")
        .env("LIP_TELEMETRY_TRACEPARENT_UPSTREAM", if upstream { "true" } else { "false" })
        .start()
        .await;
    for header in headers {
        let body = json!({"model": "openai:m|anthropic:m", "messages": [{"role": "user", "content": "hi"}]});
        let call = Call::chat(body.to_string()).header("tracestate", "vendor=private");
        let call = header.iter().fold(call, |call, value| call.header("traceparent", value));
        assert_eq!(lip.send(call).await.status, 200);
    }
    assert!(lip.stop().await.0.success());
    let asked = first.requests().into_iter().chain(second.requests());
    (asked.filter(|request| request.method == "POST").collect(), spans(&collector))
}

fn caller(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

#[tokio::test]
async fn turns_stand_below_their_callers_and_providers_are_not_told() {
    let (sampled, silent) = (caller("01"), caller("00"));
    let bad = sampled.to_uppercase();
    let (asked, spans) = told(false, &[Some(&sampled), None, Some(&silent), Some(&bad)]).await;
    assert_eq!(asked.len(), 8, "{asked:?}");
    for request in &asked {
        assert!(
            request.header("traceparent").is_none() && request.header("tracestate").is_none(),
            "{request:?}"
        );
    }
    let turns: Vec<&Span> = spans.iter().filter(|span| span.kind == 2).collect();
    let own = |turn: &Span| turn.trace != TRACE && turn.parent.is_none();
    assert_eq!(turns.len(), 3, "what a caller does not record is not recorded: {spans:?}");
    assert_eq!((turns[0].trace.as_str(), turns[0].parent.as_deref()), (TRACE, Some(CALLER)));
    assert!(own(turns[1]) && own(turns[2]) && turns[1].trace != turns[2].trace, "{turns:?}");
    for turn in turns {
        let attempts: Vec<&Span> =
            spans.iter().filter(|span| span.parent.as_ref() == Some(&turn.id)).collect();
        assert!(
            attempts.len() == 2 && attempts.iter().all(|span| span.kind == 3 && span.trace == turn.trace)
        );
        let last = attempts.last().expect("an attempt");
        // open-telemetry/semantic-conventions, docs/gen-ai/gen-ai-spans.md.
        assert_eq!(last.name, "chat m");
        for (name, value) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "anthropic"),
            ("gen_ai.request.model", "m"),
            ("gen_ai.usage.input_tokens", "1"),
            ("gen_ai.usage.output_tokens", "1"),
        ] {
            assert_eq!(last.attributes[name], value, "{last:?}");
        }
        assert!(attempts[0].attributes.contains_key("error.type"), "{attempts:?}");
        assert!(turn.attributes.contains_key("gen_ai.conversation.id"), "{turn:?}");
    }
}

#[tokio::test]
async fn providers_are_told_of_the_attempt_where_the_operator_wants_it() {
    let (sampled, silent) = (caller("01"), caller("00"));
    let (asked, spans) = told(true, &[Some(&sampled), None, Some(&silent)]).await;
    let mut named = BTreeSet::new();
    for request in &asked {
        let header = request.header("traceparent").expect("a traceparent");
        let parts: Vec<&str> = header.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { panic!("{header}") };
        assert!(version == "00" && is_id(trace, 32) && is_id(span, 16) && span != CALLER, "{header}");
        assert!(named.insert(span.to_owned()), "{header}");
        let exported = spans.iter().find(|own| own.id == span);
        assert_eq!(flags == "01", exported.is_some(), "{header} {spans:?}");
        assert!(exported.is_none_or(|own| own.kind == 3 && own.trace == trace), "{header} {exported:?}");
        assert!(flags == "01" || trace == TRACE, "{header}");
        assert!(request.header("tracestate").is_none());
    }
    let n_exported = spans.iter().filter(|span| span.kind == 3).count();
    assert!(n_exported == 4 && named.len() == 6, "{named:?} {spans:?}");
}
