//! What a child cage costs: the same library in process and in a worker, driven as the host drives it, in turn and in one run.
//! The upstream is memory, so that nothing is measured but the boundary. Prints one JSON object; times in microseconds.
use base::Fault;
use bench::{Failure, library};
use bytes::Bytes;
use clap::Parser;
use hdrhistogram::Histogram;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt;
use loader::run::{Body, Effect, EffectFuture, Effects, Outcome, Refusal, RunEvent, Upstream};
use loader::{Instance, Isolation};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

#[derive(Parser)]
#[command(about = "What a child cage costs, per request and per delta")]
struct Order {
    /// Folder with the library `caged` and no other.
    #[arg(long)]
    plugins: PathBuf,
    /// Requests of each kind in each cage that count.
    #[arg(long, default_value_t = 2000)]
    count: usize,
}

/// One kind of request. Streams have 1,000 deltas.
struct Case {
    name: &'static str,
    request_bytes: usize,
    model: &'static str,
    /// Deltas in one piece of the upstream's body; none for an answer that is no stream.
    deltas_at_once: Option<usize>,
    /// Do pieces come one by one, each after a wait?
    waits: bool,
    /// One of so many requests: streams take longer.
    share: usize,
}

const DELTAS: usize = 1000;
const LARGE: usize = 200_000;

const fn case(
    name: &'static str,
    request_bytes: usize,
    model: &'static str,
    stream: Option<(usize, bool)>,
) -> Case {
    let (deltas_at_once, waits, share) = match stream {
        None => (None, false, 1),
        Some((deltas, waits)) => (Some(deltas), waits, 20),
    };
    Case { name, request_bytes, model, deltas_at_once, waits, share }
}

const CASES: &[Case] = &[
    case("tiny, spliced", 300, "spliced", None),
    case("tiny, parsed", 300, "parsed", None),
    case("200 KB, spliced", LARGE, "spliced", None),
    case("200 KB, parsed", LARGE, "parsed", None),
    case("1,000 deltas, spliced", 300, "spliced", Some((1, false))),
    case("1,000 deltas, parsed, 20 at once", 300, "parsed", Some((20, false))),
    case("1,000 deltas, parsed, all ready", 300, "parsed", Some((1, false))),
    case("1,000 deltas, parsed, one by one", 300, "parsed", Some((1, true))),
];

/// This program is also the one that probes and workers are started with.
fn main() -> ExitCode {
    let args = || std::env::args_os().skip(1);
    if let Some(code) = loader::probe::intercept(args()).or_else(|| loader::cage::intercept(args())) {
        return code;
    }
    match run(&Order::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

// As the host's runtime is: one thread for each core.
#[tokio::main]
async fn run(order: &Order) -> Result<(), Failure> {
    let state = tempfile::tempdir()?;
    let cages = [("inproc", Isolation::Inproc), ("child", Isolation::Child)];
    let mut instances = Vec::new();
    for (name, isolation) in cages {
        let plugin = library::load(&order.plugins, state.path(), isolation)?;
        instances.push((name, Arc::new(plugin.create("caged", "caged", &json!({}))?)));
    }
    let mut report = Map::new();
    for case in CASES {
        let case_report =
            tokio::spawn(measure(case, instances.clone(), (order.count / case.share).max(20))).await??;
        report.insert(case.name.to_owned(), case_report);
    }
    println!("{}", Value::Object(report));
    Ok(())
}

/// One kind of request in each cage in turn, another one first every time.
async fn measure(
    case: &'static Case,
    instances: Vec<(&'static str, Arc<Instance>)>,
    count: usize,
) -> Result<Value, Failure> {
    let meta =
        json!({"model": case.model, "stream": case.deltas_at_once.is_some(), "dialect": "openai-chat"});
    let (meta, body) = (serde_json::to_vec(&meta)?, Bytes::from(vec![b'x'; case.request_bytes]));
    let answers: Arc<dyn Effects> = Arc::new(Answers::of(case));
    let mut times = vec![Histogram::<u64>::new(3)?; instances.len()];
    let warm_up = count.div_ceil(10);
    for round in 0..warm_up + count {
        for turn in 0..instances.len() {
            let at = (round + turn) % instances.len();
            let (instance, times) = (&instances[at].1, &mut times[at]);
            let began = Instant::now();
            let n_bytes = exchange(instance, Arc::clone(&answers), &meta, body.clone()).await?;
            let took = began.elapsed();
            if n_bytes < answer_bytes_min(case) {
                return Err(format!("{}: an answer of {n_bytes} bytes", case.name).into());
            }
            if round >= warm_up {
                times.record(u64::try_from(took.as_nanos())?)?;
            }
        }
    }
    let named = instances.iter().zip(&times);
    Ok(named.map(|((name, _), times)| ((*name).to_owned(), quantiles(times))).collect::<Map<_, _>>().into())
}

fn quantiles(times: &Histogram<u64>) -> Value {
    let us = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1000.0;
    json!({"n": times.len(), "p50": us(0.5), "p95": us(0.95), "p99": us(0.99)})
}

/// Runs one turn to its end and reads what it gives: bytes of the answer.
async fn exchange(
    instance: &Arc<Instance>,
    answers: Arc<dyn Effects>,
    meta: &[u8],
    body: Bytes,
) -> Result<usize, Fault> {
    let mut run = instance.run(answers, "turn", meta.to_vec(), body)?;
    let mut n_bytes = 0;
    while let Some(event) = run.next().await {
        match event? {
            RunEvent::Chunk { bytes, .. } | RunEvent::Full { bytes, .. } => n_bytes += bytes.len(),
            RunEvent::Splice { mut upstream, .. } => {
                while let Some(frame) = upstream.body.frame().await {
                    n_bytes += frame?.into_data().map_or(0, |data| data.len());
                }
            }
            RunEvent::Usage(_) | RunEvent::Note(_) => {}
        }
    }
    Ok(n_bytes)
}

/// An upstream that is always the same.
struct Answers {
    pieces: Arc<[Bytes]>,
    waits: bool,
}

const ANSWER: &str = r#"{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Red, yellow and blue."},"finish_reason":"stop"}]}"#;
const DELTA: &str = "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"yellow and \"}}]}\n\n";

fn answer_bytes_min(case: &Case) -> usize {
    case.deltas_at_once.map_or(ANSWER.len(), |_| DELTAS * DELTA.len())
}

impl Answers {
    fn of(case: &Case) -> Self {
        let pieces = match case.deltas_at_once {
            None => vec![Bytes::from_static(ANSWER.as_bytes())],
            Some(deltas) => vec![Bytes::from(DELTA.repeat(deltas)); DELTAS / deltas],
        };
        Self { pieces: pieces.into(), waits: case.waits }
    }

    fn body(&self) -> Body {
        Pieces { pieces: Arc::clone(&self.pieces), next: 0, waits: self.waits, has_waited: false }
            .boxed_unsync()
    }
}

impl Effects for Answers {
    fn start(&self, effect: Effect) -> EffectFuture {
        let outcome = match effect {
            Effect::Http(_) => {
                Outcome::Head(Upstream { status: 200, headers: HeaderMap::new(), body: self.body() })
            }
            _ => Outcome::Failed(Refusal::Unsupported, String::new()),
        };
        Box::pin(std::future::ready(outcome))
    }
}

struct Pieces {
    pieces: Arc<[Bytes]>,
    next: usize,
    waits: bool,
    has_waited: bool,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.waits && !self.has_waited {
            self.has_waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.has_waited = false;
        let piece = self.pieces.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }
}
