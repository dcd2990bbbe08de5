//! How every account stands, for a human: no secret, and the next step in the sentence.
use crate::account::{Account, State};
use crate::core::{Core, Trouble};
use crate::pool::Pool;
use crate::slot::{Known, Slot};
use crate::token;
use serde::Serialize;
use std::path::PathBuf;

/// How one account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The connector.
    pub backend: String,
    /// The account's name.
    pub account: String,
    /// How a human knows it.
    pub label: String,
    /// Its state in one word.
    pub health: Health,
    /// When its token ends, in ms since 1970.
    pub expires_at_ms: Option<u64>,
    /// Whether the token can be renewed.
    pub is_renewable: bool,
    /// What has to rest, and until when.
    pub resting: Vec<Resting>,
    /// When its token was last renewed by LIP; 0: never.
    pub last_renewed_ms: u64,
    /// When it was last handed out; 0: never.
    pub last_used_ms: u64,
    /// When it last succeeded; 0: never.
    pub last_success_ms: u64,
    /// The client's file, where it comes from one.
    pub file: Option<PathBuf>,
    /// What is the matter and what helps; none: nothing is.
    pub remark: Option<String>,
}

/// A scope that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resting {
    /// The model, or `*`.
    pub scope: String,
    /// Until when, in ms since 1970.
    pub until_ms: u64,
}

/// The state of an account in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It can be used.
    Ready,
    /// It can be used later.
    Resting,
    /// Its token could not be renewed; it will be tried again.
    Failing,
    /// A human has to log in.
    NeedsLogin,
    /// The provider shut it out.
    Blocked,
    /// Its file cannot be read, or is gone.
    Unreadable,
}

impl Pool {
    /// How every account stands, by name.
    pub async fn standings(&self) -> Vec<Standing> {
        self.scan_if_due().await;
        let slots: Vec<_> = self.slots.lock().values().cloned().collect();
        let there = |slot: &Slot| slot.known.lock().account.is_some() || slot.known.lock().problem.is_some();
        slots.iter().filter(|slot| there(slot)).map(|slot| slot.standing(&self.core)).collect()
    }
}

impl Slot {
    /// How the account is called in sentences.
    pub(crate) fn title(&self) -> String {
        self.known.lock().account.as_ref().map_or(self.place.name.as_str(), Account::title).to_owned()
    }

    /// What a human does about its login.
    pub(crate) fn hint(&self, core: &Core) -> String {
        match &self.place.source {
            Some(source) => format!(
                "log in with the client that writes {}, or {}",
                source.file.display(),
                core.login_hint()
            ),
            None => core.login_hint(),
        }
    }

    fn standing(&self, core: &Core) -> Standing {
        let known = self.known.lock();
        let now_ms = core.now_ms();
        let (health, remark) = self.health(&known, core, now_ms);
        let account = known.account.as_ref();
        let marks = account.map(|account| account.marks.clone()).unwrap_or_default();
        let resting = marks.cooldowns.into_iter().filter(|(_, rest)| rest.until_ms > now_ms);
        Standing {
            backend: core.spec.backend.clone(),
            account: self.place.name.clone(),
            label: account.map(|account| account.label.clone()).unwrap_or_default(),
            health,
            expires_at_ms: account.and_then(token::expiry),
            is_renewable: account.is_some_and(|account| account.live_refresh().is_some()),
            resting: resting.map(|(scope, rest)| Resting { scope, until_ms: rest.until_ms }).collect(),
            last_renewed_ms: account.map(|account| account.book.renewed_ms).unwrap_or_default(),
            last_used_ms: marks.last_used_ms,
            last_success_ms: marks.last_success_ms,
            file: self.place.source.as_ref().map(|source| source.file.clone()),
            remark,
        }
    }

    fn health(&self, known: &Known, core: &Core, now_ms: u64) -> (Health, Option<String>) {
        let Some(account) = &known.account else { return (Health::Unreadable, known.problem.clone()) };
        match &account.state {
            State::NeedsLogin { reason, .. } => {
                return (
                    Health::NeedsLogin,
                    Some(format!("has to log in again, {reason}: {}", self.hint(core))),
                );
            }
            State::Blocked { reason, url } => {
                let way = url.as_deref().unwrap_or("the provider's site");
                return (
                    Health::Blocked,
                    Some(format!("blocked by the provider ({reason}): see {way}, then restart LIP")),
                );
            }
            State::Ready => {}
        }
        if let Some(failure) = &known.failure {
            return (Health::Failing, Some(failure.trouble.sentence()));
        }
        let rests = account.marks.cooldowns.values().any(|rest| rest.until_ms > now_ms);
        let behind = || {
            let file = self.place.writable().filter(|_| account.book.is_pending)?.file.display();
            Some(format!("{file} could not be written yet; the renewed tokens are kept by LIP"))
        };
        (if rests { Health::Resting } else { Health::Ready }, known.problem.clone().or_else(behind))
    }
}

impl Trouble {
    /// The trouble in one sentence.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::NeedsLogin { reason } => format!("a new login is needed, {reason}"),
            Self::Failed { why, hint, .. } => format!("{why}: {hint}"),
        }
    }
}
