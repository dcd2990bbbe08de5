//! A closed loop on many connections, and what it costs the proxy.
use crate::exchange;
use bench::client::Target;
use bench::tally::Tally;
use bench::{Failure, meter, stamp};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Conversations are taken in steps of this prime, so that a short load meets all parts of what the proxy remembers.
const STRIDE: u64 = 7919;

#[derive(Args)]
pub(crate) struct Closed {
    /// URL to POST to.
    #[arg(long)]
    url: String,
    /// File with the body.
    #[arg(long)]
    body: PathBuf,
    /// `name: value`, as often as wanted.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// Connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds over which the connections begin, so that their streams do not run in step.
    #[arg(long, default_value_t = 0.0)]
    spread: f64,
    /// Seconds that count; a quarter of it, or the spread, goes ahead as warm-up.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// So many exchanges in place of the seconds; all of them count.
    #[arg(long)]
    exchanges: Option<u64>,
    /// So many conversations in turn: a number for each stands in the body in place of the mark.
    #[arg(long, default_value_t = 1)]
    conversations: u64,
    /// Stamps that an answer must carry.
    #[arg(long, default_value_t = 1)]
    stamps: usize,
    /// Process whose CPU time is taken, with its children.
    #[arg(long)]
    pid: u32,
}

/// What the connections of one load share.
struct Shared {
    target: Target,
    stamps: usize,
    conversations: u64,
    exchanges_max: u64,
    /// Exchanges that have begun.
    begun: AtomicU64,
    /// Stamps that have come, from the first exchange on.
    arrived: AtomicU64,
    /// Exchanges that end now count.
    counts: AtomicBool,
    /// No further exchange begins.
    ends: AtomicBool,
}

impl Shared {
    /// The next request, if one is still wanted.
    fn next(&self) -> Result<Option<Cow<'_, Target>>, Failure> {
        let nth = self.begun.fetch_add(1, Ordering::Relaxed);
        if nth >= self.exchanges_max || self.ends.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if self.conversations < 2 {
            return Ok(Some(Cow::Borrowed(&self.target)));
        }
        let conversation = nth.wrapping_mul(STRIDE) % self.conversations;
        Ok(Some(Cow::Owned(self.target.in_conversation(conversation)?)))
    }
}

/// CPU time, clock and stamps at one moment, so that exchanges which span it do not tilt the result.
struct Mark(meter::Cpu, u64, u64);

impl Mark {
    fn now(pid: u32, shared: &Shared) -> Self {
        Self(meter::cpu(pid), stamp::now_ns(), shared.arrived.load(Ordering::Relaxed))
    }
}

pub(crate) async fn run(order: Closed) -> Result<Value, Failure> {
    let shared = Arc::new(Shared {
        target: Target::new(&order.url, Bytes::from(std::fs::read(&order.body)?), &order.headers)?,
        stamps: order.stamps,
        conversations: order.conversations,
        exchanges_max: order.exchanges.unwrap_or(u64::MAX),
        begun: AtomicU64::new(0),
        arrived: AtomicU64::new(0),
        counts: AtomicBool::new(order.exchanges.is_some()),
        ends: AtomicBool::new(false),
    });
    let mut from = Mark::now(order.pid, &shared);
    let mut workers = Vec::with_capacity(order.connections);
    for nth in 0..order.connections {
        let share = nth as f64 / order.connections as f64;
        let wait = Duration::from_secs_f64(order.spread * share);
        workers.push(tokio::spawn(connection(Arc::clone(&shared), wait)));
    }
    let mut to = None;
    if order.exchanges.is_none() {
        let warm_up = (order.seconds / 4.0).max(order.spread);
        tokio::time::sleep(Duration::from_secs_f64(warm_up)).await;
        shared.counts.store(true, Ordering::Relaxed);
        from = Mark::now(order.pid, &shared);
        tokio::time::sleep(Duration::from_secs_f64(order.seconds)).await;
        to = Some(Mark::now(order.pid, &shared));
        shared.ends.store(true, Ordering::Relaxed);
    }
    let mut tally = Tally::new()?;
    for worker in workers {
        tally.add(&worker.await??)?;
    }
    let to = to.unwrap_or_else(|| Mark::now(order.pid, &shared));
    let mut report = tally.report();
    report["user_us"] = json!(to.0.user_us - from.0.user_us);
    report["system_us"] = json!(to.0.system_us - from.0.system_us);
    report["seconds"] = json!((to.1 - from.1) as f64 / 1e9);
    report["stamps"] = json!(to.2 - from.2);
    Ok(report)
}

async fn connection(shared: Arc<Shared>, wait: Duration) -> Result<Tally, Failure> {
    tokio::time::sleep(wait).await;
    let (mut tally, mut link) = (Tally::new()?, None);
    while let Some(target) = shared.next()? {
        let result = exchange(&mut link, &target, shared.stamps, &shared.arrived).await;
        if result.is_err() || shared.counts.load(Ordering::Relaxed) {
            tally.take(result)?;
        }
    }
    Ok(tally)
}
