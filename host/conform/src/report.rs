//! What a run came to: scores per pair and per feature, failures, and the table of losses.
use crate::dialect::{Dialect, Mode};
use crate::judge::Verdict;
use crate::ledger::Row;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// One case for one pair.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) case: String,
    pub(crate) feature: String,
    pub(crate) source: Dialect,
    pub(crate) target: Dialect,
    pub(crate) losses: Vec<Row>,
    pub(crate) verdicts: Vec<(Mode, Verdict)>,
}

/// Checks and how many of them hold; cells that they stand in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cells: one case for one pair.
    pub cells: usize,
    /// Checks that hold.
    pub passed: usize,
    /// All checks.
    pub checks: usize,
}

impl Tally {
    /// Percent of checks that hold.
    pub fn percent(self) -> f64 {
        if self.checks == 0 { 100.0 } else { 100.0 * self.passed as f64 / self.checks as f64 }
    }

    fn add(&mut self, cell: &Cell) {
        self.cells += 1;
        self.checks += cell.verdicts.len();
        self.passed += cell.verdicts.iter().filter(|(_, verdict)| verdict.found.is_none()).count();
    }
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Report {
    total: Tally,
    same: Tally,
    pairs: BTreeMap<(Dialect, Dialect), Tally>,
    features: BTreeMap<String, Tally>,
    cases: BTreeMap<String, BTreeSet<String>>,
    cells: Vec<Cell>,
}

impl Report {
    pub(crate) fn add(&mut self, cell: Cell) {
        if cell.source == cell.target {
            self.same.add(&cell);
        } else {
            self.pairs.entry((cell.source, cell.target)).or_default().add(&cell);
            self.features.entry(cell.feature.clone()).or_default().add(&cell);
        }
        self.total.add(&cell);
        self.cases.entry(cell.feature.clone()).or_default().insert(cell.case.clone());
        self.cells.push(cell);
    }

    /// All checks, pass-through included.
    pub fn total(&self) -> Tally {
        self.total
    }

    /// The scores by name: `total`, `pass-through`, `SOURCE > TARGET`.
    pub fn scores(&self) -> BTreeMap<String, Tally> {
        let pairs =
            self.pairs.iter().map(|((source, target), tally)| (format!("{source} > {target}"), *tally));
        pairs.chain([("total".to_owned(), self.total), ("pass-through".to_owned(), self.same)]).collect()
    }

    fn failures(&self) -> impl Iterator<Item = (&Cell, Mode, &Verdict)> {
        self.cells.iter().flat_map(|cell| {
            let bad = cell.verdicts.iter().filter(|(_, verdict)| verdict.found.is_some());
            bad.map(move |(mode, verdict)| (cell, *mode, verdict))
        })
    }

    /// For people: tables, then at most `failures_max` failures.
    pub fn text(&self, failures_max: usize) -> String {
        let mut text = String::new();
        let mut row = |name: &str, cases: Option<usize>, tally: Tally| {
            let cases = cases.map(|n| n.to_string()).unwrap_or_default();
            let _ = writeln!(
                text,
                "{name:<42} {cases:>6} {:>6} {:>6} {:>6} {:>8.2}",
                tally.cells,
                tally.passed,
                tally.checks,
                tally.percent()
            );
        };
        for (name, tally) in self.scores() {
            row(&name, None, tally);
        }
        for (feature, tally) in &self.features {
            row(feature, self.cases.get(feature).map(BTreeSet::len), *tally);
        }
        let head = format!(
            "{:<42} {:>6} {:>6} {:>6} {:>6} {:>8}\n",
            "", "cases", "cells", "passed", "checks", "percent"
        );
        let mut text = head + &text;
        let failures: Vec<_> = self.failures().collect();
        for (cell, mode, verdict) in failures.iter().take(failures_max) {
            let found = verdict.found.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "failed: {} {} > {} {} {}: {}\n    found {found}",
                cell.case,
                cell.source,
                cell.target,
                mode.word(),
                verdict.side,
                verdict.check
            );
        }
        if failures.len() > failures_max {
            let _ = writeln!(
                text,
                "… and {} more failures: --json FILE has them all",
                failures.len() - failures_max
            );
        }
        text
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let tally = |tally: &Tally| json!({"cells": tally.cells, "passed": tally.passed, "checks": tally.checks, "percent": tally.percent()});
        let failures: Vec<Value> = self
            .failures()
            .map(|(cell, mode, verdict)| {
                json!({"case": cell.case, "source": cell.source, "target": cell.target, "mode": mode.word(),
                    "side": verdict.side, "check": verdict.check, "found": verdict.found})
            })
            .collect();
        json!({
            "scores": self.scores().iter().map(|(name, own)| (name.clone(), tally(own))).collect::<BTreeMap<_, _>>(),
            "features": self.features.iter().map(|(name, own)| (name, tally(own))).collect::<BTreeMap<_, _>>(),
            "failures": failures,
        })
    }

    /// What targets cannot express, by pair, as a page.
    pub fn losses(&self) -> String {
        let mut page = String::from(
            "# What translation loses\n\nMade by `lip conform --losses`; the rows are those of `tests/conform/expressible.toml`, each for pairs that a run has \
            driven. A pair is the client's dialect and the upstream's. What is not listed arrives, or the run fails. Between equal dialects nothing is lost: bytes \
            are passed on.\n",
        );
        for (source, target) in self.pairs.keys() {
            let cells = self.cells.iter().filter(|cell| (cell.source, cell.target) == (*source, *target));
            // Several cases may lose the same thing.
            let mut rows: Vec<_> =
                cells.flat_map(|cell| cell.losses.iter().map(move |row| (&cell.feature, row))).collect();
            rows.sort_by_key(|(feature, row)| (*feature, &row.what));
            rows.dedup_by_key(|(feature, row)| (*feature, &row.what));
            let _ = write!(page, "\n## {source} > {target}\n\n");
            if rows.is_empty() {
                page.push_str("Nothing that the corpus knows.\n");
                continue;
            }
            page.push_str("| feature | what | why | document |\n|---|---|---|---|\n");
            for (feature, row) in rows {
                let _ = writeln!(page, "| {feature} | {} | {} | <{}> |", row.what, row.why, row.document);
            }
        }
        page
    }
}
