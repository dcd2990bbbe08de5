//! A run over the corpus: cell after cell, one turn at a time, so that what the upstream hears belongs to the turn.
use crate::client::{Gateway, Got};
use crate::corpus::{Case, Corpus, Side};
use crate::dialect::{Dialect, Mode};
use crate::exchange::{self, Ask};
use crate::host::Host;
use crate::judge::{self, Verdict};
use crate::report::{Cell, Report};
use crate::script::Heard;
use crate::upstream::Upstream;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Which gateway is driven.
#[derive(Clone, Debug)]
pub enum Subject {
    /// This program's own host, started with `serve` and connectors in front of the scripted upstream.
    Own {
        /// The program.
        program: PathBuf,
    },
    /// A gateway that runs already and has been told of the scripted upstream.
    Running {
        /// `http://host:port`, with or without a path.
        url: String,
        /// The key that clients present.
        key: String,
    },
}

/// A run to be made.
#[derive(Clone, Debug)]
pub struct Conform {
    /// Which gateway.
    pub subject: Subject,
    /// Where the scripted upstream listens; port 0 is a free one.
    pub upstream: SocketAddr,
    /// How a client names a model: `{backend}` and `{model}` are filled in.
    pub model: String,
    /// Only cases whose id begins so.
    pub only: Option<String>,
}

/// A run that could not be made.
#[derive(Debug)]
pub struct ConformError(pub(crate) String);

impl fmt::Display for ConformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConformError {}

impl Conform {
    /// Runs the corpus.
    ///
    /// # Errors
    /// The upstream cannot listen, or the gateway does not start.
    pub async fn run(&self, corpus: &Corpus) -> Result<Report, ConformError> {
        let upstream = Upstream::listen(self.upstream).await.map_err(|e| {
            ConformError(format!("the scripted upstream cannot listen on {}: {e}", self.upstream))
        })?;
        let (gateway, _host) = match &self.subject {
            Subject::Running { url, key } => (Gateway::parse(url, key.clone()).map_err(ConformError)?, None),
            Subject::Own { program } => {
                let host = Host::start(program, upstream.address).await?;
                (host.gateway.clone(), Some(host))
            }
        };
        let stage = Stage { upstream, gateway, corpus, model: &self.model };
        let mut report = Report::default();
        for case in &corpus.cases {
            if self.only.as_ref().is_some_and(|only| !case.id.starts_with(only.as_str())) {
                continue;
            }
            for source in Dialect::ALL {
                for target in Dialect::ALL {
                    if let Some(cell) = stage.cell(case, source, target).await {
                        report.add(cell);
                    }
                }
            }
        }
        Ok(report)
    }
}

struct Stage<'a> {
    upstream: Upstream,
    gateway: Gateway,
    corpus: &'a Corpus,
    model: &'a str,
}

/// One turn, from both sides.
struct Turn {
    ask: Ask,
    heard: Vec<Heard>,
    said: bytes::Bytes,
    got: Result<Got, String>,
}

impl Stage<'_> {
    fn defaults(&self, dialect: Dialect) -> Side {
        self.corpus.defaults.get(&dialect).cloned().unwrap_or_default()
    }

    /// All turns of a cell; `None` if the case says nothing about the pair.
    async fn cell(&self, case: &Case, source: Dialect, target: Dialect) -> Option<Cell> {
        let own = case.sides.get(&source);
        // A request that only stands for its answer needs no expectation of its own.
        let is_request = source == target || case.sides.values().any(|side| !side.sent.is_empty());
        let asks = is_request && own.is_some_and(|side| side.ask.is_some());
        if !asks && !case.answers(target) {
            return None;
        }
        let losses: Vec<_> = self.corpus.ledger.losses(&case.id, source, target).cloned().collect();
        let mut verdicts = Vec::new();
        if source != target {
            verdicts.extend(declared(case, (source, target), asks, losses.is_empty()));
        }
        for mode in exchange::modes(case.sides.get(&target)) {
            let more = self.mode(case, source, target, mode).await;
            verdicts.extend(more.into_iter().map(|verdict| (mode, verdict)));
        }
        Some(Cell { case: case.id.clone(), feature: case.feature.clone(), source, target, losses, verdicts })
    }

    async fn mode(&self, case: &Case, source: Dialect, target: Dialect, mode: Mode) -> Vec<Verdict> {
        let none = Side::default();
        let own = case.sides.get(&source).unwrap_or(&none);
        let theirs = case.sides.get(&target).unwrap_or(&none);
        let defaults = (self.defaults(source), self.defaults(target));
        let literal = own.ask.as_ref().or(defaults.0.ask.as_ref()).cloned().unwrap_or_default();
        let turn = self.turn(source, target, (Some(theirs), &defaults.1), mode, &literal).await;
        let got = match &turn.got {
            Ok(got) => got,
            Err(why) => return vec![Verdict::new("client", "gets an answer", Err(why.clone()))],
        };
        if source == target {
            let mut verdicts = judge::same_bytes(&turn.ask.passed_on, turn.heard.first(), &turn.said, got);
            if theirs.rewritten {
                // The answer must say the same, the request is still the client's own.
                verdicts.truncate(1);
                verdicts.extend(judge::client(source, target, mode, got, (&own.got, &defaults.0)).0);
            }
            return verdicts;
        }
        let mut verdicts = Vec::new();
        if own.ask.is_some() {
            verdicts = judge::upstream(target, source, mode, turn.heard.first(), (&theirs.sent, &defaults.1));
        }
        let wants = if case.answers(target) { own.got.as_slice() } else { &[] };
        let (more, echoed) = judge::client(source, target, mode, got, (wants, &defaults.0));
        verdicts.extend(more);
        let then = own.then.as_ref().filter(|_| !theirs.sent_then.is_empty());
        let Some(then) = then.filter(|_| theirs.sent_then.iter().any(|check| check.concerns(source, mode)))
        else {
            return verdicts;
        };
        let Some(second) = exchange::echo(source, &literal, &echoed, then) else {
            verdicts.push(Verdict::new("client", "gets a turn to echo", Err(shown(got))));
            return verdicts;
        };
        let turn = self.turn(source, target, (None, &defaults.1), mode, &second).await;
        verdicts.extend(judge::upstream(
            target,
            source,
            mode,
            turn.heard.first(),
            (&theirs.sent_then, &defaults.1),
        ));
        verdicts
    }

    async fn turn(
        &self,
        source: Dialect,
        target: Dialect,
        (theirs, defaults): (Option<&Side>, &Side),
        mode: Mode,
        literal: &str,
    ) -> Turn {
        let bare = theirs.and_then(|side| side.model.as_deref()).or(defaults.model.as_deref()).unwrap_or("m");
        let selector = self.model.replace("{backend}", target.backend()).replace("{model}", bare);
        let script = exchange::script(theirs, defaults, mode);
        let said = script.body.clone();
        self.upstream.play(script);
        let ask = exchange::ask(source, literal, mode, &selector, bare);
        let got = self.gateway.turn(source, &selector, mode, ask.body.clone()).await;
        Turn { ask, heard: self.upstream.heard(), said, got }
    }
}

fn shown(got: &Got) -> String {
    let body: String = String::from_utf8_lossy(&got.body).chars().take(400).collect();
    format!("status {}: {body}", got.status)
}

/// What a case must say of a pair: an expectation that something arrives, or a row that says why nothing can.
fn declared(
    case: &Case,
    (source, target): (Dialect, Dialect),
    asks: bool,
    nothing_lost: bool,
) -> Vec<(Mode, Verdict)> {
    let says = |dialect: Dialect, partner: Dialect, request: bool| {
        case.sides.get(&dialect).is_some_and(|side| {
            let checks =
                if request { side.sent.iter().chain(&side.sent_then) } else { side.got.iter().chain(&[]) };
            checks.into_iter().any(|check| {
                check.is_positive()
                    && [Mode::Whole, Mode::Stream].iter().any(|mode| check.concerns(partner, *mode))
            })
        })
    };
    let silent = |told: bool| {
        if told || !nothing_lost {
            Ok(())
        } else {
            Err("no expectation, and no row in expressible.toml".to_owned())
        }
    };
    let mut verdicts = Vec::new();
    if asks {
        verdicts.push((
            Mode::Whole,
            Verdict::new("upstream", "what it gets is declared", silent(says(target, source, true))),
        ));
    }
    if case.answers(target) {
        verdicts.push((
            Mode::Whole,
            Verdict::new("client", "what it gets is declared", silent(says(source, target, false))),
        ));
    }
    verdicts.retain(|(_, verdict)| verdict.found.is_some());
    verdicts
}
