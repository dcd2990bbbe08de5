//! The model lists. One path serves three dialects: the request's headers tell which.
mod anthropic;
mod gemini;
mod openai;

use crate::app::{App, Shared};
use crate::{gemini as gemini_frontend, intake, respond};
use access::Client;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::get;
use base::{Fault, Kind};
use engine::{Engine, Model};
use http::header::HeaderMap;
use http::request::Parts;
use http::{Request, Response};
use lip_wire::Dialect;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/models", get(list))
        .route("/models", get(list))
        .route("/v1/models/{*id}", get(one).post(gemini_frontend::generate))
        .route("/anthropic/v1/models", get(list))
        .route("/anthropic/v1/models/{*id}", get(one))
        .route("/v1beta/models", get(list))
        .route("/v1beta/models/{*id}", get(one).post(gemini_frontend::generate))
}

/// A model and a name under which it can be asked for.
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) model: Model,
}

async fn list(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let dialect = dialect_of(&parts, app.home);
    let client = match admit(&app, &parts, body).await {
        Ok(client) => client,
        Err(fault) => return respond::error(dialect, &fault),
    };
    let named = named(&app.engine, &client).await;
    respond::json(&match dialect {
        Dialect::AnthropicMessages => anthropic::list(&named, parts.uri.query()),
        Dialect::Gemini => gemini::list(&named, parts.uri.query()),
        _ => openai::list(&named),
    })
}

async fn one(State(app): State<Shared>, Path(id): Path<String>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let dialect = dialect_of(&parts, app.home);
    let client = match admit(&app, &parts, body).await {
        Ok(client) => client,
        Err(fault) => return respond::error(dialect, &fault),
    };
    let named = named(&app.engine, &client).await;
    let Some(found) = named.iter().find(|named| named.id == id) else {
        let fault = Fault::client(Kind::NotFound, format!("the model \"{id}\" does not exist"));
        let fault = fault.code("model_not_found").param("model").hint("GET /v1/models lists what does");
        return respond::error(dialect, &fault);
    };
    respond::json(&match dialect {
        Dialect::AnthropicMessages => anthropic::object(found),
        Dialect::Gemini => gemini::object(found),
        _ => openai::object(found),
    })
}

async fn admit(app: &App, parts: &Parts, body: Body) -> Result<Arc<Client>, Fault> {
    intake::drain(body).await;
    app.keys.admit(parts)
}

/// Which SDK asks: by the path where it says so, else by the headers that only one vendor's SDKs send.
fn dialect_of(parts: &Parts, home: Dialect) -> Dialect {
    let path = parts.uri.path();
    if path.starts_with("/v1beta/") {
        return Dialect::Gemini;
    }
    if path.starts_with("/anthropic/") {
        return Dialect::AnthropicMessages;
    }
    by_headers(&parts.headers).unwrap_or(home)
}

fn by_headers(headers: &HeaderMap) -> Option<Dialect> {
    if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") {
        Some(Dialect::Gemini)
    } else {
        headers.contains_key("anthropic-version").then_some(Dialect::AnthropicMessages)
    }
}

/// Every name under which `client` may ask for a model: `backend:model` for all, the bare name for the default backend's.
async fn named(engine: &Engine, client: &Client) -> Vec<Named> {
    let default = engine.backends().default().map(|backend| backend.name().to_owned());
    let mut names = Vec::new();
    for offer in engine.offers(false).await {
        let backend = offer.backend.name();
        for model in offer.models.into_iter().filter(|model| client.grants.allow(backend, &model.id)) {
            if default.as_deref() == Some(backend) {
                names.push(Named { id: model.id.clone(), model: model.clone() });
            }
            names.push(Named { id: format!("{backend}:{}", model.id), model });
        }
    }
    names.sort_by(|a, b| a.id.cmp(&b.id));
    names.dedup_by(|a, b| a.id == b.id);
    names
}

/// The value of a query parameter, as it stands.
fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    query?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_whose_sdk_asks() {
        let dialect = |uri: &str, header: Option<&'static str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(name) = header {
                request = request.header(name, "x");
            }
            dialect_of(&request.body(()).expect("a request").into_parts().0, Dialect::OpenAiChat)
        };
        assert_eq!(dialect("/v1/models", None), Dialect::OpenAiChat);
        assert_eq!(dialect("/v1/models", Some("x-goog-api-key")), Dialect::Gemini);
        assert_eq!(dialect("/v1/models", Some("anthropic-version")), Dialect::AnthropicMessages);
        assert_eq!(dialect("/v1beta/models", None), Dialect::Gemini);
        assert_eq!(dialect("/anthropic/v1/models", None), Dialect::AnthropicMessages);
        assert_eq!(parameter(Some("a=1&limit=7"), "limit"), Some("7"));
    }
}
