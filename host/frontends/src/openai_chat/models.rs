//! `GET /v1/models` and `GET /v1/models/{id}`. Source: OpenAI API reference, "Models".
use crate::app::Shared;
use crate::{intake, respond};
use axum::body::Body;
use axum::extract::{Path, State};
use base::{Fault, Kind};
use engine::{Engine, Model};
use http::{Request, Response};
use lip_wire::Dialect;
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect::OpenAiChat;

pub(super) async fn list(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = app.keys.admit(&parts) {
        return respond::error(DIALECT, &fault);
    }
    let data = named(&app.engine).await;
    let data: Vec<Value> = data.iter().map(|(id, model)| object(id, model)).collect();
    respond::json(&json!({"object": "list", "data": data}))
}

pub(super) async fn get(
    State(app): State<Shared>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = app.keys.admit(&parts) {
        return respond::error(DIALECT, &fault);
    }
    match named(&app.engine).await.iter().find(|(name, _)| *name == id) {
        Some((name, model)) => respond::json(&object(name, model)),
        None => {
            let fault = Fault::client(Kind::NotFound, format!("the model \"{id}\" does not exist"))
                .code("model_not_found");
            respond::error(DIALECT, &fault.param("model").hint("GET /v1/models lists what does"))
        }
    }
}

/// Every name under which a model can be asked for: `backend:model` for all, the bare name for the default backend's.
async fn named(engine: &Engine) -> Vec<(String, Model)> {
    let default = engine.backends().default().map(|backend| backend.name().to_owned());
    let mut names = Vec::new();
    for offer in engine.offers(false).await {
        let backend = offer.backend.name();
        for model in offer.models {
            if default.as_deref() == Some(backend) {
                names.push((model.id.clone(), model.clone()));
            }
            names.push((format!("{backend}:{}", model.id), model));
        }
    }
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    names.dedup_by(|(a, _), (b, _)| a == b);
    names
}

fn object(id: &str, model: &Model) -> Value {
    let backend = id.split_once(':').map_or("lip", |(backend, _)| backend);
    json!({
        "id": id,
        "object": "model",
        "created": model.created.unwrap_or(0),
        "owned_by": model.owned_by.as_deref().unwrap_or(backend),
    })
}
