//! OpenAI Responses: `/v1/responses` by HTTP and WebSocket, and what is stored of its answers.
//! Source: OpenAI API reference, "Responses"; OpenAI guide "WebSocket mode".
mod desk;
mod expand;
mod history;
mod items;
mod record;
mod remembered;
mod shared;
mod socket;
mod stored;
mod tap;

use crate::app::Shared;
use crate::respond;
use crate::turns::{InUrl, Route};
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};
use desk::{DIALECT, Recent};
use engine::What;
use history::{Bounds, Memory};
use http::{Request, Response};
use record::Unstored;
use std::sync::Arc;
use stores::link::Link;

pub(crate) use desk::Desk;
pub(crate) use history::History;
pub(crate) use socket::carried::Carried;

const CREATE: Route =
    Route { dialect: DIALECT, what: What::Generate, forwarded: &["openai-beta", "idempotency-key"] };
const COUNT: Route = Route { what: What::CountTokens, ..CREATE };

pub(crate) fn routes(history: Arc<dyn History>) -> Router<Shared> {
    let mut router = Router::new();
    for base in ["/v1/responses", "/responses"] {
        router = router
            .route(base, post(create).get(socket::upgrade))
            .route(&format!("{base}/input_tokens"), post(count))
            .route(&format!("{base}/{{id}}"), get(stored::get).delete(stored::delete))
            .route(&format!("{base}/{{id}}/input_items"), get(stored::input_items))
            .route(&format!("{base}/{{id}}/cancel"), post(stored::cancel));
    }
    router.layer(Extension(history))
}

/// Where answers are remembered: with what hosts share, where there is such.
pub(crate) fn history(state: Option<&Arc<Link>>) -> Arc<dyn History> {
    match state {
        None => Arc::new(Memory::new(Bounds::USUAL)),
        Some(link) => Arc::new(shared::Shared::new(Bounds::USUAL, link)),
    }
}

type Remembering = Extension<Arc<dyn History>>;

async fn create(state: State<Shared>, history: Remembering, request: Request<Body>) -> Response<Body> {
    answer(CREATE, state, history, request).await
}

async fn count(state: State<Shared>, history: Remembering, request: Request<Body>) -> Response<Body> {
    answer(COUNT, state, history, request).await
}

async fn answer(
    route: Route,
    State(app): State<Shared>,
    Extension(history): Remembering,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let desk = Desk { app, history };
    let turn = match route.turn(&desk.app, &mut parts, body, InUrl::default()).await {
        Ok(turn) => turn,
        Err(fault) => return respond::error(DIALECT, &fault),
    };
    let is_answer = turn.what == What::Generate;
    match desk.ready(turn, &Recent::default(), Unstored::Hidden).await {
        Ok(ready) if is_answer => respond::turn(DIALECT, desk.answer(ready).await),
        Ok(ready) => respond::turn(DIALECT, desk.app.engine.turn(ready.turn).await),
        Err(fault) => respond::error(DIALECT, &fault),
    }
}
