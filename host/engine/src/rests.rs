//! Tells other hosts which keys of backends rest, and hears it from them.
use crate::conversation::now_ms;
use crate::drive;
use parking_lot::Mutex;
use routing::health::{Health, Listener, Rest};
use std::sync::Arc;
use stores::link::Link;
use stores::rest::{Moment, Rests, Told, told};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What waits to be told; of more, hosts find out for themselves.
const WORDS_MAX: usize = 256;

/// The way to other hosts.
#[derive(Debug)]
pub(crate) struct Word {
    words: mpsc::Sender<Told>,
    teller: JoinHandle<()>,
}

impl Word {
    /// Tells other hosts behind `link` of the rests of `health`, and `health` of theirs.
    pub(crate) fn share(health: &Arc<Mutex<Health>>, link: &Arc<Link>) -> Self {
        let (words, waiting) = mpsc::channel(WORDS_MAX);
        let own = words.clone();
        let tell = move |rest: Rest| drop(own.try_send(Told::Rests(rest)));
        health.lock().tell(Listener(Arc::new(tell)));
        let teller = link.runtime().spawn(pass_on(Arc::clone(health), Arc::clone(link), waiting));
        Self { words, teller }
    }

    /// An operator gives a backend another chance.
    pub(crate) fn again(&self, backend: &str) {
        let _ = self.words.try_send(Told::Again(backend.to_owned()));
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        self.teller.abort();
    }
}

fn moment() -> Moment {
    Moment { now: drive::now(), unix_ms: now_ms() }
}

async fn pass_on(health: Arc<Mutex<Health>>, link: Arc<Link>, mut waiting: mpsc::Receiver<Told>) {
    let (mut changes, mut news) = (link.changes(), link.news());
    let rests = Rests::new(link);
    changes.mark_changed();
    loop {
        tokio::select! {
            word = waiting.recv() => {
                // Where nobody can be told, nobody is.
                let _ = match word {
                    Some(Told::Rests(rest)) => rests.tell(&rest, moment()).await,
                    Some(Told::Again(backend)) => rests.tell_again(&backend).await,
                    None => return,
                };
            }
            word = news.recv() => {
                if let Some(word) = word.ok().and_then(|word| told(&word, moment())) {
                    hear(&health, &word);
                }
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                let is_up = *changes.borrow_and_update();
                let all = if is_up { rests.all(moment()).await.unwrap_or_default() } else { Vec::new() };
                all.into_iter().for_each(|rest| hear(&health, &Told::Rests(rest)));
            }
        }
    }
}

fn hear(health: &Mutex<Health>, word: &Told) {
    let mut health = health.lock();
    match word {
        Told::Rests(rest) => _ = health.heard(rest, drive::now()),
        Told::Again(backend) => _ = health.reactivate(backend),
    }
}
