//! A second address for those who watch the host: health and counts, without a key, until the host has ended.
use crate::app::{App, refused};
use crate::diagnostics::metrics;
use crate::{health, pages};
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::Service as _;

/// Connections at the same time: probes and scrapers are few.
const CONNECTIONS_MAX: usize = 64;
/// Time for the head of a request, and between two.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Serves those who watch; never ends.
pub async fn serve_operations(listener: TcpListener, app: Arc<App>) {
    let router =
        Router::new().merge(health::routes()).merge(metrics::open_routes()).with_state(Arc::clone(&app));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (router, app) = (router.clone(), Arc::clone(&app));
        let service = service_fn(move |request: Request<Incoming>| {
            let (mut router, request) = (router.clone(), request.map(Body::new));
            // A page may not come in by a name that it made lead here: what is told here needs no key.
            let fault = pages::refused(&request, &app.names, true);
            async move {
                match fault {
                    Some(fault) => Ok(refused(request, fault).await),
                    None => router.call(request).await,
                }
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
}
