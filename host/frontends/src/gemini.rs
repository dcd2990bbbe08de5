//! Gemini: `models/{model}:generateContent`, `:streamGenerateContent` and `:countTokens`, below `/v1beta` and `/v1`.
//! Source: Gemini API reference, "Generating content" and "Counting tokens".
mod array;

use crate::app::Shared;
use crate::turns::{InUrl, Route};
use crate::{intake, respond};
use array::JsonArray;
use axum::body::Body;
use axum::extract::{Path, State};
use base::{Fault, Kind};
use engine::{Reply, ReplyBody, What};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use lip_wire::Dialect;

const DIALECT: Dialect = Dialect::Gemini;

/// What the end of the path asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Generate,
    Stream,
    Count,
}

pub(crate) async fn generate(
    State(app): State<Shared>,
    Path(path): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let (model, verb, form) = match asked(&path, &parts) {
        Ok(asked) => asked,
        Err(fault) => {
            intake::drain(body).await;
            return respond::error(DIALECT, &fault);
        }
    };
    let what = if verb == Verb::Count { What::CountTokens } else { What::Generate };
    let route = Route { dialect: DIALECT, what, forwarded: &[] };
    let url = InUrl { model: Some(model), stream: Some(verb == Verb::Stream) };
    let turn = match route.turn(&app, &mut parts, body, url).await {
        Ok(turn) => turn,
        Err(fault) => return respond::error(DIALECT, &fault),
    };
    let is_array = form == Form::Array && turn.stream;
    let result = app.engine.turn(turn).await;
    respond::turn(DIALECT, result.map(|reply| if is_array { as_array(reply) } else { reply }))
}

/// How a stream is framed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Events,
    Array,
}

fn asked(path: &str, parts: &Parts) -> Result<(String, Verb, Form), Fault> {
    let unknown = || {
        let fault = Fault::client(Kind::NotFound, format!("there is no method {path}"));
        fault.hint("Methods are models/{model}:generateContent, :streamGenerateContent and :countTokens")
    };
    // The model may hold colons itself, as in `backend:model`.
    let (model, verb) = path.rsplit_once(':').ok_or_else(unknown)?;
    let verb = match verb {
        "generateContent" => Verb::Generate,
        "streamGenerateContent" => Verb::Stream,
        "countTokens" => Verb::Count,
        _ => return Err(unknown()),
    };
    let alt = parts.uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("alt="));
    let form = match alt {
        Some("sse") => Form::Events,
        None | Some("json" | "") => Form::Array,
        Some(other) => {
            let fault = Fault::client(Kind::BadRequest, format!("alt: expected sse or json, found {other}"));
            return Err(fault.param("alt"));
        }
    };
    Ok((model.to_owned(), verb, form))
}

fn as_array(mut reply: Reply) -> Reply {
    reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply.body = ReplyBody::Stream(Box::pin(JsonArray::new(reply.body)));
    reply
}
