//! Writes what sessions owe, each with the answer that its turn has brought, where there is one.
use super::owed::{Debt, KEYS_MAX, Owed};
use super::wire::{self, Written};
use super::{Inner, TRIES, now_ms, strange};
use crate::answer::{self, Writing};
use crate::link::{Call, Lost, millis};
use crate::names::Hex;
use sessions::{Key, Scope, Session, SessionId};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Inner {
    /// Writes what a session owes, and an answer with it. None where the answer is still to be written.
    pub(super) async fn write(&self, id: SessionId, answer: Option<&Writing<'_>>) -> Option<answer::Written> {
        let debt = self.debts.lock().get(&id).map(Arc::clone)?;
        let Ok(_writing) = debt.writing.acquire().await else { return None };
        if !self.link.is_up() {
            return None;
        }
        let mut told = None;
        for _ in 0..TRIES {
            match self.write_once(id, &debt, answer.filter(|_| told.is_none()), &mut told).await {
                Ok(true) => {
                    let mut debts = self.debts.lock();
                    // The map's and this one: a third is about to owe something.
                    if debt.owed.lock().is_paid() && Arc::strong_count(&debt) <= 2 {
                        debts.remove(&id);
                    }
                    break;
                }
                Ok(false) => {}
                Err(Lost::Away) => break,
                Err(lost @ Lost::Refused(_)) => {
                    if !self.is_refused.swap(true, Relaxed) {
                        tracing::warn!(error = %lost, "sessions are not shared for now");
                    }
                    break;
                }
            }
        }
        told
    }

    /// True once it is written, or is nothing to write any more. `told`: what became of the answer, if it was written.
    async fn write_once(
        &self,
        id: SessionId,
        debt: &Debt,
        answer: Option<&Writing<'_>>,
        told: &mut Option<answer::Written>,
    ) -> Result<bool, Lost> {
        let now = now_ms();
        let (session, names, keys, mark) = {
            let mut owed = debt.owed.lock();
            if owed.is_paid() {
                return Ok(true);
            }
            let Some((session, names)) = self.memory.get(id, now) else {
                *owed = Owed::default();
                return Ok(true);
            };
            (session, names, owed.keys.iter().copied().collect::<Vec<_>>(), owed.mark())
        };
        let Some(bytes) = session.to_kept() else {
            tracing::warn!(session = %id, "a session is too large to be shared");
            *debt.owed.lock() = Owed::default();
            return Ok(true);
        };
        let value = self.link.carry_out(&self.writing(&session, bytes, &names, &keys, answer)).await?;
        let value = match answer {
            None => value,
            Some(_) => {
                let (value, written) = wire::both(value).ok_or_else(strange)?;
                *told = Some(written);
                value
            }
        };
        let mut owed = debt.owed.lock();
        match wire::written(value) {
            Some(Written::As(version)) => {
                owed.pay(mark);
                if self.is_refused.load(Relaxed) {
                    self.is_refused.store(false, Relaxed);
                }
                self.memory.stamp(id, version);
                Ok(true)
            }
            Some(Written::Conflict { version, bytes }) => {
                self.conflicts.fetch_add(1, Relaxed);
                self.rebase(&mut owed, session.scope, (id, version), &bytes);
                Ok(false)
            }
            None => Err(strange()),
        }
    }

    /// The command that writes a session, and an answer with it.
    fn writing(
        &self,
        session: &Session,
        bytes: Vec<u8>,
        names: &[Key],
        keys: &[Key],
        answer: Option<&Writing<'_>>,
    ) -> Call<'_> {
        let (of, n_keys, n_values) = (self.names(session.scope), 1 + names.len() + keys.len(), 6);
        let mut call = match answer {
            None => Call::new(&self.write, n_keys, n_values),
            Some(answer) => {
                let n_all = 2 + n_values + answer.n_values();
                Call::with_room(&self.write_both, n_keys + 1, n_all, answer.bytes())
            }
        };
        call.add(of.session(session.id));
        for key in names.iter().chain(keys) {
            call.add(of.key(*key));
        }
        if let Some(answer) = answer {
            answer.add_key(&mut call);
            call.add(n_keys).add(n_values);
        }
        call.add(session.version).add(bytes).add(millis(self.ttl)).add(Hex(*session.id.as_bytes()));
        call.add(names.len()).add(KEYS_MAX);
        if let Some(answer) = answer {
            answer.add_values(&mut call);
        }
        call
    }

    /// Puts what is owed upon what another host has written before.
    fn rebase(&self, owed: &mut Owed, scope: Scope, (id, version): (SessionId, u64), bytes: &[u8]) {
        let now = now_ms();
        let Some(mut theirs) = self.read(id, scope, version, bytes) else {
            return self.memory.stamp(id, version);
        };
        if owed.is_whole {
            // What changed here is not known any more one by one: the copy that was used later stays.
            if self.memory.get(id, now).is_some_and(|(own, _)| own.used >= theirs.used) {
                return self.memory.stamp(id, version);
            }
            owed.forget_changes();
        }
        owed.updates.iter().for_each(|update| theirs.apply(update.clone(), now));
        self.memory.adopt(theirs, None, false, now);
    }

    pub(super) async fn write_all(&self) {
        let ids: Vec<SessionId> = self.debts.lock().keys().copied().collect();
        for id in ids {
            if !self.link.is_up() {
                return;
            }
            self.write(id, None).await;
        }
    }
}
