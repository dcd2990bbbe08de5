//! Command lines in what the user typed.
use super::known;
use crate::{
    args::Args,
    grammar::{self, Miss},
};
use std::ops::Range;

/// Most commands of one message; further ones are text.
const CALLS_MAX: usize = 32;
/// Calls without an end that are looked into; a hostile message may hold millions of them.
const UNCLOSED_MAX: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) calls: Vec<FoundCall>,
    pub(super) cuts: Vec<Range<usize>>,
    /// True if the text is nothing but commands.
    pub(super) covers_all: bool,
    pub(super) unknown: Vec<String>,
    n_unclosed: u32,
}

#[derive(Debug)]
pub(super) struct FoundCall {
    pub(super) name: &'static str,
    pub(super) args: Args,
    pub(super) span: Range<usize>,
}

pub(super) fn find(text: &str, prefix: &str) -> Found {
    let mut found = Found::default();
    let mut at = 0;
    // Lines of commands at the start.
    while let Some(line) = command_line(text, skip_blank(text, at), prefix, &mut found)
        && found.calls.len() + line.calls.len() <= CALLS_MAX
    {
        at = line.end;
        found.calls.extend(line.calls);
    }
    if at > 0 {
        let next = line_start(text, skip_blank(text, at));
        found.cuts.push(0..if next > at { next } else { skip_blank(text, at) });
    }
    if text[at..].trim().is_empty() {
        found.covers_all = !found.calls.is_empty();
        if found.covers_all {
            found.cuts = std::iter::once(0..text.len()).collect();
        }
        return found;
    }
    tail(text, at, prefix, &mut found);
    found
}

/// Lines of commands at the end, or a command at the end of the last line.
fn tail(text: &str, from: usize, prefix: &str, found: &mut Found) {
    let (mut run, mut run_start, mut fenced, mut last_line) = (Vec::new(), None, false, from);
    let mut at = from;
    while at < text.len() {
        let start = skip_spaces(text, at);
        if !fenced
            && run.len() <= CALLS_MAX
            && let Some(line) = command_line(text, start, prefix, found)
        {
            run_start.get_or_insert(at);
            run.extend(line.calls);
            at = line_end(text, line.end);
            continue;
        }
        let end = line_end(text, start);
        let line = text[start..end].trim();
        fenced ^= line.starts_with("```") || line.starts_with("~~~");
        if !line.is_empty() {
            (run, run_start, last_line) = (Vec::new(), None, start);
        }
        at = end;
    }
    // A quoted or commented line is not its author's own.
    let quoted = text[last_line..].starts_with(['>', '#']);
    if run.is_empty() && !fenced && !quoted {
        let line = text[last_line..].trim_end();
        for (i, _) in line.match_indices(prefix) {
            let behind_blank = line[..i].ends_with(char::is_whitespace);
            if behind_blank && let Some(end) = command_line(text, last_line + i, prefix, found) {
                (run, run_start) = (end.calls, Some(last_line + i));
                break;
            }
        }
    }
    if let Some(start) = run_start
        && found.calls.len() + run.len() <= CALLS_MAX
    {
        found.cuts.push(text[..start].trim_end().len()..text.len());
        found.calls.extend(run);
    }
}

struct Line {
    calls: Vec<FoundCall>,
    /// Behind the last call.
    end: usize,
}

/// Known calls from `at` to the end of their line, divided by blanks; `None` if anything else is there.
fn command_line(text: &str, at: usize, prefix: &str, found: &mut Found) -> Option<Line> {
    let mut calls = Vec::new();
    let mut at = at;
    loop {
        if found.n_unclosed >= UNCLOSED_MAX {
            return None;
        }
        let spelled = match grammar::read(text, at, prefix) {
            Ok(spelled) => spelled,
            Err(miss) => {
                found.n_unclosed += u32::from(miss == Miss::NotClosed);
                return None;
            }
        };
        let after = skip_spaces(text, spelled.end);
        let ends = text[after..].is_empty() || text[after..].starts_with(['\n', '\r']);
        let divided = after > spelled.end && text[after..].starts_with(prefix);
        if !ends && !divided {
            return None;
        }
        let Some(name) = known(spelled.name) else {
            let name = spelled.name.to_owned();
            if !found.unknown.contains(&name) && found.unknown.len() < CALLS_MAX {
                found.unknown.push(name);
            }
            return None;
        };
        if calls.len() >= CALLS_MAX {
            return None;
        }
        calls.push(FoundCall { name, args: spelled.args, span: at..spelled.end });
        if ends {
            return Some(Line { calls, end: spelled.end });
        }
        at = after;
    }
}

fn skip_blank(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

fn skip_spaces(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t']).len()
}

/// Offset behind the line feed that ends the line of `at`.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |i| at + i + 1)
}

/// Offset of the first byte of the line of `at`: keeps its indentation.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |i| i + 1)
}
