//! What is printed, and the exit code that goes with it.
use crate::callgrind;
use crate::counts::{Counts, counted_with};
use crate::verdict::{Line, TOLERANCE, Verdict, judge, orphans};
use std::process::ExitCode;

const RENEW: &str = "scripts/instructions --renew";

/// Counts `asked` of all cases `names`, and compares.
///
/// # Errors
/// A case could not be counted, or `counts.json` cannot be read.
pub(crate) fn check(names: &[String], asked: &[String]) -> Result<ExitCode, String> {
    let committed = Counts::read()?;
    let counts = callgrind::count(asked)?;
    let lines = asked.iter().zip(&counts).map(|(name, is)| judge(name, *is, &committed.instructions));
    let lines: Vec<Line<'_>> = lines.collect();
    lines.iter().for_each(print);
    let gone = orphans(names, &committed.instructions);
    gone.iter().for_each(|name| println!("{name}: a number without a case"));
    let n_bad = lines.iter().filter(|line| line.verdict != Verdict::Same).count() + gone.len();
    if n_bad == 0 {
        println!("{} cases within {TOLERANCE} % of their counts", lines.len());
        return Ok(ExitCode::SUCCESS);
    }
    let here = counted_with();
    if here != committed.counted_with {
        println!("the counts were made with {:?}, and here is {here:?}", committed.counted_with);
    }
    let slower = lines.iter().any(|line| line.verdict == Verdict::Slower);
    println!("{n_bad} of {} cases differ by more than {TOLERANCE} %", lines.len());
    if slower {
        println!(
            "find what made it slower; where the price is right, renew the counts and say why in the commit: {RENEW}"
        );
    } else {
        println!("nothing is slower; renew the counts, so that they guard what is won: {RENEW}");
    }
    Ok(ExitCode::FAILURE)
}

/// Counts `asked` and writes their numbers; those of cases that are gone go too.
///
/// # Errors
/// A case could not be counted, or `counts.json` cannot be read or written.
pub(crate) fn renew(names: &[String], asked: &[String]) -> Result<ExitCode, String> {
    let mut committed = Counts::read()?;
    let counts = callgrind::count(asked)?;
    for (name, is) in asked.iter().zip(&counts) {
        print(&judge(name, *is, &committed.instructions));
    }
    committed.instructions.retain(|name, _| names.contains(name));
    committed.instructions.extend(asked.iter().cloned().zip(counts));
    committed.counted_with = counted_with();
    committed.write()?;
    println!("{} counts renewed: commit tests/instructions/counts.json", asked.len());
    Ok(ExitCode::SUCCESS)
}

/// Counts `asked` so many `times` and prints how far the counts of a case lie apart.
///
/// # Errors
/// A case could not be counted.
pub(crate) fn noise(asked: &[String], times: usize) -> Result<ExitCode, String> {
    let rounds = (0..times.max(1)).map(|_| callgrind::count(asked)).collect::<Result<Vec<_>, _>>()?;
    for (at, name) in asked.iter().enumerate() {
        let counts = || rounds.iter().filter_map(|round| round.get(at).copied());
        let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        println!("{name:<60} {least:>12} {:>8.3} %", (most - least) as f64 / least as f64 * 100.0);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(line: &Line<'_>) {
    let word = match line.verdict {
        Verdict::Same => "",
        Verdict::Slower => "SLOWER",
        Verdict::Faster => "FASTER",
        Verdict::New => "NEW",
    };
    let was = line.was.map_or("-".to_owned(), |was| was.to_string());
    println!("{:<60} was {was:>12}  is {:>12}  {:>+7.2} %  {word}", line.name, line.is, line.percent);
}
