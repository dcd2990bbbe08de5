//! From a selector to the tree of legs: eligibility, instances, whose turn it is.
use super::{Ask, Leg, LegId, Node, Plan, PlannedLane, Table, Why, choose::Choice, resolve};
use crate::selector::{Branch, Lane, Selector, Step, Weighted};
use base::{Fault, Kind};
use std::{sync::Arc, time::Duration};

pub(super) fn expand(table: &Table, ask: &Ask<'_>, choice: Choice, why: Vec<Why>) -> Result<Plan, Fault> {
    let Choice { selector, home, uses_oneoff, may_fall_back } = choice;
    let mut work =
        Work { table, ask, home, legs: Vec::new(), why, takes_first: false, thinker: None, lasts: true };
    let mut tree = work.selector(&selector)?;
    if may_fall_back {
        tree = work.fallback(tree);
    }
    let Work { legs, why, takes_first, thinker, lasts, .. } = work;
    let lasts = lasts && matches!(tree, Node::Leg(_)) && matches!(selector, Selector::One(_)) && !uses_oneoff;
    Ok(Plan { tree, legs, why, uses_oneoff, takes_first, thinker, lasts })
}

struct Work<'a> {
    table: &'a Table,
    ask: &'a Ask<'a>,
    home: Option<String>,
    legs: Vec<Leg>,
    why: Vec<Why>,
    takes_first: bool,
    thinker: Option<Arc<Plan>>,
    /// Has nothing but the text decided so far?
    lasts: bool,
}

/// Children of a composite that resolved; the fault of the first that did not.
struct Survivors<T> {
    kept: Vec<T>,
    fault: Option<Fault>,
}

impl Work<'_> {
    fn selector(&mut self, selector: &Selector) -> Result<Node, Fault> {
        match selector {
            Selector::One(branch) => self.branch(branch),
            Selector::Failover(steps) => {
                let found = self.survivors(steps, |work, step| match step {
                    Step::Leg(branch) => work.branch(branch),
                    Step::Race(lanes) => work.race(lanes),
                });
                found.into_node(Node::Failover)
            }
            Selector::Race(lanes) => self.race(lanes),
            Selector::Weighted(weighted) if weighted.thinker().is_some() => self.cycle(weighted),
            Selector::Weighted(weighted) => self.weighted(weighted),
            Selector::Thinking { thinker, executor } => self.thinking(thinker, executor),
        }
    }

    fn survivors<'i, T: std::fmt::Display, U>(
        &mut self,
        items: &'i [T],
        each: impl Fn(&mut Self, &'i T) -> Result<U, Fault>,
    ) -> Survivors<U> {
        let (mut kept, mut fault) = (Vec::with_capacity(items.len()), None);
        for item in items {
            match each(self, item) {
                Ok(one) => kept.push(one),
                Err(reason) => {
                    self.why.push(Why::Skipped { branch: item.to_string(), reason: reason.message.clone() });
                    fault.get_or_insert(reason);
                }
            }
        }
        Survivors { kept, fault }
    }

    fn branch(&mut self, branch: &Branch) -> Result<Node, Fault> {
        self.lasts &= branch.max_context.is_none();
        if let (Some(most), Some(tokens)) = (branch.max_context, self.ask.tokens)
            && tokens > most.get()
        {
            let message = format!("the request has about {tokens} tokens, {} takes {most}", branch.leaf);
            return Err(Fault::host(Kind::Unavailable, message)
                .hint("Shorten the conversation or add a branch without max_context")
                .code("max_context_exceeded"));
        }
        let resolve::Found { legs, lasts } =
            resolve::resolve(self.table, self.ask, &branch.leaf, self.home.as_deref(), &mut self.why)?;
        self.lasts &= lasts;
        let from = self.legs.len();
        let ids: Vec<Node> = (from..from + legs.len()).map(|i| Node::Leg(LegId(i))).collect();
        self.legs.extend(legs);
        Ok(alone_or(ids, Node::Failover))
    }

    fn race(&mut self, lanes: &[Lane]) -> Result<Node, Fault> {
        let found = self.survivors(lanes, |work, lane| {
            let node = work.branch(&lane.branch)?;
            Ok((first_leg(&node), lane))
        });
        let Survivors { kept, fault } = found;
        let most = kept.iter().map(|(_, lane)| lane.handicap).max().unwrap_or(Duration::ZERO);
        let planned: Vec<PlannedLane> = kept
            .into_iter()
            .filter_map(|(leg, lane)| {
                Some(PlannedLane { leg: leg?, delay: most - lane.handicap, ttft_timeout: lane.ttft_timeout })
            })
            .collect();
        match (planned.len(), fault) {
            (0, fault) => Err(fault.unwrap_or_else(nothing)),
            (_, _) => Ok(Node::Race(planned)),
        }
    }

    fn weighted(&mut self, weighted: &Weighted) -> Result<Node, Fault> {
        let positions: Vec<usize> = (0..weighted.shares().len()).collect();
        let found =
            self.survivors(&positions.iter().map(|i| At(*i, weighted)).collect::<Vec<_>>(), |work, at| {
                let share = &weighted.shares()[at.0];
                Ok((at.0, share.weight.get(), work.branch(&share.branch)?))
            });
        let Survivors { kept, fault } = found;
        let first = weighted.first().filter(|_| !self.ask.first_taken);
        let forced = kept.iter().position(|(i, _, _)| Some(*i) == first);
        if forced.is_some() {
            self.takes_first = true;
            self.why.push(Why::First(weighted.shares()[first.unwrap_or(0)].branch.leaf.to_string()));
        }
        let shares: Vec<(u32, Node)> = kept.into_iter().map(|(_, weight, node)| (weight, node)).collect();
        match shares.len() {
            0 => Err(fault.unwrap_or_else(nothing)),
            1 => Ok(alone_or(shares.into_iter().map(|(_, node)| node).collect(), Node::Failover)),
            _ => Ok(Node::Weighted { shares, forced }),
        }
    }

    /// Not drawn but counted: every executor as often as its weight, then the thinker once, with the executor of the turn
    /// before, whose prompt cache is warm.
    fn cycle(&mut self, weighted: &Weighted) -> Result<Node, Fault> {
        let thinker = weighted.thinker();
        let executors = || weighted.shares().iter().enumerate().filter(|(i, _)| Some(*i) != thinker);
        let n_turns: u64 = executors().map(|(_, share)| u64::from(share.weight.get())).sum();
        let position = self.ask.turns % (n_turns + 1);
        let thinks = position == n_turns && self.may_think();
        let thinker = thinker.filter(|_| thinks).and_then(|i| weighted.shares().get(i));
        self.note_turn(thinker.map(|share| &share.branch));
        let mut left = if position == n_turns { n_turns.saturating_sub(1) } else { position };
        let chosen =
            executors().find_map(|(i, share)| match left.checked_sub(u64::from(share.weight.get())) {
                Some(rest) => {
                    left = rest;
                    None
                }
                None => Some(i),
            });
        let mut order: Vec<usize> = chosen.into_iter().collect();
        order.extend(executors().map(|(i, _)| i).filter(|i| Some(*i) != chosen));
        let order: Vec<At<'_>> = order.into_iter().map(|i| At(i, weighted)).collect();
        self.survivors(&order, |work, at| work.branch(&weighted.shares()[at.0].branch))
            .into_node(Node::Failover)
    }

    fn thinking(&mut self, thinker: &Branch, executor: &Selector) -> Result<Node, Fault> {
        let thinks = self.ask.turns % 2 == 1 && self.may_think();
        self.note_turn(Some(thinker).filter(|_| thinks));
        self.selector(executor)
    }

    const fn may_think(&self) -> bool {
        self.ask.turns > 0 && self.ask.thinker_rests == 0
    }

    /// Plans the thinker's part, if it is its turn. A thinker that cannot be had is left out.
    fn note_turn(&mut self, thinker: Option<&Branch>) {
        let Some(branch) = thinker else { return self.why.push(Why::ExecutorsTurn) };
        let legs = std::mem::take(&mut self.legs);
        let planned = self.branch(branch);
        let own = std::mem::replace(&mut self.legs, legs);
        match planned {
            Ok(tree) => {
                self.why.push(Why::ThinkersTurn);
                self.thinker = Some(Arc::new(Plan::bare(tree, own)));
            }
            Err(fault) => {
                self.why.push(Why::Skipped { branch: branch.to_string(), reason: fault.message });
                self.why.push(Why::ExecutorsTurn);
            }
        }
    }

    /// The configuration's route for every model comes after a plan of one leg.
    fn fallback(&mut self, tree: Node) -> Node {
        let name = ["default", "*"].into_iter().find(|name| self.table.named.contains_key(*name));
        let (Some(name), Node::Leg(leg)) = (name, &tree) else {
            return tree;
        };
        let before = self.legs.get(leg.0).map(ToString::to_string);
        let elements = self.table.named.get(name).map(|route| route.elements.join("|")).unwrap_or_default();
        let Ok(parsed) = Selector::parse(&elements) else {
            return tree;
        };
        let from = self.legs.len();
        let Ok(next) = self.selector(&parsed.selector) else {
            return tree;
        };
        if self.legs[from..].iter().all(|leg| Some(leg.to_string()) == before) {
            self.legs.truncate(from);
            return tree;
        }
        self.why.push(Why::Fallback(name.to_owned()));
        Node::Failover(vec![tree, next])
    }
}

/// A share by position, printable for the reasons.
struct At<'a>(usize, &'a Weighted);

impl std::fmt::Display for At<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.1.shares()[self.0])
    }
}

impl Survivors<Node> {
    fn into_node(self, make: fn(Vec<Node>) -> Node) -> Result<Node, Fault> {
        match self.kept.len() {
            0 => Err(self.fault.unwrap_or_else(nothing)),
            _ => Ok(alone_or(self.kept, make)),
        }
    }
}

fn alone_or(mut nodes: Vec<Node>, make: fn(Vec<Node>) -> Node) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            nodes.extend(last);
            make(nodes)
        }
    }
}

fn first_leg(node: &Node) -> Option<LegId> {
    match node {
        Node::Leg(id) => Some(*id),
        Node::Failover(children) => children.first().and_then(first_leg),
        Node::Weighted { shares, .. } => shares.first().and_then(|(_, node)| first_leg(node)),
        Node::Race(lanes) => lanes.first().map(|lane| lane.leg),
    }
}

fn nothing() -> Fault {
    Fault::host(Kind::Unavailable, "the route has no usable branch").code("failover_exhausted")
}
