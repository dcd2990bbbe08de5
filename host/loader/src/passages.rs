//! Turns that an instance leaves to the host: one request each, described once.
use crate::cages::Isolation;
use crate::plugin::Instance;
use crate::run::{Effect, EffectFuture, Effects, HttpCall, Outcome, Refusal, RunEvent, described, header};
use base::{Fault, Kind};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The task's name.
const TASK: &str = "passages";
/// How long a worker may take for it, apart from a step that is under way: the cage limits that.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Passages that one instance may have: more than there are dialects.
const PASSAGES_MAX: usize = 64;

/// Every turn of one dialect as one request, whose answer is the client's.
#[derive(Debug)]
pub struct Passage {
    /// The dialect's id.
    pub dialect: String,
    /// The request, without a body. What it sets, no header of the client replaces.
    pub call: HttpCall,
    /// Headers for turns whose client sends none of that name.
    pub default_headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Deserialize)]
struct Raw {
    dialect: String,
    #[serde(default)]
    default_headers: Vec<(String, String)>,
}

impl Instance {
    /// The turns that this instance leaves to the host; none of an instance that knows nothing of it.
    ///
    /// # Errors
    /// The library's fault when its answer cannot be read.
    pub async fn passages(self: &Arc<Self>) -> Result<Vec<Passage>, Fault> {
        match self.ask(TASK, Vec::new(), bytes::Bytes::new()).await {
            Ok(bytes) => read(&bytes),
            Err(fault) if fault.kind == Kind::Unsupported => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// The answer of a task that performs no IO: in process it is there with the first step, or never.
    ///
    /// # Errors
    /// The library's fault, also when it has no such task.
    pub async fn ask(
        self: &Arc<Self>,
        what: &str,
        meta: Vec<u8>,
        body: bytes::Bytes,
    ) -> Result<bytes::Bytes, Fault> {
        let mut run = self.run(Arc::new(NoEffects), what, meta, body)?;
        let first = match self.plugin().isolation() {
            // What does not answer at once never does: nothing would resume it.
            Isolation::Inproc => match run.poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(event) => event,
                Poll::Pending => None,
            },
            Isolation::Child => loop {
                match tokio::time::timeout(ANSWER_TIME, run.next()).await {
                    Ok(event) => break event,
                    Err(_) if run.is_busy() => {}
                    Err(_) => break None,
                }
            },
        };
        match first {
            Some(Ok(RunEvent::Full { bytes, .. })) => Ok(bytes),
            Some(Err(fault)) => Err(fault),
            None | Some(Ok(_)) => {
                let sentence = format!("the connector did not answer the task \"{what}\" at once");
                Err(Fault::plugin(Kind::BadGateway, sentence))
            }
        }
    }

    /// As [`Instance::ask`], for callers outside of a runtime that may wait.
    ///
    /// # Errors
    /// As for [`Instance::ask`].
    pub fn ask_and_wait(
        self: &Arc<Self>,
        what: &str,
        meta: Vec<u8>,
        body: bytes::Bytes,
    ) -> Result<bytes::Bytes, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Fault::host(Kind::Internal, "no runtime").source(e))?;
        runtime.block_on(self.ask(what, meta, body))
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Passage>, Fault> {
    let malformed = |why: String| {
        Fault::plugin(Kind::BadGateway, format!("the connector's list of passages is malformed: {why}"))
    };
    let list: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let one = |raw: &&serde_json::value::RawValue| {
        let Raw { dialect, default_headers } =
            serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let call = described(raw.get().as_bytes(), bytes::Bytes::new())?;
        let read = |(name, value): &(String, String)| header(name, value);
        let default_headers = default_headers.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Passage { dialect, call, default_headers })
    };
    list.iter().take(PASSAGES_MAX).map(one).collect::<Result<_, String>>().map_err(malformed)
}

/// For tasks that may do no IO.
struct NoEffects;

impl Effects for NoEffects {
    fn start(&self, _effect: Effect) -> EffectFuture {
        let sentence = "this task performs no IO".to_owned();
        Box::pin(std::future::ready(Outcome::Failed(Refusal::Denied, sentence)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_is_read_with_its_headers() {
        let text = r#"[{"dialect":"openai-chat","method":"POST","url":"https://a.test/v1","headers":[["x-a","1"]],
            "secret_headers":[["authorization","Bearer ","api_key"]],"default_headers":[["x-b","2"]],"timeout_ms":7,"new":[]}]"#;
        let all = read(text.as_bytes()).expect("passages");
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.dialect.as_str(), one.call.url.as_str()), ("openai-chat", "https://a.test/v1"));
        assert_eq!(one.call.headers.get("x-a").map(HeaderValue::as_bytes), Some(&b"1"[..]));
        assert_eq!(one.call.secret_headers[0].secret, "api_key");
        assert_eq!(one.default_headers[0].1, "2");
        assert_eq!(one.call.timeout, Some(Duration::from_millis(7)));
    }

    #[test]
    fn garbage_is_a_fault_of_the_library() {
        for text in [
            "",
            "{}",
            "[7]",
            r#"[{"dialect":"gemini"}]"#,
            r#"[{"dialect":"gemini","method":"POST","url":"u","headers":[["a b","c"]]}]"#,
            r#"[{"dialect":"gemini","method":"POST","url":"u","default_headers":[["a","\n"]]}]"#,
        ] {
            let fault = read(text.as_bytes()).expect_err(text);
            assert!(fault.public().contains("passages"), "{fault}");
        }
        assert!(read(b"[]").expect("none").is_empty());
    }
}
