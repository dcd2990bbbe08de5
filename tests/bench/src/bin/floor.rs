//! The yardstick: a reverse proxy of hyper's server and hyper-util's pooled client, and nothing between them.
//! Bodies go through unread, headers as they are.
use bench::{Failure, server};
use bytes::Bytes;
use http_body_util::Either;
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};

type Pool = Client<HttpConnector, Incoming>;
type Out = Either<Incoming, BoxBody<Bytes, hyper::Error>>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let upstream: Authority = args.next().ok_or("usage: floor UPSTREAM-ADDRESS [PORT]")?.parse()?;
    let port: u16 = args.next().map_or(Ok(0), |port| port.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool: Pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1024)
            .build(connector);
        server::serve(port, move |request| forward(request, pool.clone(), upstream.clone())).await
    })
}

async fn forward(mut request: Request<Incoming>, pool: Pool, upstream: Authority) -> Response<Out> {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(upstream);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request.headers_mut().remove(HOST);
    match pool.request(request).await {
        Ok(mut response) => {
            // Of one hop each: hyper writes its own.
            response.headers_mut().remove(TRANSFER_ENCODING);
            response.headers_mut().remove(CONNECTION);
            response.map(Either::Left)
        }
        Err(_) => {
            let mut response =
                Response::new(Either::Right(BoxBody::new(Empty::new().map_err(|never| match never {}))));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}
