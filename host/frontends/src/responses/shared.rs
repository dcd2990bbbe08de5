//! Answers that may be continued at any host. This process's memory comes first: the server is asked for what others have made, and
//! whether what is known here may still be used.
use super::history::{Asked, Bounds, History, Keeping, Memory};
use super::remembered::{Meter, Remembered, Text};
use engine::{Owing, Rest};
use parking_lot::Mutex;
use serde_json::value::RawValue;
use sessions::Scope;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Instant;
use stores::answer::{Answer, Answers, Draft, Found, Writing, Written};
use stores::link::{Link, Lost};
use tokio::task::JoinHandle;

/// What waits for the server to be back; of more the oldest is given up.
const LATER_MAX: usize = 4096;

/// Answers of all hosts.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Arc<Inner>,
    writer: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    memory: Memory,
    answers: Answers,
    later: Mutex<VecDeque<Later>>,
}

/// What the server does not know yet.
#[derive(Debug)]
enum Later {
    Kept(String, Weak<Remembered>),
    Forgotten(String, String),
}

impl Shared {
    /// Keeps answers here within `bounds`, and behind `link` for as long.
    pub(crate) fn new(bounds: Bounds, link: &Arc<Link>) -> Self {
        let inner = Arc::new(Inner {
            memory: Memory::new(bounds),
            answers: Answers::new(Arc::clone(link), bounds.age),
            later: Mutex::default(),
        });
        let writer = link.runtime().spawn(Arc::clone(&inner).catch_up());
        Self { inner, writer }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl History for Shared {
    fn keep(&self, caller: &str, answer: Arc<Remembered>, owing: Option<Owing>, now: Instant) -> Keeping {
        self.inner.memory.put(caller, Arc::clone(&answer), now);
        let (inner, caller) = (Arc::clone(&self.inner), caller.to_owned());
        Some(Box::pin(async move { inner.write(caller, &answer, owing).await }))
    }

    fn find<'a>(&'a self, caller: &str, id: &str, now: Instant) -> Asked<'a, Option<Arc<Remembered>>> {
        let (caller, id) = (caller.to_owned(), id.to_owned());
        Box::pin(async move { self.inner.find(&caller, &id, now).await })
    }

    fn remove<'a>(&'a self, caller: &str, id: &str, now: Instant) -> Asked<'a, bool> {
        let was_here = self.inner.memory.forget(caller, id, now);
        let (caller, id) = (caller.to_owned(), id.to_owned());
        Box::pin(async move { self.inner.forget(caller, id).await || was_here })
    }

    fn meter(&self) -> &Meter {
        self.inner.memory.meter()
    }

    fn own(&self, caller: &str, id: &str, now: Instant) -> Option<Arc<Remembered>> {
        self.inner.memory.own(caller, id, now)
    }

    fn rest(&self) -> Option<Arc<Rest>> {
        Some(Arc::default())
    }
}

impl Inner {
    async fn find(&self, caller: &str, id: &str, now: Instant) -> Option<Arc<Remembered>> {
        let own = self.memory.own(caller, id, now);
        match self.answers.find(Scope::new(caller), id, own.is_some()).await {
            Ok(Found::Gone) => {
                self.memory.forget(caller, id, now);
                None
            }
            Ok(Found::Answer(answer)) => {
                let answer = Arc::new(remembered(id, answer, self.memory.meter())?);
                self.memory.put(caller, Arc::clone(&answer), now);
                Some(answer)
            }
            Ok(Found::Known) => own,
            Ok(Found::Nothing) => {
                // What continues it is written whole.
                own.inspect(|own| own.is_shared.store(false, Relaxed))
            }
            Err(Lost::Away | Lost::Refused(_)) => own,
        }
    }

    /// Writes an answer, and with it what its turn owes.
    async fn write(&self, caller: String, answer: &Arc<Remembered>, mut owing: Option<Owing>) {
        let scope = Scope::new(&caller);
        let mut written = Ok(Written::Alone);
        if let Some(before) = &answer.before {
            let own = draft(answer, answer.own_input());
            let writing = self.answers.writing((scope, &answer.id), &own, Some(before));
            written = self.written(writing, &mut owing).await;
        }
        if written == Ok(Written::Alone) {
            let whole = draft(answer, answer.input.iter());
            let writing = self.answers.writing((scope, &answer.id), &whole, None);
            written = self.written(writing, &mut owing).await;
        }
        if let Some(owing) = owing {
            owing.pay().await;
        }
        match written {
            Ok(_) => answer.is_shared.store(true, Relaxed),
            Err(Lost::Away) => self.put_off(Later::Kept(caller, Arc::downgrade(answer))),
            Err(lost @ Lost::Refused(_)) => tracing::warn!(error = %lost, "a response is not shared"),
        }
    }

    async fn written(
        &self,
        writing: Option<Writing<'_>>,
        owing: &mut Option<Owing>,
    ) -> Result<Written, Lost> {
        let Some(writing) = writing else { return Ok(Written::Kept) };
        if let Some(owing) = owing.take()
            && let Some(written) = owing.pay_with(&writing).await
        {
            return Ok(written);
        }
        self.answers.write(&writing).await
    }

    async fn forget(&self, caller: String, id: String) -> bool {
        match self.answers.forget(Scope::new(&caller), &id).await {
            Ok(was_there) => was_there,
            Err(Lost::Away) => {
                self.put_off(Later::Forgotten(caller, id));
                false
            }
            Err(lost @ Lost::Refused(_)) => {
                tracing::warn!(error = %lost, "a response is forgotten here alone");
                false
            }
        }
    }

    fn put_off(&self, what: Later) {
        let mut later = self.later.lock();
        later.push_back(what);
        if later.len() > LATER_MAX {
            later.pop_front();
        }
    }

    /// Tells the server what it does not know, whenever it is back.
    async fn catch_up(self: Arc<Self>) {
        let mut changes = self.answers.link().changes();
        while changes.wait_for(|is_up| *is_up).await.is_ok() {
            let owed = std::mem::take(&mut *self.later.lock());
            for what in owed {
                match what {
                    Later::Kept(caller, answer) => {
                        if let Some(answer) = answer.upgrade() {
                            self.write(caller, &answer, None).await;
                        }
                    }
                    Later::Forgotten(caller, id) => _ = self.forget(caller, id).await,
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

fn draft<'a>(answer: &'a Remembered, input: impl Iterator<Item = &'a Arc<Text>>) -> Draft<'a> {
    let text = |text: &'a Option<Arc<Text>>| text.as_ref().map(|text| text.as_str());
    Draft {
        input: input.map(|text| text.as_str()).collect(),
        output: answer.output.as_str(),
        instructions: text(&answer.instructions),
        response: text(&answer.response),
        upstream: answer.upstream.as_deref(),
    }
}

/// What the server has, if it is what a host wrote.
fn remembered(id: &str, answer: Answer, meter: &Meter) -> Option<Remembered> {
    let is_json = |text: &Option<String>| {
        text.as_ref().is_none_or(|text| serde_json::from_str::<&RawValue>(text).is_ok())
    };
    let are_items = |items: &str| serde_json::from_str::<Vec<&RawValue>>(&format!("[{items}]")).is_ok();
    let is_good = answer.input.iter().chain([&answer.output]).all(|items| are_items(items))
        && is_json(&answer.instructions)
        && is_json(&answer.response);
    if !is_good {
        tracing::warn!("the shared state holds a response that is none; it counts as none");
        return None;
    }
    let text = |text: String| Text::new(text, meter);
    Some(Remembered {
        id: id.to_owned(),
        n_earlier: 0,
        input: answer.input.into_iter().map(text).collect(),
        output: text(answer.output),
        instructions: answer.instructions.map(text),
        response: answer.response.map(text),
        upstream: answer.upstream,
        before: None,
        is_shared: AtomicBool::new(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_no_answer() {
        let meter = Meter::default();
        let good =
            Answer { input: vec![r#"{"a":1},{"b":2}"#.into()], output: "{}".into(), ..Answer::default() };
        assert!(remembered("r", good.clone(), &meter).is_some());
        let bad = |change: fn(&mut Answer)| {
            let mut bad = good.clone();
            change(&mut bad);
            remembered("r", bad, &meter).is_none()
        };
        assert!(bad(|answer| answer.input.push("],[".into())));
        assert!(bad(|answer| answer.output = "{".into()));
        assert!(bad(|answer| answer.response = Some("x".into())));
        assert!(bad(|answer| answer.instructions = Some(String::new())));
        assert_eq!(meter.bytes(), 0);
    }

    #[test]
    fn what_is_written_is_read() {
        let meter = Meter::default();
        let answer = Remembered::of("r", "1,2", "3", &meter);
        let written = draft(&answer, answer.input.iter());
        let own = |text: Option<&str>| text.map(str::to_owned);
        let there = Answer {
            input: written.input.into_iter().map(str::to_owned).collect(),
            output: written.output.to_owned(),
            instructions: own(written.instructions),
            response: own(written.response),
            upstream: own(written.upstream),
        };
        let read = remembered("r", there, &meter).expect("good");
        let texts =
            |answer: &Remembered| answer.history().map(|text| text.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&read), texts(&answer));
        assert!(read.is_shared.load(Relaxed));
    }
}
