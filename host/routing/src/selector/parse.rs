//! From text to [`Selector`]: splits at operators, then decides what the branches make together.
use super::{
    Branch, Lane, Selector, Several, Share, Step, Weighted,
    annotations::{self, Annotations, At},
    error::{Code, SelectorError, Warning},
    leaf,
};
use std::num::NonZeroU32;

/// Longest selector that is read.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Most branches of one selector.
pub const BRANCHES_MAX: usize = 32;

/// A selector with what was left out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What was understood.
    pub selector: Selector,
    /// Parameters that were ignored.
    pub warnings: Vec<Warning>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Failover,
    Weighted,
    Race,
}

impl Op {
    const fn symbol(self) -> char {
        match self {
            Self::Failover => '|',
            Self::Weighted => '^',
            Self::Race => '!',
        }
    }
}

struct Raw {
    branch: Branch,
    notes: Annotations,
    /// The operator after this branch and its place.
    next: Option<(Op, usize)>,
}

pub(super) fn parse(text: &str) -> Result<Parsed, SelectorError> {
    let too_long = |at, more: &str| {
        let message = format!("route is longer than {TEXT_BYTES_MAX} bytes{more}");
        Err(SelectorError::new(text, Code::SyntaxError, at, message))
    };
    if text.len() > TEXT_BYTES_MAX {
        return too_long(TEXT_BYTES_MAX, "");
    }
    let mut warnings = Vec::new();
    let raw = split(text, &mut warnings)?;
    let selector = build(text, raw)?;
    // Written out it must be a route again, and escapes and decimals are longer than what was typed.
    if selector.to_string().len() > TEXT_BYTES_MAX {
        return too_long(text.len(), " when it is written out");
    }
    Ok(Parsed { selector, warnings })
}

fn split(text: &str, warnings: &mut Vec<Warning>) -> Result<Vec<Raw>, SelectorError> {
    let (mut branches, mut start, mut depth, mut opened) = (Vec::new(), 0, 0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        let op = match byte {
            b'[' => {
                opened = if depth == 0 { at } else { opened };
                depth += 1;
                continue;
            }
            b']' if depth == 0 => {
                return Err(SelectorError::new(text, Code::SyntaxError, at, "`]` closes nothing"));
            }
            b']' => {
                depth -= 1;
                continue;
            }
            b'|' => Op::Failover,
            b'^' => Op::Weighted,
            b'!' => Op::Race,
            _ => continue,
        };
        if depth == 0 {
            branches.push(read_branch(text, start, at, Some((op, at)), warnings)?);
            start = at + 1;
        }
        if branches.len() >= BRANCHES_MAX {
            let message = format!("more than {BRANCHES_MAX} branches");
            return Err(SelectorError::new(text, Code::UnsupportedConstruct, at, message));
        }
    }
    if depth > 0 {
        return Err(SelectorError::new(text, Code::SyntaxError, opened, "`[` is not closed"));
    }
    branches.push(read_branch(text, start, text.len(), None, warnings)?);
    Ok(branches)
}

fn read_branch(
    text: &str,
    start: usize,
    end: usize,
    next: Option<(Op, usize)>,
    warnings: &mut Vec<Warning>,
) -> Result<Raw, SelectorError> {
    let part = &text[start..end];
    let start = start + (part.len() - part.trim_start().len());
    let end = start + part.trim().len();
    if start == end {
        return Err(SelectorError::new(text, Code::SyntaxError, start, "a model is missing here"));
    }
    let (notes, leaf_at) = annotations::read(text, start, end)?;
    let leaf = leaf::read(text, leaf_at, end, warnings)?;
    let max_context = notes.max_context.map(|at| at.value);
    Ok(Raw { branch: Branch { leaf, max_context }, notes, next })
}

fn build(text: &str, mut raw: Vec<Raw>) -> Result<Selector, SelectorError> {
    let Some((op, _)) = raw.first().and_then(|first| first.next) else {
        return match raw.pop() {
            Some(only) => Ok(Selector::One(plain(text, only, "one model alone")?)),
            None => Err(SelectorError::new(text, Code::SyntaxError, 0, "a model is missing here")),
        };
    };
    let stranger = raw.iter().find_map(|branch| branch.next.filter(|(other, _)| *other != op));
    match (op, stranger) {
        (Op::Failover, None) => failover(text, raw),
        (Op::Weighted, None) => weighted(text, raw).map(Selector::Weighted),
        (Op::Race, None) => lanes(text, raw).map(Selector::Race),
        (Op::Weighted, Some(_)) if raw.first().is_some_and(|first| first.notes.thinker.is_some()) => {
            thinking(text, raw)
        }
        (Op::Failover | Op::Race, Some(_))
            if raw.iter().all(|b| !matches!(b.next, Some((Op::Weighted, _)))) =>
        {
            failover(text, raw)
        }
        (_, Some((other, at))) => Err(SelectorError::new(
            text,
            Code::UnsupportedConstruct,
            at,
            format!(
                "`{}` cannot be mixed with `{}`; only races inside a failover can",
                other.symbol(),
                op.symbol()
            ),
        )),
    }
}

fn thinking(text: &str, mut raw: Vec<Raw>) -> Result<Selector, SelectorError> {
    let rest = raw.split_off(1);
    let Some(mut thinker) = raw.pop() else {
        return Err(SelectorError::new(text, Code::SyntaxError, 0, "a model is missing here"));
    };
    if let Some(second) = rest.iter().find_map(|branch| branch.notes.thinker) {
        return Err(SelectorError::new(
            text,
            Code::UnsupportedConstruct,
            second.at,
            "only one branch may be the thinker",
        ));
    }
    thinker.notes.thinker = None;
    let thinker = plain(text, thinker, "a thinker before a composite")?;
    Ok(Selector::Thinking { thinker, executor: Box::new(build(text, rest)?) })
}

fn failover(text: &str, raw: Vec<Raw>) -> Result<Selector, SelectorError> {
    let mut steps = Vec::new();
    let mut group = Vec::new();
    for branch in raw {
        let closes = !matches!(branch.next, Some((Op::Race, _)));
        group.push(branch);
        if closes {
            steps.push(step(text, std::mem::take(&mut group))?);
        }
    }
    several(text, steps).map(Selector::Failover)
}

fn step(text: &str, mut group: Vec<Raw>) -> Result<Step, SelectorError> {
    match (group.len(), group.pop()) {
        (1, Some(only)) => Ok(Step::Leg(plain(text, only, "`|`")?)),
        (_, Some(last)) => {
            group.push(last);
            Ok(Step::Race(lanes(text, group)?))
        }
        (_, None) => Err(SelectorError::new(text, Code::SyntaxError, 0, "a model is missing here")),
    }
}

fn several<T>(text: &str, items: Vec<T>) -> Result<Several<T>, SelectorError> {
    Several::new(items)
        .ok_or_else(|| SelectorError::new(text, Code::SyntaxError, 0, "a model is missing here"))
}

/// A branch that may carry `max_context` alone.
fn plain(text: &str, raw: Raw, with: &str) -> Result<Branch, SelectorError> {
    let notes = &raw.notes;
    refuse(text, "weight", notes.weight, with)?;
    refuse(text, "first", notes.first, with)?;
    refuse(text, "thinker", notes.thinker, with)?;
    refuse(text, "handicap", notes.handicap, with)?;
    refuse(text, "ttft_timeout", notes.ttft_timeout, with)?;
    Ok(raw.branch)
}

fn refuse<T>(text: &str, key: &str, note: Option<At<T>>, with: &str) -> Result<(), SelectorError> {
    let Some(note) = note else { return Ok(()) };
    let wants = if matches!(key, "handicap" | "ttft_timeout") { '!' } else { '^' };
    let message = format!("`{key}` needs `{wants}`, it means nothing with {with}");
    Err(SelectorError::new(text, Code::UnsupportedConstruct, note.at, message))
}

fn lanes(text: &str, raw: Vec<Raw>) -> Result<Several<Lane>, SelectorError> {
    let mut lanes = Vec::with_capacity(raw.len());
    for Raw { branch, notes, .. } in raw {
        refuse(text, "weight", notes.weight, "`!`")?;
        refuse(text, "first", notes.first, "`!`")?;
        refuse(text, "thinker", notes.thinker, "`!`")?;
        let handicap = notes.handicap.map_or_else(Default::default, |at| at.value);
        lanes.push(Lane { branch, handicap, ttft_timeout: notes.ttft_timeout.map(|at| at.value) });
    }
    several(text, lanes)
}

fn weighted(text: &str, raw: Vec<Raw>) -> Result<Weighted, SelectorError> {
    let (mut first, mut thinker) = (None, None);
    let mut shares = Vec::with_capacity(raw.len());
    for (i, Raw { branch, notes, .. }) in raw.into_iter().enumerate() {
        refuse(text, "handicap", notes.handicap, "`^`")?;
        refuse(text, "ttft_timeout", notes.ttft_timeout, "`^`")?;
        if let (Some(_), Some(thinks)) = (notes.first, notes.thinker) {
            let message = "`first` and `thinker` exclude each other";
            return Err(SelectorError::new(text, Code::UnsupportedConstruct, thinks.at, message));
        }
        for (name, note, slot) in
            [("first", notes.first, &mut first), ("thinker", notes.thinker, &mut thinker)]
        {
            let Some(note) = note else { continue };
            if slot.replace(i).is_some() {
                let message = format!("only one branch may be `{name}`");
                return Err(SelectorError::new(text, Code::UnsupportedConstruct, note.at, message));
            }
        }
        let weight = notes.weight.map_or(NonZeroU32::MIN, |at| at.value);
        shares.push(Share { branch, weight });
    }
    Ok(Weighted { shares: several(text, shares)?, first, thinker })
}
