//! One request at a time, the targets in turn.
use crate::exchange;
use bench::Failure;
use bench::client::Target;
use bench::tally::Tally;
use bytes::Bytes;
use clap::Args;
use serde_json::Value;
use std::sync::atomic::AtomicU64;

#[derive(Args)]
pub(crate) struct InTurn {
    /// NAME=URL=FILE, as often as wanted.
    #[arg(long = "target")]
    targets: Vec<String>,
    /// `NAME=name: value`, a header for the target NAME.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// Exchanges with each target that count; a tenth goes ahead as warm-up.
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// Stamps that an answer must carry.
    #[arg(long, default_value_t = 1)]
    stamps: usize,
}

pub(crate) async fn run(order: InTurn) -> Result<Value, Failure> {
    let mut targets = Vec::new();
    for words in &order.targets {
        // A URL may hold a `=` of its own.
        let parts = words.split_once('=').and_then(|(name, rest)| Some((name, rest.rsplit_once('=')?)));
        let (name, (url, file)) = parts.ok_or("a target is NAME=URL=FILE")?;
        let own = order.headers.iter().filter_map(|header| header.strip_prefix(name)?.strip_prefix('='));
        let headers: Vec<String> = own.map(str::to_owned).collect();
        let target = Target::new(url, Bytes::from(std::fs::read(file)?), &headers)?;
        targets.push((name, target, None, Tally::new()?));
    }
    let warm_up = order.count.div_ceil(10);
    for round in 0..warm_up + order.count {
        for (_, target, link, tally) in &mut targets {
            tally.take(exchange(link, target, order.stamps, &AtomicU64::new(0)).await)?;
            if round + 1 == warm_up {
                tally.begin_again()?;
            }
        }
    }
    Ok(targets
        .iter()
        .map(|(name, _, _, tally)| ((*name).to_owned(), tally.report()))
        .collect::<serde_json::Map<_, _>>()
        .into())
}
