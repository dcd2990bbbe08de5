//! The connector libraries of this host: how they stand, and another look for them.
use super::{PREFIX, admit, answered};
use crate::app::Shared;
use crate::intake;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use base::{Fault, Kind};
use http::{Request, Response};
use serde_json::Value;
use std::fmt::Debug;
use std::pin::Pin;

/// What has changed, or why nothing could.
pub type Reloading = Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>>;

/// What the host can say and do about its libraries while it runs.
pub trait Libraries: Debug + Send + Sync {
    /// How each of them stands.
    fn status(&self) -> Value;

    /// Looks for libraries again, and says what has changed.
    fn reload(&self) -> Reloading;
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(&format!("{PREFIX}/plugins"), get(status))
        .route(&format!("{PREFIX}/plugins/reload"), post(reload))
}

fn none() -> Fault {
    Fault::host(Kind::Unsupported, "the libraries of this host are fixed")
}

async fn status(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit(&app, &parts).and_then(|()| app.libraries.as_ref().map(|l| l.status()).ok_or_else(none)))
}

async fn reload(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = admit(&app, &parts) {
        return answered(Err(fault));
    }
    answered(match &app.libraries {
        Some(libraries) => libraries.reload().await,
        None => Err(none()),
    })
}
