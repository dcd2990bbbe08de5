//! Somebody else whose turns go on while a rogue is at work.
use stage::{Call, End, Lip, Reply, Upstream, connect};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinHandle;

const STREAM: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"all well\"}}]}\n\ndata: [DONE]\n\n";

/// The provider behind the other backend.
pub(crate) async fn provider() -> Upstream {
    let body = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"all well"}}]}"#;
    Upstream::by(move |request| match String::from_utf8_lossy(&request.body).contains("\"stream\":true") {
        true => Reply::events().send(STREAM).end(),
        false => Reply::json(200, body),
    })
    .await
}

/// Sends turn after turn to another backend, streamed and whole, on one connection each.
pub(crate) struct Bystander {
    is_over: Arc<AtomicBool>,
    n_turns: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Bystander {
    pub(crate) fn of(lip: &Lip) -> Self {
        let (is_over, n_turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (over, turns, address) = (Arc::clone(&is_over), Arc::clone(&n_turns), lip.address);
        let task = tokio::spawn(async move {
            let mut connection = connect(address).await;
            while !over.load(Ordering::Acquire) {
                for (backend, stream) in [("openai", false), ("openai", true), ("echo", false)] {
                    let body = format!(
                        r#"{{"model":"{backend}:m","stream":{stream},"messages":[{{"role":"user","content":"all well"}}]}}"#
                    );
                    let call = Call::chat(body).header("x-session-id", "bystander");
                    let answer = connection.send(&call).await;
                    assert_eq!((answer.status, answer.end), (200, End::Clean), "{}", answer.text());
                    assert!(answer.text().contains("all well"), "{}", answer.text());
                    turns.fetch_add(1, Ordering::AcqRel);
                }
            }
        });
        Self { is_over, n_turns, task }
    }

    /// How many turns have succeeded so far.
    pub(crate) fn n_turns(&self) -> usize {
        self.n_turns.load(Ordering::Acquire)
    }

    /// Waits for `n` more turns, or until one fails.
    pub(crate) async fn turns(&self, n: usize) {
        let wanted = self.n_turns() + n;
        let more = async {
            while self.n_turns() < wanted && !self.task.is_finished() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        stage::within("turns of another backend", more).await;
    }

    /// Ends it, and fails if a turn of its has failed.
    pub(crate) async fn end(self) -> usize {
        self.is_over.store(true, Ordering::Release);
        stage::within("the last turn of another backend", self.task).await.expect("all turns succeed");
        self.n_turns.load(Ordering::Acquire)
    }
}
