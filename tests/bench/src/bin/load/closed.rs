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
    /// File with the body. Of several each connection sends one, in turn.
    #[arg(long = "body", required = true)]
    bodies: Vec<PathBuf>,
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
    /// Another process whose CPU time is taken: one that works for the first.
    #[arg(long)]
    beside: Option<u32>,
}

/// What the connections of one load share.
struct Shared {
    targets: Vec<Target>,
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
    /// The next request of this connection, if one is still wanted.
    fn next(&self, connection: usize) -> Result<Option<Cow<'_, Target>>, Failure> {
        let nth = self.begun.fetch_add(1, Ordering::Relaxed);
        if nth >= self.exchanges_max || self.ends.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let target = &self.targets[connection % self.targets.len()];
        if self.conversations < 2 {
            return Ok(Some(Cow::Borrowed(target)));
        }
        let conversation = nth.wrapping_mul(STRIDE) % self.conversations;
        Ok(Some(Cow::Owned(target.in_conversation(conversation)?)))
    }
}

/// CPU time, clock and stamps at one moment, so that exchanges which span it do not tilt the result.
struct Mark {
    own: meter::Cpu,
    beside_us: u64,
    at_ns: u64,
    arrived: u64,
}

impl Mark {
    fn now((pid, beside): (u32, Option<u32>), shared: &Shared) -> Self {
        let beside = beside.map(meter::cpu).unwrap_or_default();
        Self {
            own: meter::cpu(pid),
            beside_us: beside.user_us + beside.system_us,
            at_ns: stamp::now_ns(),
            arrived: shared.arrived.load(Ordering::Relaxed),
        }
    }
}

pub(crate) async fn run(order: Closed) -> Result<Value, Failure> {
    let target = |body| Target::new(&order.url, Bytes::from(std::fs::read(body)?), &order.headers);
    let shared = Arc::new(Shared {
        targets: order.bodies.iter().map(target).collect::<Result<_, _>>()?,
        stamps: order.stamps,
        conversations: order.conversations,
        exchanges_max: order.exchanges.unwrap_or(u64::MAX),
        begun: AtomicU64::new(0),
        arrived: AtomicU64::new(0),
        counts: AtomicBool::new(order.exchanges.is_some()),
        ends: AtomicBool::new(false),
    });
    let pids = (order.pid, order.beside);
    let mut from = Mark::now(pids, &shared);
    let mut workers = Vec::with_capacity(order.connections);
    for nth in 0..order.connections {
        let share = nth as f64 / order.connections as f64;
        let wait = Duration::from_secs_f64(order.spread * share);
        workers.push(tokio::spawn(connection(Arc::clone(&shared), nth, wait)));
    }
    let mut to = None;
    if order.exchanges.is_none() {
        let warm_up = (order.seconds / 4.0).max(order.spread);
        tokio::time::sleep(Duration::from_secs_f64(warm_up)).await;
        shared.counts.store(true, Ordering::Relaxed);
        from = Mark::now(pids, &shared);
        tokio::time::sleep(Duration::from_secs_f64(order.seconds)).await;
        to = Some(Mark::now(pids, &shared));
        shared.ends.store(true, Ordering::Relaxed);
    }
    let mut tally = Tally::new()?;
    for worker in workers {
        tally.add(&worker.await??)?;
    }
    let to = to.unwrap_or_else(|| Mark::now(pids, &shared));
    let mut report = tally.report();
    report["user_us"] = json!(to.own.user_us - from.own.user_us);
    report["system_us"] = json!(to.own.system_us - from.own.system_us);
    report["beside_us"] = json!(to.beside_us - from.beside_us);
    report["seconds"] = json!((to.at_ns - from.at_ns) as f64 / 1e9);
    report["stamps"] = json!(to.arrived - from.arrived);
    Ok(report)
}

async fn connection(shared: Arc<Shared>, nth: usize, wait: Duration) -> Result<Tally, Failure> {
    tokio::time::sleep(wait).await;
    let (mut tally, mut link) = (Tally::new()?, None);
    while let Some(target) = shared.next(nth)? {
        let result = exchange(&mut link, &target, shared.stamps, &shared.arrived).await;
        if result.is_err() || shared.counts.load(Ordering::Relaxed) {
            tally.take(result)?;
        }
    }
    Ok(tally)
}
