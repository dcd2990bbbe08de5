//! Sends counts and spans to a receiver of OTLP over HTTP, in its JSON form, off the turns' way. What cannot be sent is kept for the
//! next time, within bounds.
use super::Telemetry;
use ::telemetry::otlp;
use bytes::Bytes;
use egress::{Call, Deadlines, Egress, Target};
use events::turn::TurnEnded;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use serde_json::Value;
use settings::Resolved;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const PATIENCE: Duration = Duration::from_secs(10);
/// Time to send the last of it when the host ends.
const END_TIME: Duration = Duration::from_secs(2);
/// Turns of one request: about 1 MB.
const TURNS_AT_ONCE: usize = 512;
/// Turns that are kept while the receiver does not answer.
const UNSENT_MAX: usize = 4096;
/// The most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The way to a receiver.
#[derive(Debug)]
pub(super) struct Exporter {
    egress: Egress,
    endpoint: String,
    headers: HeaderMap,
    every: Duration,
    unsent: Mutex<Vec<Arc<TurnEnded>>>,
}

impl Exporter {
    /// Where the settings name one.
    pub(super) fn of(settings: &Resolved) -> Option<Self> {
        let endpoint = settings.otlp_endpoint()?.to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("lip"));
        let key = settings.otlp_key().and_then(|key| key.secret().cloned());
        if let Some(mut value) =
            key.and_then(|key| HeaderValue::from_str(&format!("Bearer {}", key.expose())).ok())
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let egress = Egress::new(Deadlines { connect: PATIENCE, head: PATIENCE, idle: PATIENCE });
        Some(Self { egress, endpoint, headers, every: settings.otlp_every(), unsent: Mutex::default() })
    }

    /// Sends every so often; never ends.
    pub(super) async fn run(&self, told: &Telemetry) -> Infallible {
        let mut is_told = false;
        loop {
            tokio::time::sleep(self.every).await;
            match self.send_all(told).await {
                Ok(()) if is_told => {
                    tracing::info!(endpoint = self.endpoint, "telemetry is received again");
                    is_told = false;
                }
                Ok(()) => {}
                Err(error) if !is_told => {
                    tracing::warn!(
                        endpoint = self.endpoint,
                        error,
                        "telemetry is not received; telemetry.otlp.endpoint says where it goes"
                    );
                    is_told = true;
                }
                Err(error) => tracing::debug!(error, "telemetry is not received"),
            }
        }
    }

    /// Sends the last of it.
    pub(super) async fn finish(&self, told: &Telemetry) {
        let _ = tokio::time::timeout(END_TIME, self.send_all(told)).await;
    }

    async fn send_all(&self, told: &Telemetry) -> Result<(), String> {
        {
            let mut unsent = self.unsent.lock();
            unsent.extend(told.recorder.take_spans());
            let surplus = unsent.len().saturating_sub(UNSENT_MAX);
            unsent.drain(..surplus);
        }
        let metrics = told.recorder.otlp_metrics(&told.resource, &told.samples(), SystemTime::now());
        self.post("v1/metrics", &metrics).await?;
        loop {
            let some: Vec<Arc<TurnEnded>> = {
                let mut unsent = self.unsent.lock();
                let n = unsent.len().min(TURNS_AT_ONCE);
                unsent.drain(..n).collect()
            };
            if some.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.post("v1/traces", &otlp::traces(&told.resource, &some)).await {
                self.unsent.lock().splice(..0, some);
                return Err(error);
            }
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        let url = format!("{}/{path}", self.endpoint);
        let target = url
            .parse()
            .ok()
            .and_then(|url| Target::of(url, false))
            .ok_or("it is no URL that names a host")?;
        let call = Call {
            method: Method::POST,
            target,
            headers: self.headers.clone(),
            body: Bytes::from(body.to_string()),
        };
        let sent = async {
            let head = self.egress.send(call, None).await.map_err(|fault| fault.message.to_string())?;
            let status = head.status;
            // Read to its end, so that the connection can be used again.
            let _ = Limited::new(head.body, ANSWER_BYTES_MAX).collect().await;
            if (200..300).contains(&status) {
                Ok(())
            } else {
                Err(format!("{path} was answered with {status}"))
            }
        };
        tokio::time::timeout(PATIENCE, sent).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}
