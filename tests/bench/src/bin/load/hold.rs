//! Many streams that are open at once: are they all served, and what does each weigh?
use bench::client::{Link, Seen, Target};
use bench::tally::Tally;
use bench::{Failure, meter};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often is looked whether all streams have begun.
const LOOK: Duration = Duration::from_millis(20);
/// How long all streams are left alone before the proxy is weighed.
const SETTLE: Duration = Duration::from_millis(500);
/// How long streams may take to begin after the last one was opened.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Hold {
    /// URL to POST to.
    #[arg(long)]
    url: String,
    /// File with the body.
    #[arg(long)]
    body: PathBuf,
    /// `name: value`, as often as wanted.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// Streams, each on a connection of its own.
    #[arg(long, default_value_t = 1000)]
    streams: usize,
    /// Seconds over which they are opened.
    #[arg(long, default_value_t = 2.0)]
    spread: f64,
    /// Stamps that an answer must carry.
    #[arg(long)]
    stamps: usize,
    /// Process that is weighed, with its children.
    #[arg(long)]
    pid: u32,
}

/// How far the streams are.
#[derive(Default)]
struct Progress {
    /// Stamps of each stream.
    arrived: Vec<AtomicU64>,
    /// Streams that have ended or failed.
    over: AtomicUsize,
}

impl Progress {
    fn begun(&self) -> usize {
        self.arrived.iter().filter(|stamps| stamps.load(Ordering::Relaxed) > 0).count()
    }

    /// Streams that give deltas: begun, and not over.
    fn open(&self) -> usize {
        self.begun().saturating_sub(self.over.load(Ordering::Relaxed))
    }
}

pub(crate) async fn run(order: Hold) -> Result<Value, Failure> {
    let target = Target::new(&order.url, Bytes::from(std::fs::read(&order.body)?), &order.headers)?;
    let progress = Arc::new(Progress {
        arrived: (0..order.streams).map(|_| AtomicU64::new(0)).collect(),
        ..Progress::default()
    });
    let before = meter::weight(order.pid);
    let began = Instant::now();
    let mut streams = Vec::with_capacity(order.streams);
    for nth in 0..order.streams {
        let (target, progress) = (target.clone(), Arc::clone(&progress));
        let wait = Duration::from_secs_f64(order.spread * nth as f64 / order.streams as f64);
        streams.push(tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let seen = stream(&target, order.stamps, progress.arrived.get(nth)).await;
            progress.over.fetch_add(1, Ordering::Relaxed);
            seen
        }));
    }
    let last = began + Duration::from_secs_f64(order.spread) + PATIENCE;
    while progress.begun() < order.streams
        && progress.over.load(Ordering::Relaxed) == 0
        && Instant::now() < last
    {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(SETTLE).await;
    let (open, during) = (progress.open(), meter::weight(order.pid));
    let mut tally = Tally::new()?;
    for stream in streams {
        tally.take(stream.await?)?;
    }
    let mut report = tally.report();
    report["streams"] = json!(order.streams);
    report["open"] = json!(open);
    report["before"] = json!(before);
    report["during"] = json!(during);
    report["after"] = json!(meter::weight(order.pid));
    Ok(report)
}

async fn stream(target: &Target, stamps: usize, arrived: Option<&AtomicU64>) -> Result<Seen, Failure> {
    let arrived = arrived.ok_or("a stream without a counter")?;
    Link::open(target).await?.exchange(target, stamps, arrived).await
}
