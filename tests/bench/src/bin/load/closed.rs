//! A closed loop on many connections.
use crate::exchange;
use bench::client::Target;
use bench::tally::Tally;
use bench::{Failure, meter, stamp};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Closed {
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

pub(crate) async fn run(order: Closed) -> Result<Value, Failure> {
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
