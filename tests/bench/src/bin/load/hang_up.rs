//! A client that hangs up in the middle of a stream.
use bench::Failure;
use bench::client::{Link, Target};
use bench::tally::quantiles;
use bytes::Bytes;
use clap::Args;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct HangUp {
    /// URL to POST to.
    #[arg(long)]
    url: String,
    /// File with the body.
    #[arg(long)]
    body: PathBuf,
    /// Address of the mock.
    #[arg(long)]
    mock: String,
    /// Tries.
    #[arg(long, default_value_t = 200)]
    count: usize,
}

#[derive(Deserialize)]
struct HungUp {
    count: u64,
    at_ns: u64,
}

pub(crate) async fn run(order: HangUp) -> Result<Value, Failure> {
    let target = Target::new(&order.url, Bytes::from(std::fs::read(&order.body)?), &[])?;
    let mut times = Histogram::<u64>::new(3)?;
    let (mut missed, mut seen) = (0, asked(&order.mock, None).await?.count);
    for _ in 0..order.count {
        let at_ns = Link::open(&target).await?.hang_up_after_first(&target).await?;
        match asked(&order.mock, Some(seen)).await {
            Ok(told) => {
                seen = told.count;
                times.record(told.at_ns.saturating_sub(at_ns))?;
            }
            Err(_) => missed += 1,
        }
    }
    let mut report = quantiles(&times);
    report["n"] = json!(times.len());
    report["missed"] = json!(missed);
    Ok(report)
}

/// What the mock knows of streams that were cut off; waits for one more than `after`.
async fn asked(mock: &str, after: Option<u64>) -> Result<HungUp, Failure> {
    let stream = tokio::net::TcpStream::connect(mock).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let query = after.map(|count| format!("?after={count}")).unwrap_or_default();
    let request = hyper::Request::get(format!("/control/hung-up{query}"))
        .header("host", mock)
        .body(Empty::<Bytes>::new())?;
    let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok(serde_json::from_slice(&body)?)
}
