//! What an operator asks a running host, on the host's own machine only. Paths and fields are those of LIP's Python
//! predecessor where it has them.
use crate::app::{App, Shared};
use crate::{respond, ui, usage};
use access::Sight;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use base::{Fault, Kind};
use engine::Dialect;
use http::header::{HeaderMap, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::Value;

mod agents;
pub(crate) mod metrics;
pub(crate) mod plugins;
mod standings;

pub(crate) use standings::reactivated;

pub(crate) const PREFIX: &str = "/v1/diagnostics";

/// Is this path for callers on the host's own machine only?
pub(crate) fn is_guarded(path: &str) -> bool {
    let is_below = |prefix| path.starts_with(prefix);
    is_below(PREFIX)
        || is_below(usage::PREFIX)
        || path == metrics::PATH
        || path == ui::PATH
        || is_below("/ui/")
}

/// Marks a request that came from the host's own machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(&format!("{PREFIX}/route"), post(route))
        .merge(agents::routes())
        .merge(metrics::routes())
        .merge(plugins::routes())
        .merge(standings::routes())
}

/// Whose turns somebody may look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All of them.
    All,
    /// Those of the client of this name.
    Of(String),
}

impl Seen {
    /// May a turn of `caller` be looked at?
    pub(crate) fn has(&self, caller: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(own) => own == caller,
        }
    }
}

/// Lets in an operator who sits at this machine, and is no web page that this machine's browser shows.
pub(crate) fn admit(app: &App, parts: &Parts) -> Result<(), Fault> {
    match admit_client(app, parts)? {
        Seen::All => Ok(()),
        Seen::Of(_) => Err(no_operator()),
    }
}

/// As [`admit`], any client for what is its own.
pub(crate) fn admit_client(app: &App, parts: &Parts) -> Result<Seen, Fault> {
    no_page(parts)?;
    let client = app.keys.admit(parts)?;
    at_home(parts)?;
    Ok(match client.sight {
        Sight::All => Seen::All,
        Sight::Own => Seen::Of(client.name.clone()),
    })
}

fn no_operator() -> Fault {
    let fault =
        Fault::client(Kind::Forbidden, "this key is not an operator's: it sees its own turns and usage");
    fault.code("not_an_operator").hint("lip keys new NAME --operator makes a key that sees all")
}

/// Lets in who sits at this machine, and is no page of another origin. For what holds no data.
pub(crate) fn admit_keyless(parts: &Parts) -> Result<(), Fault> {
    no_page(parts)?;
    at_home(parts)
}

/// Lets in an operator who sits at this machine. For what has made sure by itself that the host's own page asks.
pub(crate) fn admit_own_page(app: &App, parts: &Parts) -> Result<(), Fault> {
    let client = app.keys.admit(parts)?;
    at_home(parts)?;
    match client.sight {
        Sight::All => Ok(()),
        Sight::Own => Err(no_operator()),
    }
}

fn no_page(parts: &Parts) -> Result<(), Fault> {
    if is_of_a_page(&parts.headers) {
        let fault = Fault::client(Kind::Forbidden, "diagnostics are not for web pages");
        return Err(fault.hint("Call it with a program, such as lip or curl"));
    }
    Ok(())
}

fn at_home(parts: &Parts) -> Result<(), Fault> {
    if parts.extensions.get::<Local>().is_none() {
        let fault = Fault::client(Kind::Forbidden, "diagnostics are for callers on this host's own machine");
        return Err(fault.hint("Call it by 127.0.0.1 or ::1"));
    }
    Ok(())
}

/// Browsers say where a page's request comes from (Fetch Standard, "Origin" header; Fetch Metadata, "Sec-Fetch-Site"). What a user
/// typed into the address bar comes from no page.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    headers.contains_key(ORIGIN) || site.is_some_and(|site| !matches!(site, b"none" | b"same-origin"))
}

pub(crate) fn answered(result: Result<Value, Fault>) -> Response<Body> {
    match result {
        Ok(value) => respond::json(&value),
        Err(fault) => respond::error(Dialect::OpenAiChat, &fault),
    }
}

/// A question about a route.
#[derive(Deserialize)]
struct Question {
    /// As a client's `model`.
    model: String,
    /// A session's id.
    session: String,
}

async fn route(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let asked = app.intake(&parts, body).await;
    answered(asked.and_then(|body| {
        admit_client(&app, &parts)?;
        let question: Question = serde_json::from_slice(&body).map_err(|e| {
            Fault::client(Kind::BadRequest, format!("the question cannot be read: {e}"))
                .hint("Send {\"model\": …, \"session\": …}")
        })?;
        let caller = app.keys.caller(&parts);
        let plan = app.engine.plan_in_session(&question.model, &caller, &question.session)?;
        let mut told = plan.as_json(&question.model);
        if let Some(told) = told.as_object_mut() {
            told.insert("session".to_owned(), question.session.into());
        }
        Ok(told)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_web_pages_are_told_apart() {
        let is_of_a_page = |name: &'static str, value: &'static str| {
            let header = (http::HeaderName::from_static(name), HeaderValue::from_static(value));
            is_of_a_page(&HeaderMap::from_iter([header]))
        };
        for (name, value, wanted) in [
            ("origin", "https://evil.test", true),
            ("origin", "null", true),
            ("origin", "http://127.0.0.1:8000", true),
            ("sec-fetch-site", "cross-site", true),
            ("sec-fetch-site", "same-site", true),
            ("sec-fetch-site", "same-origin", false),
            ("sec-fetch-site", "none", false),
            ("user-agent", "curl/8", false),
        ] {
            assert_eq!(is_of_a_page(name, value), wanted, "{name}: {value}");
        }
    }
}
