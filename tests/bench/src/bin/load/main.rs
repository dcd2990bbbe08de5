//! The load generator. Prints one JSON object; times in microseconds.
mod closed;
mod hang_up;
mod hold;
mod in_turn;

use bench::client::{Link, Seen, Target};
use bench::{Failure, meter};
use clap::Parser;
use serde_json::json;
use std::sync::atomic::AtomicU64;

#[derive(Parser)]
#[command(about = "Load on a proxy, measured from outside")]
enum Command {
    /// Closed loop on many connections: throughput, latencies, CPU of the proxy.
    Closed(closed::Closed),
    /// One request at a time, the targets in turn on warm connections: latencies to compare.
    InTurn(in_turn::InTurn),
    /// Hangs up in the middle of a stream: how long until the upstream sees it.
    HangUp(hang_up::HangUp),
    /// Many streams that are open at once: are they served, and what does each weigh?
    Hold(hold::Hold),
    /// Memory, threads and processes of a process tree.
    Weight {
        /// Its root.
        #[arg(long)]
        pid: u32,
    },
}

// One thread: the cores are for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let report = match Command::parse() {
        Command::Closed(order) => closed::run(order).await?,
        Command::InTurn(order) => in_turn::run(order).await?,
        Command::HangUp(order) => hang_up::run(order).await?,
        Command::Hold(order) => hold::run(order).await?,
        Command::Weight { pid } => json!(meter::weight(pid)),
    };
    println!("{report}");
    Ok(())
}

/// One exchange on `link`, which is opened when it is not, or not any more, and dropped when the exchange failed.
async fn exchange(
    link: &mut Option<Link>,
    target: &Target,
    stamps: usize,
    arrived: &AtomicU64,
) -> Result<Seen, Failure> {
    let mut open = match link.take().filter(Link::is_open) {
        Some(open) => open,
        None => Link::open(target).await?,
    };
    let seen = open.exchange(target, stamps, arrived).await?;
    *link = Some(open);
    Ok(seen)
}
