//! The tables of `lip usage`.
use ledger::filter::shown;
use ledger::lines::{Turn, in_dollars};
use ledger::reader::Sums;

/// Sums, one row for each key, and one for all.
pub(super) fn of_sums(by: &str, groups: &[Sums], total: &[Sums]) -> Vec<Vec<String>> {
    let head = [by, "turns", "failed", "left", "input", "cached", "output", "reasoning", "unknown", "cost"];
    let mut rows = vec![head.map(str::to_uppercase).to_vec()];
    rows.extend(groups.iter().map(|sums| row(if sums.key.is_empty() { "-" } else { &sums.key }, sums)));
    if groups.len() > 1 {
        rows.extend(total.iter().map(|sums| row("all", sums)));
    }
    rows
}

fn row(key: &str, sums: &Sums) -> Vec<String> {
    let counts = [
        sums.turns,
        sums.failed,
        sums.client_gone,
        sums.input,
        sums.cached_input,
        sums.output,
        sums.reasoning,
        sums.tokens_unknown,
    ];
    let counts = counts.iter().map(|n| grouped(*n));
    std::iter::once(key.to_owned()).chain(counts).chain([cost(sums)]).collect()
}

/// Unknown where nothing is known; at least so much where not all is.
fn cost(sums: &Sums) -> String {
    let known = sums.answered > sums.cost_unknown;
    match (known, sums.cost_unknown) {
        (false, _) => "-".to_owned(),
        (true, 0) => dollars(sums.cost_micro),
        (true, _) => format!(">{}", dollars(sums.cost_micro)),
    }
}

/// What the columns leave open.
pub(super) fn notes(total: &[Sums]) -> Vec<String> {
    let Some(total) = total.first() else { return Vec::new() };
    let mut notes = Vec::new();
    if total.tokens_unknown > 0 {
        let n = grouped(total.tokens_unknown);
        notes.push(format!(
            "{n} answered turns used an unknown number of tokens: their upstreams reported none"
        ));
    }
    if total.cost_unknown > total.tokens_unknown {
        let n = grouped(total.cost_unknown);
        notes.push(format!("{n} answered turns have no known cost; usage.prices_file can name prices"));
    }
    notes
}

/// The last turns.
pub(super) fn of_turns(turns: &[Turn]) -> Vec<Vec<String>> {
    let head = [
        "at", "frontend", "backend", "model", "outcome", "status", "tries", "input", "output", "time", "cost",
    ];
    let mut rows = vec![head.map(str::to_uppercase).to_vec()];
    rows.extend(turns.iter().map(|turn| {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let count = |n: Option<i64>| n.map_or_else(|| "-".to_owned(), grouped);
        vec![
            shown(turn.began_us).chars().take(19).collect(),
            turn.frontend.clone(),
            text(&turn.backend),
            text(&turn.model),
            turn.outcome.clone(),
            turn.status.to_string(),
            turn.n_attempts.to_string(),
            count(turn.tokens.input),
            count(turn.tokens.output),
            format!("{} ms", grouped(turn.lasted_us / 1_000)),
            turn.cost_micro.map_or_else(|| "-".to_owned(), dollars),
        ]
    }));
    rows
}

fn dollars(micro: i64) -> String {
    format!("${:.4}", in_dollars(micro))
}

/// A number with a blank between thousands.
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_shown_as_such() {
        let sums = |answered, unknown, micro| Sums {
            answered,
            cost_unknown: unknown,
            cost_micro: micro,
            ..Sums::default()
        };
        assert_eq!(cost(&sums(0, 0, 0)), "-");
        assert_eq!(cost(&sums(3, 3, 0)), "-");
        assert_eq!(cost(&sums(3, 1, 1_500_000)), ">$1.5000");
        assert_eq!(cost(&sums(3, 0, 123)), "$0.0001");
        assert_eq!(
            (grouped(1), grouped(-1234), grouped(1_234_567)),
            ("1".to_owned(), "-1 234".to_owned(), "1 234 567".to_owned())
        );
    }
}
