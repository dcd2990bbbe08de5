//! Turns that a connector leaves to the host, made ready: all that is the same for every turn is there already.
use crate::backend::Backend;
use crate::turn::Turn;
use base::Fault;
use egress::Target;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use lip_wire::Dialect;
use loader::Instance;
use std::sync::Arc;
use std::time::Duration;

/// Room for the headers that a turn adds, and its connection.
const MORE_HEADERS: usize = 8;

/// Every turn of one dialect as one request.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) dialect: Dialect,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) timeout: Option<Duration>,
    /// For each API key. Hold secrets: never logged.
    headers: Vec<HeaderMap>,
    /// What no header of a client replaces.
    own: Vec<HeaderName>,
}

/// The turns that `instance` leaves to the host. One that cannot be made ready is the connector's own to carry out, and to tell of.
///
/// # Errors
/// The end of its worker, after which nothing is known.
pub(crate) async fn of(backend: &Backend, instance: &Arc<Instance>) -> Result<Vec<Passage>, Fault> {
    let told = match instance.passages().await {
        Ok(told) => told,
        Err(fault) if fault.code.as_deref().is_some_and(|code| code.starts_with("plugin_")) => {
            return Err(fault);
        }
        Err(fault) => {
            tracing::warn!(backend = backend.name(), %fault, "its connector carries out every turn itself");
            Vec::new()
        }
    };
    let ready = |passage| match Passage::new(backend, passage) {
        Ok(passage) => passage,
        Err(reason) => {
            tracing::debug!(backend = backend.name(), reason, "a passage cannot be used");
            None
        }
    };
    Ok(told.into_iter().filter_map(ready).collect())
}

impl Passage {
    /// `None` for a dialect that this host does not know.
    fn new(backend: &Backend, told: loader::Passage) -> Result<Option<Self>, String> {
        let Ok(dialect) = told.dialect.parse() else { return Ok(None) };
        let call = told.call;
        let target = backend.target(&call.url)?;
        let mut own: Vec<HeaderName> = call.headers.keys().cloned().collect();
        own.extend(call.secret_headers.iter().map(|header| header.name.clone()));
        own.push(CONTENT_TYPE);
        let for_key = |key: usize| {
            let mut headers = call.headers.clone();
            for (name, value) in &told.default_headers {
                headers.entry(name).or_insert_with(|| value.clone());
            }
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            backend.add_secrets(&mut headers, &call.secret_headers, key, |_| None)?;
            Ok(headers)
        };
        let headers = (0..backend.spec().keys.len().max(1)).map(for_key).collect::<Result<_, String>>()?;
        Ok(Some(Self { dialect, method: call.method, target, timeout: call.timeout, headers, own }))
    }

    /// The headers of a turn that goes out with the API key at `key`; `client`: whose own headers go along.
    pub(crate) fn headers(&self, key: usize, client: Option<&Turn>) -> HeaderMap {
        let fixed = self.headers.get(key).or_else(|| self.headers.first());
        // A clone would have no room.
        let mut headers = HeaderMap::with_capacity(fixed.map_or(0, HeaderMap::len) + MORE_HEADERS);
        for (name, value) in fixed.into_iter().flatten() {
            headers.append(name, value.clone());
        }
        for (name, value) in client.into_iter().flat_map(Turn::forwarded_values) {
            if !self.own.contains(&name) {
                headers.insert(name, value);
            }
        }
        headers
    }
}
