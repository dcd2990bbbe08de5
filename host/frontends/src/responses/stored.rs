//! Answers that are stored: fetched, deleted, and listed by what went into them.
//! Source: OpenAI API reference, "Get a model response", "Delete a model response", "Cancel a response".
use super::Remembering;
use super::desk::DIALECT;
use super::history::History;
use super::items::{self, Page};
use super::remembered::Remembered;
use crate::app::{App, Shared};
use crate::{intake, respond};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use base::{Fault, Kind};
use http::request::Parts;
use http::{Request, Response};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

pub(super) async fn get(
    State(app): State<Shared>,
    Extension(history): Remembering,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answered(async {
        let caller = admitted(&app, request).await?;
        if caller.query.split('&').any(|pair| pair == "stream=true") {
            let fault =
                Fault::client(Kind::BadRequest, "stream: a response that is complete is not streamed again");
            return Err(fault.param("stream").hint("Ask without stream"));
        }
        let (_, object) = stored(&*history, &caller.name, &id).await?;
        Ok(respond::raw_json(object))
    })
    .await
}

pub(super) async fn delete(
    State(app): State<Shared>,
    Extension(history): Remembering,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answered(async {
        let caller = admitted(&app, request).await?;
        stored(&*history, &caller.name, &id).await?;
        history.remove(&caller.name, &id, Instant::now()).await;
        Ok(respond::json(&json!({"id": id, "object": "response", "deleted": true})))
    })
    .await
}

pub(super) async fn input_items(
    State(app): State<Shared>,
    Extension(history): Remembering,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answered(async {
        let caller = admitted(&app, request).await?;
        let page = Page::of_query(&caller.query)?;
        let (answer, _) = stored(&*history, &caller.name, &id).await?;
        Ok(respond::raw_json(items::list(&answer, &page)?))
    })
    .await
}

pub(super) async fn cancel(
    State(app): State<Shared>,
    Extension(history): Remembering,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answered(async {
        let caller = admitted(&app, request).await?;
        stored(&*history, &caller.name, &id).await?;
        let fault =
            Fault::client(Kind::BadRequest, "only a response that runs in the background can be cancelled");
        Err(fault.hint("Close the connection of a running response to end it"))
    })
    .await
}

struct Caller {
    name: String,
    query: String,
}

async fn admitted(app: &App, request: Request<Body>) -> Result<Caller, Fault> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    app.keys.admit(&parts)?;
    let query = |parts: &Parts| parts.uri.query().unwrap_or_default().to_owned();
    Ok(Caller { name: app.keys.caller(&parts), query: query(&parts) })
}

/// The answer of this id and its response object. One that was not to be stored is not there.
async fn stored(history: &dyn History, caller: &str, id: &str) -> Result<(Arc<Remembered>, String), Fault> {
    let found = history.find(caller, id, Instant::now()).await;
    let object =
        found.as_ref().and_then(|answer| answer.response.as_ref()).map(|text| text.as_str().to_owned());
    found.zip(object).ok_or_else(|| {
        let fault = Fault::client(Kind::NotFound, format!("Response with id '{id}' not found"));
        fault.hint("Responses are kept for an hour, and not at all if they were made with \"store\": false")
    })
}

async fn answered(work: impl Future<Output = Result<Response<Body>, Fault>>) -> Response<Body> {
    work.await.unwrap_or_else(|fault| respond::error(DIALECT, &fault))
}
