//! The accounts of one backend: which one a turn gets, and what turns tell of them.
use crate::affinity::Affinity;
use crate::core::{Core, Trouble};
use crate::lease::{Ask, Lease};
use crate::marks::ALL;
use crate::place::Place;
use crate::refused::Refused;
use crate::scan::Scan;
use crate::select::{self, Candidate, Turnstile};
use crate::slot::{Slot, View};
use crate::spec::Strategy;
use crate::token::Move;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The accounts of one backend.
pub struct Pool {
    pub(crate) core: Arc<Core>,
    pub(crate) slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    pub(crate) scan: Scan,
    stile: Arc<Mutex<Turnstile>>,
    affinity: Mutex<Affinity>,
}

impl Pool {
    pub(crate) fn new(core: Core, stile: Arc<Mutex<Turnstile>>, places: Vec<Place>) -> Self {
        let affinity = Mutex::new(Affinity::new(core.spec.affinity_ttl_ms, core.spec.affinity_entries));
        let slots =
            places.into_iter().map(|place| (place.name.clone(), Arc::new(Slot::new(place)))).collect();
        Self { core: Arc::new(core), slots: Mutex::new(slots), scan: Scan::default(), stile, affinity }
    }

    /// A token of an account that can be used for `ask`, renewed if need be.
    ///
    /// # Errors
    /// No account can be used now; the sentence says what helps.
    pub async fn lease(self: &Arc<Self>, ask: Ask<'_>) -> Result<Lease, Refused> {
        let until_ms = self.core.now_ms().saturating_add(self.core.spec.silent_wait_ms);
        let mut without = ask.without.to_vec();
        let mut failed: Option<(String, Trouble)> = None;
        let mut over: Vec<String> = Vec::new();
        self.scan_for_turn().await;
        loop {
            let views = self.views(ask.scope, &without);
            if let Some(slot) = self.choose(&ask, &views) {
                match self.token(&slot, ask).await {
                    Ok(lease) => return Ok(lease),
                    // From now on it shows in the views; if it does not, it is not asked for ever.
                    Err(Trouble::NeedsLogin { .. }) if !over.contains(&slot.place.name) => {
                        over.push(slot.place.name.clone());
                    }
                    Err(trouble) => {
                        without.push(slot.place.name.clone());
                        failed.get_or_insert((slot.title(), trouble));
                    }
                }
                continue;
            }
            if self.scan_again().await {
                continue;
            }
            let now_ms = self.core.now_ms();
            match soonest(&views) {
                Some((_, back_ms)) if back_ms <= until_ms => {
                    sleep(Duration::from_millis(back_ms.saturating_sub(now_ms))).await;
                }
                Some(_) | None => {
                    let refusal = || self.refusal(&views, &without, now_ms);
                    return Err(failed.map_or_else(refusal, |(title, why)| self.refresh_failed(title, why)));
                }
            }
        }
    }

    /// How every allowed account stands, in the order of their names, but those in `without`.
    fn views(&self, scope: &str, without: &[String]) -> Vec<(Arc<Slot>, View)> {
        let now_ms = self.core.now_ms();
        let slots = self.slots.lock();
        let wanted = slots.values().filter(|slot| !without.contains(&slot.place.name));
        wanted.map(|slot| (Arc::clone(slot), slot.known.lock().view(scope, now_ms))).collect()
    }

    fn choose(&self, ask: &Ask<'_>, views: &[(Arc<Slot>, View)]) -> Option<Arc<Slot>> {
        let usable = |view: &View| match view {
            View::Usable(candidate) => Some(candidate.clone()),
            View::Resting { .. } | View::NeedsLogin { .. } | View::Blocked { .. } | View::Absent => None,
        };
        let candidates: Vec<Candidate> = views.iter().filter_map(|(_, view)| usable(view)).collect();
        // A refused token's account comes first: it gets its one forced refresh.
        let of_refused = |print| views.iter().find(|(slot, _)| slot.known.lock().recent.contains(print));
        let refused = ask.refused.and_then(of_refused).filter(|(_, view)| usable(view).is_some());
        if let Some((slot, _)) = refused {
            return Some(Arc::clone(slot));
        }
        let now_ms = self.core.now_ms();
        let strategy = self.core.spec.strategy;
        let mut affinity = self.affinity.lock();
        let bound = affinity.account(ask.session, now_ms).map(str::to_owned);
        let chosen =
            select::choose(strategy, &candidates, &mut self.stile.lock(), bound.as_deref(), ask.random)?;
        if strategy == Strategy::SessionAffinity {
            affinity.bind(ask.session, &chosen.name, now_ms);
        }
        views.iter().find(|(slot, _)| slot.place.name == chosen.name).map(|(slot, _)| Arc::clone(slot))
    }

    /// The account's token, renewed if need be.
    async fn token(&self, slot: &Arc<Slot>, ask: Ask<'_>) -> Result<Lease, Trouble> {
        if let Some(print) = ask.refused {
            slot.refuse(print)?;
        }
        // The second round is for what the first refresh found; more would be a loop.
        for _ in 0..2 {
            let now_ms = self.core.now_ms();
            {
                let mut known = slot.known.lock();
                let next = known.next_move(&self.core);
                let waits = known.backing_off(now_ms);
                match (next, waits) {
                    (Move::Use, _) | (Move::UseAndRenew, Some(_)) => return known.lease(now_ms, ask.random),
                    (Move::UseAndRenew, None) => {
                        let lease = known.lease(now_ms, ask.random);
                        drop(known);
                        drop(slot.fly(&self.core));
                        return lease;
                    }
                    (Move::Renew, Some(trouble)) => return Err(trouble),
                    (Move::Renew, None) => {}
                }
            }
            if let Err(trouble) = slot.fly(&self.core).await {
                return Err(slot.known.lock().backing_off(self.core.now_ms()).unwrap_or(trouble));
            }
        }
        Err(Trouble::soon("the renewed token has ended already"))
    }

    /// Whether any account can be used, now or after a rest.
    pub async fn is_usable(&self) -> bool {
        self.scan_if_due().await;
        let usable = |view: &View| matches!(view, View::Usable(_) | View::Resting { .. });
        self.views(ALL, &[]).iter().any(|(_, view)| usable(view))
    }

    /// Waits for what runs in the background: refreshes and writes. For the end of a host.
    pub async fn settle(&self) {
        self.settle_scan().await;
        let slots: Vec<Arc<Slot>> = self.slots.lock().values().cloned().collect();
        for slot in slots {
            slot.settle(&self.core).await;
        }
    }

    fn refresh_failed(&self, account: String, trouble: Trouble) -> Refused {
        match trouble {
            Trouble::NeedsLogin { reason } => {
                Refused::NeedsLogin { account, reason, hint: self.core.login_hint() }
            }
            Trouble::Failed { why, hint, retry_after_ms } => {
                Refused::RefreshFailed { account, why, hint, retry_after_ms }
            }
        }
    }

    /// Why nobody can be used: what passes by itself goes before what needs a human.
    fn refusal(&self, views: &[(Arc<Slot>, View)], without: &[String], now_ms: u64) -> Refused {
        if let Some((account, earliest_ms)) = soonest(views) {
            let wait_ms = earliest_ms.saturating_sub(now_ms);
            return Refused::AllCooling { account, earliest_ms, wait_ms };
        }
        let mut blocked = None;
        for (slot, view) in views {
            match view {
                View::NeedsLogin { reason } => {
                    let (account, reason) = (slot.title(), reason.clone());
                    return Refused::NeedsLogin { account, reason, hint: slot.hint(&self.core) };
                }
                View::Blocked { reason, url } => {
                    let (account, reason, url) = (slot.title(), reason.clone(), url.clone());
                    blocked.get_or_insert(Refused::Blocked { account, reason, url });
                }
                View::Usable(_) | View::Resting { .. } | View::Absent => {}
            }
        }
        if let Some(Trouble::Failed { why, hint, .. }) = self.scan.problem.lock().clone() {
            let backend = self.core.spec.backend.clone();
            return blocked.unwrap_or(Refused::Unreadable { backend, why, hint });
        }
        let problem = || views.iter().find_map(|(slot, _)| slot.known.lock().problem.clone());
        let hint = || match problem() {
            Some(problem) => format!("{problem}, or {}", self.core.login_hint()),
            None if without.is_empty() => self.core.login_hint(),
            None => {
                format!("every account was tried for this request; to add one, {}", self.core.login_hint())
            }
        };
        blocked.unwrap_or_else(|| Refused::None { backend: self.core.spec.backend.clone(), hint: hint() })
    }
}

/// The account that is back first, and when.
fn soonest(views: &[(Arc<Slot>, View)]) -> Option<(String, u64)> {
    let resting = views.iter().filter_map(|(slot, view)| match view {
        View::Resting { until_ms } => Some((slot, *until_ms)),
        View::Usable(_) | View::NeedsLogin { .. } | View::Blocked { .. } | View::Absent => None,
    });
    resting.min_by_key(|(_, until_ms)| *until_ms).map(|(slot, until_ms)| (slot.title(), until_ms))
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.slots.lock().keys().cloned().collect();
        f.debug_struct("Pool").field("backend", &self.core.spec.backend).field("accounts", &names).finish()
    }
}
