//! Everything that is counted, and how a turn counts.
use crate::family::{Counters, Histograms};
use crate::models::Models;
use crate::names::{
    BACKEND, DIALECT, ERROR, MODEL, OPERATION, OUTCOME, PROVIDER, TOKEN_TYPE, error, operation,
};
use crate::sample::Labels;
use events::attempt::{Attempt, AttemptOutcome, Role};
use events::tokens::Tokens;
use events::turn::TurnEnded;
use std::time::Duration;

/// Boundaries that the conventions ask for.
const DURATIONS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKENS: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// From 25 µs: what a turn costs this host is about a tenth of a millisecond.
const OVERHEADS: &[f64] =
    &[0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_6, 0.003_2, 0.01, 0.05, 0.25, 1.0];

/// All families.
#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) counters: [Counters; 6],
    pub(crate) histograms: [Histograms; 5],
    models: Models,
}

/// Places in [`Instruments::counters`].
const TURNS: usize = 0;
const ATTEMPTS: usize = 1;
const FAILOVERS: usize = 2;
const USED: usize = 3;
const BYTES_IN: usize = 4;
const BYTES_OUT: usize = 5;
/// Places in [`Instruments::histograms`].
const OPERATION_DURATION: usize = 0;
const TOKEN_USAGE: usize = 1;
const REQUEST_DURATION: usize = 2;
const FIRST_TOKEN: usize = 3;
const OVERHEAD: usize = 4;

impl Default for Instruments {
    fn default() -> Self {
        Self {
            counters: [
                Counters::new("lip.turns", "{turn}", "Turns that have ended, by how"),
                Counters::new("lip.attempts", "{attempt}", "Attempts of turns that have ended, by how"),
                Counters::new(
                    "lip.failovers",
                    "{attempt}",
                    "Attempts that failed and were followed by another one",
                ),
                Counters::new("lip.tokens", "{token}", "Tokens as upstreams reported them"),
                Counters::new("lip.request.bytes", "By", "Bytes of the bodies of requests"),
                Counters::new("lip.response.bytes", "By", "Bytes of the bodies of answers"),
            ],
            histograms: [
                Histograms::new(
                    "gen_ai.client.operation.duration",
                    "s",
                    "Time of one request to an upstream, from its sending to its end",
                    DURATIONS,
                ),
                Histograms::new(
                    "gen_ai.client.token.usage",
                    "{token}",
                    "Input and output tokens of one request to an upstream, as it reported them",
                    TOKENS,
                ),
                Histograms::new(
                    "gen_ai.server.request.duration",
                    "s",
                    "Time of one turn, from the client's request to the end of its answer",
                    DURATIONS,
                ),
                Histograms::new(
                    "gen_ai.server.time_to_first_token",
                    "s",
                    "Time from the client's request to the first output",
                    FIRST_TOKENS,
                ),
                Histograms::new(
                    "lip.turn.overhead",
                    "s",
                    "What of a turn's time until its first output this host took itself",
                    OVERHEADS,
                ),
            ],
            models: Models::default(),
        }
    }
}

impl Instruments {
    /// A turn has ended.
    pub(crate) fn count(&mut self, ended: &TurnEnded) {
        let turn = &ended.turn;
        let dialect = (DIALECT, turn.dialect.to_owned());
        self.attempts(ended);
        self.add(
            TURNS,
            vec![
                dialect.clone(),
                (OUTCOME, ended.outcome.name().to_owned()),
                ("lip.what", turn.what.name().to_owned()),
            ],
            1,
        );
        self.add(BYTES_IN, vec![dialect.clone()], turn.bytes_in);
        self.add(BYTES_OUT, vec![dialect.clone()], ended.bytes_out);
        let mut labels = match ended.charged() {
            Some(attempt) => self.labels(turn.dialect, attempt),
            None => vec![(OPERATION, operation(turn.dialect).to_owned()), (PROVIDER, "lip".to_owned())],
        };
        if let Some(first) = ended.first_output {
            self.record(FIRST_TOKEN, labels.clone(), first);
        }
        if let Some(trouble) = ended.outcome.trouble() {
            labels.push((ERROR, error(trouble.kind).to_owned()));
        }
        self.record(REQUEST_DURATION, labels, ended.lasted);
        self.record(OVERHEAD, vec![dialect], ended.overhead);
    }

    fn attempts(&mut self, ended: &TurnEnded) {
        let own = |attempt: &Attempt| attempt.role == Role::Answer;
        for (n, attempt) in ended.attempts.iter().enumerate() {
            let labels = self.labels(ended.turn.dialect, attempt);
            let backend = (BACKEND, attempt.backend.to_string());
            self.add(ATTEMPTS, vec![backend.clone(), (OUTCOME, attempt.outcome.name().to_owned())], 1);
            let later = ended.attempts.get(n + 1..).unwrap_or_default();
            if matches!(attempt.outcome, AttemptOutcome::Failed(_)) && own(attempt) && later.iter().any(own) {
                self.add(FAILOVERS, vec![backend.clone()], 1);
            }
            if let Some(tokens) = &attempt.tokens {
                self.tokens(&labels, &backend, tokens);
            }
            let Some(asked) = attempt.asked else { continue };
            let mut labels = labels;
            if let Some(trouble) = attempt.outcome.trouble() {
                labels.push((ERROR, error(trouble.kind).to_owned()));
            }
            self.record(OPERATION_DURATION, labels, attempt.ended.saturating_sub(asked));
        }
    }

    fn tokens(&mut self, labels: &Labels, backend: &(&'static str, String), tokens: &Tokens) {
        let Tokens { input, output, cached_input, cache_write, reasoning } = *tokens;
        for (kind, n) in [("input", input), ("output", output)] {
            let Some(n) = n else { continue };
            let mut labels = labels.clone();
            labels.push((TOKEN_TYPE, kind.to_owned()));
            if let Some(family) = self.histograms.get_mut(TOKEN_USAGE) {
                family.record(labels, n as f64);
            }
        }
        for (kind, n) in [
            ("input", input),
            ("output", output),
            ("cached_input", cached_input),
            ("cache_write", cache_write),
            ("reasoning", reasoning),
        ] {
            if let Some(n) = n {
                self.add(USED, vec![backend.clone(), (TOKEN_TYPE, kind.to_owned())], n);
            }
        }
    }

    fn labels(&mut self, dialect: &str, attempt: &Attempt) -> Labels {
        let was_answered = attempt.outcome == AttemptOutcome::Answered;
        vec![
            (OPERATION, operation(dialect).to_owned()),
            (PROVIDER, attempt.connector.to_string()),
            (BACKEND, attempt.backend.to_string()),
            (MODEL, self.models.label(&attempt.backend, &attempt.model, was_answered)),
        ]
    }

    fn add(&mut self, family: usize, labels: Labels, n: u64) {
        if let Some(family) = self.counters.get_mut(family) {
            family.add(labels, n);
        }
    }

    fn record(&mut self, family: usize, labels: Labels, time: Duration) {
        if let Some(family) = self.histograms.get_mut(family) {
            family.record(labels, time.as_secs_f64());
        }
    }
}
