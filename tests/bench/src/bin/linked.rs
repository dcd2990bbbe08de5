//! What the boundary costs: one connector, called in a loaded library and as code of this program, in turn and in one run.
//!
//! Both are compiled from the same file. The library brings its own allocator, as libraries do; this program has the host's.
//! The upstream is memory and the driver one loop, so that nothing else differs. Prints JSON; times in microseconds.
#[path = "../../caged/src/lib.rs"]
mod caged;

use bench::{Failure, library};
use clap::Parser;
use hdrhistogram::Histogram;
use lip_abi::abi_stable::prefix_type::PrefixTypeTrait;
use lip_abi::abi_stable::std_types::{RStr, RVec};
use lip_abi::{
    AbiError, Buf, Completion, ConnectorBox, HostFns, HostFns_Ref, Op, Step, StepOut, event, op, status,
};
use lip_plugin::glue::{self, Entry};
use loader::Isolation;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "What the boundary of a library costs, per request and per delta")]
struct Order {
    /// Folder with the library `caged` and no other.
    #[arg(long)]
    plugins: PathBuf,
    /// Measurements of each kind that count.
    #[arg(long, default_value_t = 2000)]
    count: usize,
}

/// One kind of request.
struct Case {
    name: &'static str,
    request_bytes: usize,
    model: &'static str,
    /// Deltas of a stream, each a piece of the upstream's body; 0 for an answer that is none.
    deltas: usize,
    /// Requests in one measurement: a clock that is read as often as a request takes would be what is measured.
    at_once: u32,
}

const CASES: &[Case] = &[
    Case { name: "300 bytes, spliced", request_bytes: 300, model: "spliced", deltas: 0, at_once: 20 },
    Case { name: "300 bytes, parsed", request_bytes: 300, model: "parsed", deltas: 0, at_once: 20 },
    Case { name: "200 KB, spliced", request_bytes: 200_000, model: "spliced", deltas: 0, at_once: 20 },
    Case { name: "1,000 deltas, spliced", request_bytes: 300, model: "spliced", deltas: 1000, at_once: 2 },
    Case { name: "1,000 deltas, parsed", request_bytes: 300, model: "parsed", deltas: 1000, at_once: 1 },
];

/// Warm-up requests of each kind.
const WARM_UP: usize = 200;

/// This program is also the one that the library is probed with.
fn main() -> ExitCode {
    if let Some(code) = loader::probe::intercept(std::env::args_os().skip(1)) {
        return code;
    }
    match run(&Order::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> Result<Value, Failure> {
    let state = tempfile::tempdir()?;
    let host = HostFns { wake, log, now_unix_ms, host_info }.leak_into_prefix();
    let plugin = library::load(&order.plugins, state.path(), Isolation::Inproc)?;
    let loaded = plugin.factory()(host, "caged", "caged", Buf::empty());
    let connectors = [("loaded", loaded.map_err(failure)?), ("linked", linked(host)?)];
    CASES.iter().map(|case| measure(case, &connectors, order.count)).collect()
}

fn linked(host: HostFns_Ref) -> Result<ConnectorBox, Failure> {
    let entries = [Entry::of::<caged::Caged>()];
    let made = glue::create(&entries, host, "caged".into(), "caged".into(), Buf::empty());
    made.into_result().map_err(failure)
}

/// One kind of request through each in turn, another one first every time.
fn measure(case: &Case, connectors: &[(&str, ConnectorBox)], count: usize) -> Result<Value, Failure> {
    let meta = json!({"model": case.model, "stream": case.deltas > 0, "dialect": "openai-chat"});
    let (meta, body) = (Buf::from(meta.to_string()), Buf::from(vec![b'x'; case.request_bytes]));
    let pieces = if case.deltas == 0 { vec![ANSWER] } else { vec![DELTA; case.deltas] };
    let n_bytes = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let mut times = vec![Histogram::<u64>::new(3)?; connectors.len()];
    for round in 0..WARM_UP + count {
        for turn in 0..connectors.len() {
            let at = (round + turn) % connectors.len();
            let began = Instant::now();
            for _ in 0..case.at_once {
                let n = exchange(&connectors[at].1, &pieces, meta.clone(), body.clone())?;
                if n < n_bytes {
                    return Err(format!("{}: an answer of {n} bytes", case.name).into());
                }
            }
            let took = began.elapsed() / case.at_once;
            if round >= WARM_UP {
                times[at].record(u64::try_from(took.as_nanos())?)?;
            }
        }
    }
    let named =
        connectors.iter().zip(&times).map(|((name, _), times)| ((*name).to_owned(), quantiles(times)));
    let mut report: Map<String, Value> = named.collect();
    report.insert("turn".to_owned(), case.name.into());
    report.insert("deltas".to_owned(), case.deltas.into());
    Ok(report.into())
}

fn quantiles(times: &Histogram<u64>) -> Value {
    let us = |ns: u64| ns as f64 / 1000.0;
    let at = |quantile: f64| us(times.value_at_quantile(quantile));
    json!({"n": times.len(), "fastest": us(times.min()), "p50": at(0.5), "p95": at(0.95)})
}

const ANSWER: &str = r#"{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Red, yellow and blue."},"finish_reason":"stop"}]}"#;
const DELTA: &str = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yellow and \"}}]}\n\n";

/// Runs one turn to its end as a host would, with `pieces` as the upstream's body. Returns the bytes of the answer.
fn exchange(
    connector: &ConnectorBox,
    pieces: &[&'static str],
    meta: Buf,
    body: Buf,
) -> Result<usize, Failure> {
    let task = connector.start(1, "turn".into(), meta, body).into_result();
    let mut task = task.map_err(failure)?;
    let (mut done, mut out, mut unread, mut n_bytes) = (RVec::new(), StepOut::default(), pieces.iter(), 0);
    loop {
        let step = task.resume(&mut done, &mut out);
        done.clear();
        let gave = out.events.len();
        for event in out.events.drain(..) {
            n_bytes += match event.kind {
                event::SPLICE => unread.by_ref().map(|piece| std::hint::black_box(piece).len()).sum(),
                _ => event.data.len(),
            };
        }
        done.extend(out.ops.drain(..).map(|op| answered(&op, &mut unread)));
        match step {
            Step::Done => return Ok(n_bytes),
            Step::Failed(error) => return Err(failure(error)),
            Step::Pending if done.is_empty() && gave == 0 => {
                return Err("the connector waits for nothing".into());
            }
            Step::Pending => {}
        }
    }
}

fn answered(op: &Op, unread: &mut std::slice::Iter<'_, &'static str>) -> Completion {
    let (status, arg, body) = match op.kind {
        op::HTTP => (status::OK, 200, Buf::empty()),
        op::BODY_READ => match unread.next() {
            Some(piece) => (status::OK, 0, Buf::from(*piece)),
            None => (status::EOF, 0, Buf::empty()),
        },
        _ => (status::UNSUPPORTED, 0, Buf::empty()),
    };
    Completion { id: op.id, status, flags: 0, handle: 1, arg, meta: Buf::empty(), body }
}

fn failure(error: AbiError) -> Failure {
    String::from_utf8_lossy(&error.detail).into_owned().into()
}

// The driver resumes a task whenever it has something for it, and needs no wake.
extern "C" fn wake(_: u64) {}

extern "C" fn log(_: u32, _: RStr<'_>, message: RStr<'_>) {
    eprintln!("{message}");
}

extern "C" fn now_unix_ms() -> u64 {
    0
}

extern "C" fn host_info() -> RStr<'static> {
    RStr::from("{}")
}
