//! What other hosts of the same fleet ask this one: to tell its agents what they were asked to tell them. Who shows the fleet's secret is
//! let in, with no other key; nobody is where there is none.
use crate::app::Shared;
use crate::{intake, respond};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::post;
use base::{Fault, Kind};
use engine::{CLUSTER_PATH, CLUSTER_SECRET, Dialect, Engine};
use http::{Request, Response};

pub(crate) fn routes(engine: &Engine) -> Router<Shared> {
    match engine.is_in_cluster() {
        true => Router::new().route(&format!("{CLUSTER_PATH}{{agent}}"), post(agent_turn)),
        false => Router::new(),
    }
}

async fn agent_turn(
    State(app): State<Shared>,
    Path(agent): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let shown = parts.headers.get(CLUSTER_SECRET).map(|shown| shown.as_bytes()).unwrap_or_default();
    if !app.engine.knows_cluster(shown) {
        intake::drain(body).await;
        let fault = Fault::client(Kind::Unauthorized, "this is for hosts that know the cluster's secret");
        return respond::error(Dialect::OpenAiChat, &fault.code("cluster_secret_differs"));
    }
    // The other host has bounded what its client sent; an agent is told the same in other words.
    let bytes_max = app.limits.body_bytes.saturating_mul(2);
    match intake::read(&parts, body, bytes_max, app.limits.body_time).await {
        Ok(body) => respond::routed(respond::reply_response(app.engine.agent_turn(&agent, body).await)),
        Err(fault) => respond::error(Dialect::OpenAiChat, &fault),
    }
}
