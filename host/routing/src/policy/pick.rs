//! Walks the plan's tree: which leg could start now, or when.
use super::{Attempts, Mutant, Tick};
use crate::{
    health::Health,
    keys::KeyPick,
    plan::{LegId, Node, PlannedLane},
};
use std::time::Instant;

/// What the tree offers.
#[derive(Clone, Debug)]
pub(super) enum Pick {
    /// This leg with this key, now.
    Leg(LegId, usize),
    /// These lanes, now.
    Race(Vec<PlannedLane>),
    /// Something at this time.
    Later(Instant),
    /// Nothing any more.
    Nothing,
}

impl Pick {
    fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Later(a), Self::Later(b)) => Self::Later(a.min(b)),
            (Self::Nothing, other) => other,
            (this, _) => this,
        }
    }

    const fn is_now(&self) -> bool {
        matches!(self, Self::Leg(..) | Self::Race(_))
    }
}

impl Attempts {
    pub(super) fn pick(&self, node: &Node, tick: Tick, health: &Health) -> Pick {
        match node {
            Node::Leg(leg) => self.pick_leg(*leg, tick, health),
            Node::Failover(children) => self.pick_in_order(children, tick, health),
            Node::Weighted { shares, forced } => self.pick_by_weight(shares, *forced, tick, health),
            Node::Race(lanes) => self.pick_race(lanes, tick, health),
        }
    }

    pub(super) fn pick_leg(&self, leg: LegId, tick: Tick, health: &Health) -> Pick {
        let (Some(state), Some(target)) = (self.legs.get(leg.0), self.plan.legs.get(leg.0)) else {
            return Pick::Nothing;
        };
        if state.dead {
            return Pick::Nothing;
        }
        let rests = state.not_before.filter(|at| *at > tick.now);
        let key = match health.pick(&target.backend, &target.model, &state.tried, tick.now) {
            KeyPick::At(_) if self.mutation.is(Mutant::IgnoreHealth) => KeyPick::Now(0),
            other => other,
        };
        match (key, rests) {
            (KeyPick::Now(key), None) => Pick::Leg(leg, key),
            (KeyPick::Now(_), Some(at)) => Pick::Later(at),
            (KeyPick::At(at), rests) => Pick::Later(rests.map_or(at, |rest| rest.max(at))),
            (KeyPick::Never, _) => Pick::Nothing,
        }
    }

    fn pick_in_order(&self, children: &[Node], tick: Tick, health: &Health) -> Pick {
        let mut best = Pick::Nothing;
        for child in children {
            match self.pick(child, tick, health) {
                now @ (Pick::Leg(..) | Pick::Race(_)) => return now,
                // A short rest costs less than another provider's cold prompt cache.
                Pick::Later(at) if at <= tick.now + self.budgets.patience => {
                    return best.sooner(Pick::Later(at));
                }
                later => best = best.sooner(later),
            }
        }
        best
    }

    /// Draws among those that can start and were not tried; then among those that can start; then waits.
    fn pick_by_weight(
        &self,
        shares: &[(u32, Node)],
        forced: Option<usize>,
        tick: Tick,
        health: &Health,
    ) -> Pick {
        let inner = Tick { rand: mix(tick.rand), ..tick };
        let offers: Vec<(u32, bool, Pick)> = shares
            .iter()
            .map(|(weight, node)| (*weight, self.was_tried(node), self.pick(node, inner, health)))
            .collect();
        if let Some((_, false, pick)) = forced.and_then(|i| offers.get(i))
            && pick.is_now()
        {
            return pick.clone();
        }
        for spare in [false, true] {
            let fit = || offers.iter().filter(|(_, tried, pick)| *tried == spare && pick.is_now());
            let total: u64 = fit().map(|(weight, ..)| u64::from(*weight)).sum();
            if total > 0 {
                let mut point = tick.rand % total;
                for (weight, _, pick) in fit() {
                    match point.checked_sub(u64::from(*weight)) {
                        Some(rest) => point = rest,
                        None => return pick.clone(),
                    }
                }
            }
        }
        offers.into_iter().fold(Pick::Nothing, |best, (_, _, pick)| best.sooner(pick))
    }

    /// A race is run once, with the lanes that can run.
    fn pick_race(&self, lanes: &[PlannedLane], tick: Tick, health: &Health) -> Pick {
        if lanes.iter().any(|lane| self.legs.get(lane.leg.0).is_some_and(|leg| leg.n_started > 0)) {
            return Pick::Nothing;
        }
        let offers = || lanes.iter().map(|lane| (lane, self.pick_leg(lane.leg, tick, health)));
        let fit: Vec<PlannedLane> =
            offers().filter(|(_, pick)| pick.is_now()).map(|(lane, _)| *lane).collect();
        match fit.is_empty() {
            true => offers().fold(Pick::Nothing, |best, (_, pick)| best.sooner(pick)),
            false => Pick::Race(fit),
        }
    }

    fn was_tried(&self, node: &Node) -> bool {
        let leg = |id: &LegId| self.legs.get(id.0).is_some_and(|leg| leg.n_started > 0);
        match node {
            Node::Leg(id) => leg(id),
            Node::Failover(children) => children.iter().any(|child| self.was_tried(child)),
            Node::Weighted { shares, .. } => shares.iter().any(|(_, child)| self.was_tried(child)),
            Node::Race(lanes) => lanes.iter().any(|lane| leg(&lane.leg)),
        }
    }
}

/// Another number from a number (the finaliser of splitmix64), so that nested draws do not repeat each other.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
