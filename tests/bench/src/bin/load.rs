//! The load generator. Prints one JSON object; times in microseconds.
use bench::client::{Link, Seen, Target};
use bench::{Failure, meter, stamp};
use bytes::Bytes;
use clap::{Args, Parser};
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Load on a proxy, measured from outside")]
enum Command {
    /// Closed loop on many connections: throughput, latencies, CPU of the proxy.
    Closed(Closed),
    /// One request at a time, the targets in turn on warm connections: latencies to compare.
    InTurn(InTurn),
    /// Hangs up in the middle of a stream: how long until the upstream sees it.
    HangUp(HangUp),
}

#[derive(Args)]
struct Closed {
    /// URL to POST to.
    #[arg(long)]
    url: String,
    /// File with the body.
    #[arg(long)]
    body: PathBuf,
    /// Connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds that count; a quarter of it goes ahead as warm-up.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Stamps that an answer must carry.
    #[arg(long, default_value_t = 1)]
    stamps: usize,
    /// Process whose CPU time is taken, with its children.
    #[arg(long)]
    pid: u32,
}

#[derive(Args)]
struct InTurn {
    /// NAME=URL=FILE, as often as wanted.
    #[arg(long = "target")]
    targets: Vec<String>,
    /// Exchanges with each target that count; a tenth goes ahead as warm-up.
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// Stamps that an answer must carry.
    #[arg(long, default_value_t = 1)]
    stamps: usize,
}

#[derive(Args)]
struct HangUp {
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

// One thread: the cores are for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let report = match Command::parse() {
        Command::Closed(order) => closed(order).await?,
        Command::InTurn(order) => in_turn(order).await?,
        Command::HangUp(order) => hang_up(order).await?,
    };
    println!("{report}");
    Ok(())
}

/// Times of many exchanges.
struct Tally {
    total: Histogram<u64>,
    first: Histogram<u64>,
    one_way: Histogram<u64>,
    errors: u64,
    last_error: Option<String>,
}

/// What the connections of one load share.
#[derive(Default)]
struct Shared {
    /// Stamps that have come, from the first exchange on.
    arrived: AtomicU64,
    /// Exchanges that end now count.
    counts: AtomicBool,
    /// No further exchange begins.
    ends: AtomicBool,
}

impl Tally {
    fn new() -> Result<Self, Failure> {
        let times = Histogram::<u64>::new(3)?;
        Ok(Self { total: times.clone(), first: times.clone(), one_way: times, errors: 0, last_error: None })
    }

    fn take(&mut self, result: Result<Seen, Failure>) -> Result<(), Failure> {
        match result {
            Ok(seen) => {
                self.total.record(seen.total_ns)?;
                self.first.record(seen.first_ns)?;
                for ns in seen.one_way_ns {
                    self.one_way.record(ns)?;
                }
            }
            Err(error) => {
                self.errors += 1;
                self.last_error = Some(error.to_string());
            }
        }
        Ok(())
    }

    fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.total.add(&other.total)?;
        self.first.add(&other.first)?;
        self.one_way.add(&other.one_way)?;
        self.errors += other.errors;
        if other.last_error.is_some() {
            self.last_error.clone_from(&other.last_error);
        }
        Ok(())
    }

    fn report(&self) -> Value {
        json!({
            "n": self.total.len(), "errors": self.errors, "last_error": self.last_error,
            "total": quantiles(&self.total), "first": quantiles(&self.first), "one_way": quantiles(&self.one_way),
        })
    }
}

fn quantiles(times: &Histogram<u64>) -> Value {
    let us = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1000.0;
    json!({"p50": us(0.5), "p95": us(0.95), "p99": us(0.99), "max": times.max() as f64 / 1000.0})
}

/// One exchange on `link`, which is opened when it is not, and dropped when the exchange failed.
async fn exchange(
    link: &mut Option<Link>,
    target: &Target,
    stamps: usize,
    arrived: &AtomicU64,
) -> Result<Seen, Failure> {
    let mut open = match link.take() {
        Some(open) => open,
        None => Link::open(target).await?,
    };
    let seen = open.exchange(target, stamps, arrived).await?;
    *link = Some(open);
    Ok(seen)
}

async fn closed(order: Closed) -> Result<Value, Failure> {
    let target = Target::new(&order.url, Bytes::from(std::fs::read(&order.body)?))?;
    let shared = Arc::new(Shared::default());
    let mut workers = Vec::with_capacity(order.connections);
    for _ in 0..order.connections {
        let (target, shared, stamps) = (target.clone(), Arc::clone(&shared), order.stamps);
        workers.push(tokio::spawn(async move {
            let (mut tally, mut link) = (Tally::new()?, None);
            while !shared.ends.load(Ordering::Relaxed) {
                let result = exchange(&mut link, &target, stamps, &shared.arrived).await;
                if result.is_err() || shared.counts.load(Ordering::Relaxed) {
                    tally.take(result)?;
                }
            }
            Ok::<_, Failure>(tally)
        }));
    }
    tokio::time::sleep(Duration::from_secs_f64(order.seconds / 4.0)).await;
    // CPU time and stamps are taken at the same two moments, so that exchanges which span one of them do not tilt it.
    let taken = || (meter::cpu(order.pid), stamp::now_ns(), shared.arrived.load(Ordering::Relaxed));
    shared.counts.store(true, Ordering::Relaxed);
    let from = taken();
    tokio::time::sleep(Duration::from_secs_f64(order.seconds)).await;
    let to = taken();
    shared.ends.store(true, Ordering::Relaxed);
    let mut tally = Tally::new()?;
    for worker in workers {
        tally.add(&worker.await??)?;
    }
    let mut report = tally.report();
    report["user_us"] = json!(to.0.user_us - from.0.user_us);
    report["system_us"] = json!(to.0.system_us - from.0.system_us);
    report["seconds"] = json!((to.1 - from.1) as f64 / 1e9);
    report["stamps"] = json!(to.2 - from.2);
    Ok(report)
}

async fn in_turn(order: InTurn) -> Result<Value, Failure> {
    let mut targets = Vec::new();
    for words in &order.targets {
        // A URL may hold a `=` of its own.
        let parts = words.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once('=')?)));
        let (name, (url, file)) = parts.ok_or("a target is NAME=URL=FILE")?;
        targets.push((name, Target::new(url, Bytes::from(std::fs::read(file)?))?, None, Tally::new()?));
    }
    let warm_up = order.count.div_ceil(10);
    for round in 0..warm_up + order.count {
        for (_, target, link, tally) in &mut targets {
            tally.take(exchange(link, target, order.stamps, &AtomicU64::new(0)).await)?;
            if round + 1 == warm_up {
                let (errors, last_error) = (tally.errors, tally.last_error.take());
                *tally = Tally { errors, last_error, ..Tally::new()? };
            }
        }
    }
    Ok(targets
        .iter()
        .map(|(name, _, _, tally)| ((*name).to_owned(), tally.report()))
        .collect::<serde_json::Map<_, _>>()
        .into())
}

#[derive(Deserialize)]
struct HungUp {
    count: u64,
    at_ns: u64,
}

async fn hang_up(order: HangUp) -> Result<Value, Failure> {
    let target = Target::new(&order.url, Bytes::from(std::fs::read(&order.body)?))?;
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
