//! The connector libraries of this host: how they stand, and another look for them and for the configuration.
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

/// What the host can say and do about its libraries and its configuration while it runs.
pub trait Libraries: Debug + Send + Sync {
    /// How each of them stands.
    fn status(&self) -> Value;

    /// Looks for libraries again, and says what has changed.
    fn reload(&self) -> Reloading;

    /// Reads the configuration again, and says what has changed.
    fn reload_config(&self) -> Reloading;
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(&format!("{PREFIX}/plugins"), get(status))
        .route(&format!("{PREFIX}/plugins/reload"), post(reload))
        .route(&format!("{PREFIX}/config/reload"), post(reload_config))
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
    renew(&app, request, |libraries| libraries.reload()).await
}

async fn reload_config(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    renew(&app, request, |libraries| libraries.reload_config()).await
}

async fn renew(app: &Shared, request: Request<Body>, act: fn(&dyn Libraries) -> Reloading) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = admit(app, &parts) {
        return answered(Err(fault));
    }
    answered(match &app.libraries {
        Some(libraries) => act(libraries.as_ref()).await,
        None => Err(none()),
    })
}
