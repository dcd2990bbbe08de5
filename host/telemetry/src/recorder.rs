//! Is told of turns, and counts them when somebody asks or when many wait: a turn itself pays for one entry in a list.
use crate::instruments::Instruments;
use crate::otlp;
use crate::prometheus;
use crate::sample::Sample;
use events::turn::TurnEnded;
use events::witness::Witness;
use parking_lot::Mutex;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

/// Turns that wait to be counted; the one that makes them more counts them.
const WAITING_MAX: usize = 4096;
/// Turns whose spans wait to be sent; further ones have none.
const SPANS_MAX: usize = 2048;

/// Counts turns. None is lost and none is counted twice.
#[derive(Debug, Default)]
pub struct Recorder {
    waiting: Mutex<Vec<Arc<TurnEnded>>>,
    counted: Mutex<Instruments>,
    spans: Mutex<Vec<Arc<TurnEnded>>>,
    keeps_spans: AtomicBool,
    n_spans_lost: AtomicU64,
}

impl Witness for Recorder {
    fn turn_ended(&self, turn: &Arc<TurnEnded>) {
        let n = {
            let mut waiting = self.waiting.lock();
            waiting.push(Arc::clone(turn));
            waiting.len()
        };
        if n >= WAITING_MAX {
            self.count();
        }
    }
}

impl Recorder {
    /// Counts the turns that wait. To be called every now and then, so that they do not wait for long.
    pub fn count(&self) {
        // Who holds the counts takes what waits: nobody reads them in between.
        let mut counted = self.counted.lock();
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.iter().for_each(|turn| counted.count(turn));
        drop(counted);
        if self.keeps_spans.load(Ordering::Relaxed) {
            // What its caller does not record would hang in the air.
            let is_recorded =
                |turn: &Arc<TurnEnded>| turn.turn.parent.is_none_or(|parent| parent.is_sampled());
            self.keep_spans(waiting.into_iter().filter(is_recorded).collect());
        }
    }

    fn keep_spans(&self, turns: Vec<Arc<TurnEnded>>) {
        let mut spans = self.spans.lock();
        let room = SPANS_MAX.saturating_sub(spans.len());
        let lost = turns.len().saturating_sub(room);
        spans.extend(turns.into_iter().take(room));
        drop(spans);
        self.n_spans_lost.fetch_add(lost as u64, Ordering::Relaxed);
    }

    /// Everything in Prometheus' text format, and these samples.
    pub fn prometheus(&self, samples: &[Sample]) -> String {
        self.count();
        prometheus::text(&self.counted.lock(), samples)
    }

    /// Everything as OTLP's `ExportMetricsServiceRequest`, and these samples; counted since `began`.
    pub fn otlp_metrics(&self, resource: &otlp::Resource, samples: &[Sample], now: SystemTime) -> Value {
        self.count();
        otlp::metrics(resource, &self.counted.lock(), samples, now)
    }

    /// From now on turns are kept for [`Self::take_spans`].
    pub fn keep(&self) {
        self.keeps_spans.store(true, Ordering::Relaxed);
    }

    /// The turns that have ended since this was asked last.
    pub fn take_spans(&self) -> Vec<Arc<TurnEnded>> {
        self.count();
        std::mem::take(&mut *self.spans.lock())
    }

    /// Turns whose spans were not kept, for too many waited.
    pub fn spans_lost(&self) -> u64 {
        self.n_spans_lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Kind;
    use base::Fault;
    use events::attempt::{Attempt, AttemptOutcome, Role};
    use events::tokens::Tokens;
    use events::turn::{Outcome, SessionName, TurnBegan, TurnId, What};
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn attempt(backend: &str, outcome: AttemptOutcome, (asked, ended): (u64, u64)) -> Attempt {
        Attempt {
            role: Role::Answer,
            backend: backend.into(),
            connector: "openai".into(),
            model: "gpt-5".into(),
            key: 0,
            began: ms(asked),
            asked: Some(ms(asked)),
            heard: Some(ms(ended - 50)),
            ended: ms(ended),
            tokens: matches!(outcome, AttemptOutcome::Answered).then(|| Tokens {
                input: Some(1200),
                output: Some(30),
                cached_input: Some(1000),
                ..Tokens::default()
            }),
            outcome,
            is_metered: true,
            losses: Vec::new(),
        }
    }

    /// One attempt failed, the next one answered.
    fn turn(n: u64) -> Arc<TurnEnded> {
        let fault =
            Fault::upstream(base::Kind::RateLimited, "slow \"down\"").code("invented_by_the_upstream");
        let failed = AttemptOutcome::Failed(Box::new((&fault).into()));
        let attempts =
            vec![attempt("a", failed, (1, 100)), attempt("b", AttemptOutcome::Answered, (101, 900))];
        Arc::new(TurnEnded {
            turn: Arc::new(TurnBegan {
                id: TurnId::new(UNIX_EPOCH + ms(1_700_000_000_000), 7, n),
                at: UNIX_EPOCH + ms(1_700_000_000_000),
                dialect: "openai-chat",
                what: What::Generate,
                caller: "someone".to_owned(),
                model: "anything a client writes".to_owned(),
                stream: true,
                bytes_in: 512,
                parent: None,
            }),
            session: Some(SessionName([1; 16])),
            outcome: Outcome::Answered,
            status: 200,
            tokens: attempts[1].tokens,
            attempts,
            answered_by: Some(1),
            bytes_out: 2048,
            first_output: Some(ms(850)),
            lasted: ms(900),
            overhead: Duration::from_micros(150),
        })
    }

    fn recorder(n: u64) -> Recorder {
        let recorder = Recorder::default();
        recorder.keep();
        (0..n).for_each(|n| recorder.turn_ended(&turn(n)));
        recorder
    }

    #[test]
    fn every_turn_counts_once_also_where_nobody_asks_for_long() {
        let n = 3 * WAITING_MAX as u64 + 5;
        let text = recorder(n).prometheus(&[]);
        let turns = format!(
            "lip_turns_total{{lip_dialect=\"openai-chat\",lip_outcome=\"answered\",lip_what=\"generate\"}} {n}\n"
        );
        assert!(text.contains(&turns), "{text}");
        assert!(text.contains(&format!("lip_failovers_total{{lip_backend=\"a\"}} {n}\n")), "{text}");
    }

    #[test]
    fn text_is_what_prometheus_reads() {
        let open = Sample {
            name: "lip.turns.open",
            help: "Turns that are under way",
            unit: "{turn}",
            kind: Kind::Gauge,
            labels: vec![("lip.backend", "a\"b\\c\nd".to_owned())],
            value: 3.0,
        };
        let text = recorder(2).prometheus(&[open]);
        for line in [
            "# TYPE gen_ai_client_operation_duration_seconds histogram",
            "gen_ai_client_operation_duration_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\",lip_backend=\"a\",gen_ai_request_model=\"other\",error_type=\"rate_limited\",le=\"0.16\"} 2",
            "gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\",lip_backend=\"b\",gen_ai_request_model=\"gpt-5\"} 2",
            "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\",lip_backend=\"b\",gen_ai_request_model=\"gpt-5\",gen_ai_token_type=\"input\"} 2400",
            "lip_tokens_total{lip_backend=\"b\",gen_ai_token_type=\"cached_input\"} 2000",
            "lip_turn_overhead_seconds_bucket{lip_dialect=\"openai-chat\",le=\"0.0001\"} 0",
            "lip_turn_overhead_seconds_bucket{lip_dialect=\"openai-chat\",le=\"0.0002\"} 2",
            "lip_response_bytes_total{lip_dialect=\"openai-chat\"} 4096",
            "# TYPE lip_turns_open gauge",
            "lip_turns_open{lip_backend=\"a\\\"b\\\\c\\nd\"} 3",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} in\n{text}");
        }
        assert!(
            !text.contains("invented")
                && !text.contains("anything a client writes")
                && !text.contains("someone"),
            "{text}"
        );
        let counts = text.lines().filter(|line| line.contains("_bucket{") && line.contains("+Inf")).count();
        assert!(counts >= 5, "{text}");
    }

    #[test]
    fn spans_are_a_turn_and_its_attempts() {
        let recorder = recorder(1);
        let resource = otlp::Resource { version: "0", instance: "i".to_owned(), began: UNIX_EPOCH };
        let told = otlp::traces(&resource, &recorder.take_spans());
        let spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone();
        assert_eq!(spans.len(), 3);
        let ids: Vec<_> = spans.iter().map(|span| span["spanId"].as_str().expect("an id")).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids.iter().all(|id| id.len() == 16), "{ids:?}");
        assert!(
            spans[1..]
                .iter()
                .all(|span| span["parentSpanId"] == ids[0] && span["traceId"] == spans[0]["traceId"])
        );
        assert_eq!(spans[1]["status"]["code"], 2);
        assert_eq!(spans[2]["startTimeUnixNano"], "1700000000101000000");
        let model = json!({"key": "gen_ai.request.model", "value": {"stringValue": "gpt-5"}});
        assert!(spans[2]["attributes"].as_array().expect("attributes").contains(&model), "{told}");
        assert!(recorder.take_spans().is_empty(), "sent once");
        let metrics = recorder.otlp_metrics(&resource, &[], UNIX_EPOCH + ms(5));
        let list =
            metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().expect("metrics").clone();
        let of = |name: &str| {
            list.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("{name}"))
        };
        assert_eq!(of("lip.turns")["sum"]["dataPoints"][0]["asInt"], "1");
        let point = &of("gen_ai.client.token.usage")["histogram"]["dataPoints"][0];
        assert_eq!(
            (&point["count"], point["bucketCounts"].as_array().map(Vec::len)),
            (&json!("1"), Some(15))
        );
    }

    #[test]
    fn spans_that_nobody_takes_are_bounded_and_counted() {
        let n = SPANS_MAX as u64 + 10;
        let recorder = recorder(n);
        assert_eq!((recorder.take_spans().len(), recorder.spans_lost()), (SPANS_MAX, 10));
    }
}
