//! What the host tells those who watch it: counts of turns, how things stand now, and spans.
mod export;
mod samples;

use crate::reload::Reloader;
use ::capture::tape::Tapes;
use ::telemetry::Recorder;
use ::telemetry::otlp::Resource;
use engine::Engine;
use export::Exporter;
use frontends::{Drain, Metrics};
use ledger::ledger::Ledger;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a turn waits to be counted where nobody asks.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// All of it.
#[derive(Debug)]
pub(crate) struct Telemetry {
    recorder: Arc<Recorder>,
    engine: Arc<Engine>,
    reloader: Reloader,
    drain: Drain,
    ledger: Option<Arc<Ledger>>,
    resource: Resource,
    /// What is kept of turns, if it is.
    tapes: Option<Arc<Tapes>>,
    /// Where it is sent, if it is.
    exporter: Option<Exporter>,
}

impl Telemetry {
    /// Of the host that `engine` serves; `recorder` is told of its turns.
    pub(crate) fn new(
        recorder: Arc<Recorder>,
        engine: Arc<Engine>,
        reloader: Reloader,
        drain: Drain,
        ledger: Option<Arc<Ledger>>,
    ) -> Self {
        let exporter = Exporter::of(&reloader.settings());
        let resource = Resource {
            version: env!("CARGO_PKG_VERSION"),
            instance: engine.id().to_owned(),
            began: SystemTime::now(),
        };
        if exporter.is_some() {
            recorder.keep();
        }
        Self { recorder, engine, reloader, drain, ledger, resource, tapes: None, exporter }
    }

    /// The same, and how `tapes` stands.
    pub(crate) fn with(self, tapes: Option<Arc<Tapes>>) -> Self {
        Self { tapes, ..self }
    }

    /// Counts what has ended, and sends it where the settings say. Never ends.
    pub(crate) async fn run(&self) -> Infallible {
        let counting = async {
            loop {
                tokio::time::sleep(COUNT_EVERY).await;
                self.recorder.count();
            }
        };
        match &self.exporter {
            Some(exporter) => tokio::select! {
                never = counting => never,
                never = exporter.run(self) => never,
            },
            None => counting.await,
        }
    }

    /// Sends what has not been sent.
    pub(crate) async fn finish(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.finish(self).await;
        }
    }
}

impl Metrics for Telemetry {
    fn text(&self) -> String {
        self.recorder.prometheus(&self.samples())
    }
}
