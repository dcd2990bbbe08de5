//! The instances that a worker has in its present life.
use super::watch::left;
use super::{Link, died};
use crate::cage::frame::Ask;
use crate::cage::usage;
use crate::run;
use base::Fault;
use lip_abi::AbiError;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

type Creation = tokio::sync::oneshot::Sender<Option<AbiError>>;

/// How often it is asked, at most, whether a worker that is late has waited for a processor.
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// The instances that a worker has, by their numbers.
#[derive(Default)]
pub(super) struct Instances {
    made: HashSet<u64>,
    pub(super) asked: HashMap<u64, Vec<Creation>>,
}

impl Link {
    /// Has it instance `n`?
    pub(in crate::cage) fn has(&self, n: u64) -> bool {
        self.instances.lock().made.contains(&n)
    }

    /// Makes instance `n` in this life, unless it is there already.
    ///
    /// # Errors
    /// The library's own error; the end of the worker.
    pub(in crate::cage) async fn ensure(&self, n: u64, ask: impl FnOnce() -> Ask) -> Result<(), Fault> {
        let answer = {
            let mut instances = self.instances.lock();
            if instances.made.contains(&n) {
                return Ok(());
            }
            let (tell, answer) = tokio::sync::oneshot::channel();
            let waiting = instances.asked.entry(n).or_default();
            waiting.push(tell);
            let is_first = waiting.len() == 1;
            drop(instances);
            if is_first {
                self.say(&ask());
            }
            answer
        };
        if let Some(how) = self.end() {
            return Err(died(&self.name, how));
        }
        match self.in_time(answer).await {
            Some(Ok(None)) => Ok(()),
            Some(Ok(Some(error))) => Err(run::fault(&error)),
            Some(Err(_)) => Err(died(&self.name, self.end().unwrap_or("it ended"))),
            None => {
                let why = format!("it took longer than {:?} to make an instance", self.limits.step);
                self.condemn(why.clone());
                Err(died(&self.name, &why))
            }
        }
    }

    /// What comes within the limit of a step; none if nothing does.
    async fn in_time<T>(&self, mut answer: impl Future<Output = T> + Unpin) -> Option<T> {
        let (began, waited_ms) = (Instant::now(), usage::waited_ms(self.pid));
        let mut patience = self.limits.step;
        loop {
            if let Ok(came) = tokio::time::timeout(patience, &mut answer).await {
                return Some(came);
            }
            let waited_ms = usage::waited_ms(self.pid).saturating_sub(waited_ms);
            // Not so short that it is asked for all the time.
            patience = left(began.elapsed(), waited_ms, self.limits.step)?.max(ASKED_EVERY);
        }
    }

    /// Hears that instance `n` was made, or why not; says whether anybody had asked.
    pub(super) fn made(&self, n: u64, error: Option<&AbiError>) -> bool {
        let mut instances = self.instances.lock();
        let Some(waiting) = instances.asked.remove(&n) else { return false };
        if error.is_none() {
            instances.made.insert(n);
        }
        drop(instances);
        for one in waiting {
            let error = error.map(|e| AbiError { code: e.code.clone(), detail: e.detail.clone() });
            let _ = one.send(error);
        }
        true
    }
}
