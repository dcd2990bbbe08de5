//! `POST /v1/chat/completions`. Source: OpenAI API reference, "Create chat completion".
use crate::app::{App, Shared};
use crate::respond;
use axum::body::Body;
use axum::extract::State;
use base::{Fault, Kind};
use engine::{Turn, What};
use http::header::HeaderMap;
use http::request::Parts;
use http::{Request, Response};
use lip_wire::{Dialect, lens};

const DIALECT: Dialect = Dialect::OpenAiChat;
/// Client headers that belong to the dialect and go upstream.
const FORWARDED: [&str; 2] = ["openai-beta", "idempotency-key"];
const LOOP_GUARD: &str = "x-llmproxy-loop-guard";

pub(super) async fn create(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match turn(&app, &parts, body).await {
        Ok(turn) => respond::turn(DIALECT, app.engine.turn(&turn).await),
        Err(fault) => respond::error(DIALECT, &fault),
    }
}

async fn turn(app: &App, parts: &Parts, body: Body) -> Result<Turn, Fault> {
    let body = app.intake(parts, body).await?;
    let lens = lens::scan(DIALECT, &body).map_err(malformed)?;
    let Some(model) = lens.model().filter(|model| !model.is_empty()).map(std::borrow::Cow::into_owned) else {
        let fault = Fault::client(Kind::BadRequest, "model: the field is missing or empty").param("model");
        return Err(fault.code("missing_required_parameter").hint("GET /v1/models lists what can be named"));
    };
    let stream = lens.stream().unwrap_or(false);
    let hops = header(&parts.headers, LOOP_GUARD);
    let headers =
        FORWARDED.iter().filter_map(|name| Some(((*name).to_owned(), header(&parts.headers, name)?)));
    Ok(Turn { dialect: DIALECT, what: What::Generate, model, stream, headers: headers.collect(), hops, lens })
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn malformed(error: lens::LensError) -> Fault {
    let fault = Fault::client(Kind::BadRequest, error.to_string()).code("invalid_body");
    match error.path() {
        Some(path) => fault.param(path),
        None => fault,
    }
}
