//! Counts the instructions of the hot paths under valgrind's callgrind and compares them with `counts.json`, so that a change which
//! makes one slower shows itself, whatever else the machine does. `scripts/instructions` builds and starts it.
//!
//! Each case is a process: this program, which prepares the case, runs it until nothing is done for the first time any more, and then
//! runs it once inside [`counted::counted`], the one function that callgrind looks at.
mod callgrind;
mod case;
mod cases;
mod counted;
mod counts;
mod report;
mod translation;
mod verdict;

use clap::Parser;
use std::process::ExitCode;

/// As in the host's binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Counts the instructions of the hot paths, and compares them with what is committed")]
struct Order {
    /// Only the cases whose name has one of these words in it.
    words: Vec<String>,
    /// Write the counts of this code into counts.json.
    #[arg(long)]
    renew: bool,
    /// Count each case so many times, and say how far the counts lie apart.
    #[arg(long, value_name = "TIMES", conflicts_with = "renew")]
    noise: Option<usize>,
    /// Print the names of the cases.
    #[arg(long)]
    list: bool,
    /// Run one case: what callgrind starts.
    #[arg(long, value_name = "NAME", hide = true)]
    run: Option<String>,
}

fn main() -> ExitCode {
    // The case of a turn loads a library, which is tried in a child first.
    if let Some(code) = loader::probe::intercept(std::env::args_os().skip(1)) {
        return code;
    }
    let order = Order::parse();
    if let Some(name) = order.run {
        case::run(&name);
        return ExitCode::SUCCESS;
    }
    let names: Vec<String> = cases::all().into_iter().map(|case| case.name).collect();
    let is_asked = |name: &&String| {
        order.words.is_empty() || order.words.iter().any(|word| name.contains(word.as_str()))
    };
    let asked: Vec<String> = names.iter().filter(is_asked).cloned().collect();
    if order.list {
        asked.iter().for_each(|name| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let done = match (order.renew, order.noise) {
        (true, _) => report::renew(&names, &asked),
        (false, Some(times)) => report::noise(&asked, times),
        (false, None) => report::check(&names, &asked),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}
