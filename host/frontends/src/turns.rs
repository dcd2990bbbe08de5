//! From an HTTP request to a turn, the same for every dialect.
use crate::app::App;
use axum::body::Body;
use base::{Fault, Kind};
use engine::{Turn, What};
use http::header::HeaderMap;
use http::request::Parts;
use lip_wire::{Dialect, lens};

const LOOP_GUARD: &str = "x-llmproxy-loop-guard";

/// What a route says of its requests.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) dialect: Dialect,
    pub(crate) what: What,
    /// Client headers that belong to the dialect and go upstream.
    pub(crate) forwarded: &'static [&'static str],
}

/// What the URL says, where the dialect says it there.
#[derive(Default)]
pub(crate) struct InUrl {
    pub(crate) model: Option<String>,
    pub(crate) stream: Option<bool>,
}

impl Route {
    /// Reads the request and makes the turn.
    ///
    /// # Errors
    /// The client's fault; the body has been read to its end, within bounds.
    pub(crate) async fn turn(self, app: &App, parts: &Parts, body: Body, url: InUrl) -> Result<Turn, Fault> {
        let body = app.intake(parts, body).await?;
        let lens = lens::scan(self.dialect, &body).map_err(malformed)?;
        let in_body = || lens.model().map(std::borrow::Cow::into_owned);
        let Some(model) = url.model.or_else(in_body).filter(|model| !model.is_empty()) else {
            let fault =
                Fault::client(Kind::BadRequest, "model: the field is missing or empty").param("model");
            return Err(fault
                .code("missing_required_parameter")
                .hint("GET /v1/models lists what can be named"));
        };
        let stream = url.stream.or_else(|| lens.stream()).unwrap_or(false);
        let hops = header(&parts.headers, LOOP_GUARD);
        let headers = self
            .forwarded
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), header(&parts.headers, name)?)));
        Ok(Turn {
            dialect: self.dialect,
            what: self.what,
            model,
            stream,
            headers: headers.collect(),
            hops,
            lens,
        })
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = values.next()?.to_owned();
    Some(values.fold(first, |all, next| format!("{all},{next}")))
}

fn malformed(error: lens::LensError) -> Fault {
    let fault = Fault::client(Kind::BadRequest, error.to_string()).code("invalid_body");
    match error.path() {
        Some(path) => fault.param(path),
        None => fault,
    }
}
