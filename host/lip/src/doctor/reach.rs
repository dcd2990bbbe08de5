//! Can the providers be reached? One request without a key to each place; whatever is answered, somebody is there.
use super::finding::Finding;
use crate::backends::place;
use bytes::Bytes;
use egress::{Call, Deadlines, Egress, Target};
use engine::BackendSpec;
use futures_util::StreamExt as _;
use http::Method;
use http::header::{DATE, HeaderMap, HeaderValue, USER_AGENT};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Requests at the same time.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) findings: Vec<Finding>,
    /// What some provider says the time is: an HTTP date.
    pub(super) their_time: Option<String>,
}

/// A place that backends send requests to.
struct Place {
    url: String,
    backends: Vec<String>,
    is_configured: bool,
}

/// Asks at the places of all backends that could be used.
pub(super) fn look(specs: &[BackendSpec]) -> Reached {
    let places = places(specs);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Reached {
                findings: vec![Finding::warn("providers", &error.to_string())],
                their_time: None,
            };
        }
    };
    let egress = Egress::new(Deadlines { connect: PATIENCE, head: PATIENCE, idle: PATIENCE });
    let answers: Vec<Result<Option<String>, String>> = runtime.block_on(
        futures_util::stream::iter(places.iter().map(|place| ask(&egress, &place.url)))
            .buffered(AT_ONCE)
            .collect(),
    );
    let their_time = answers.iter().find_map(|answer| answer.as_ref().ok()?.clone());
    let findings = places.iter().zip(&answers).map(|(place, answer)| finding(place, answer)).collect();
    Reached { findings, their_time }
}

/// The base URLs, each once.
fn places(specs: &[BackendSpec]) -> Vec<Place> {
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for spec in specs.iter().filter(|spec| spec.missing.is_none()) {
        let set = spec.config.get("base_url").and_then(Value::as_str);
        let Some(url) = set.or(spec.manifest.as_ref().and_then(|manifest| manifest.base_url.as_deref()))
        else {
            continue;
        };
        let Some(key) = place(url) else { continue };
        let new = || Place { url: url.to_owned(), backends: Vec::new(), is_configured: false };
        let place = places.entry(key).or_insert_with(new);
        place.backends.push(spec.name.clone());
        place.is_configured |= spec.configured;
    }
    places.into_values().collect()
}

/// Sends a request without any secret; says what time it is there.
async fn ask(egress: &Egress, url: &str) -> Result<Option<String>, String> {
    let target = url.parse().ok().and_then(|url| Target::of(url, false));
    let target = target.ok_or_else(|| "it is no URL that names a host; correct api_url".to_owned())?;
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static("lip-doctor"));
    let call = Call { method: Method::GET, target, headers, body: Bytes::new() };
    let head = tokio::time::timeout(2 * PATIENCE, egress.send(call, None)).await;
    match head {
        Ok(Ok(head)) => Ok(head.headers.get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned)),
        Ok(Err(fault)) => Err(fault.message.to_string()),
        Err(_) => Err(format!("no answer within {} s", 2 * PATIENCE.as_secs())),
    }
}

fn finding(place: &Place, answer: &Result<Option<String>, String>) -> Finding {
    let what = format!("provider of {}", place.backends.join(", "));
    let host = host(&place.url);
    match answer {
        Ok(_) => Finding::ok(&what, &format!("{host} answers")),
        Err(why) => {
            let why = why.replace("; ", ", ");
            let sentence = format!("{host}: {why}; check the network, a firewall, and the backend's api_url");
            if place.is_configured {
                Finding::fail(&what, &sentence)
            } else {
                Finding::warn(&what, &sentence)
            }
        }
    }
}

/// Nothing of a URL but where it leads.
fn host(url: &str) -> String {
    place(url).unwrap_or_else(|| "its URL".to_owned())
}
