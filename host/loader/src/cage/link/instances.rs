//! The instances that a worker has in its present life.
use super::{Link, died};
use crate::cage::frame::Ask;
use crate::run;
use base::Fault;
use lip_abi::AbiError;
use std::collections::{HashMap, HashSet};

type Creation = tokio::sync::oneshot::Sender<Option<AbiError>>;

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
        match tokio::time::timeout(self.limits.step, answer).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(error))) => Err(run::fault(&error)),
            Ok(Err(_)) => Err(died(&self.name, self.end().unwrap_or("it ended"))),
            Err(_) => {
                let why = format!("it took longer than {:?} to make an instance", self.limits.step);
                self.condemn(why.clone());
                Err(died(&self.name, &why))
            }
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
