//! The `[key=value]` blocks before a leaf.
use super::error::{Code, SelectorError};
use std::{num::NonZeroU32, time::Duration};

/// Longest handicap or time-out that can be written; a longer wait is a mistake.
const SECONDS_MAX: f64 = 3600.0;

/// A value together with the place of its key, for errors that are found later.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

/// All annotations of one branch, not yet checked against its operator.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Annotations {
    pub(super) weight: Option<At<NonZeroU32>>,
    pub(super) max_context: Option<At<NonZeroU32>>,
    pub(super) handicap: Option<At<Duration>>,
    pub(super) ttft_timeout: Option<At<Duration>>,
    pub(super) first: Option<At<()>>,
    pub(super) thinker: Option<At<()>>,
}

/// Reads the blocks at `start..end` of `text`; returns them and the offset of the leaf.
pub(super) fn read(text: &str, start: usize, end: usize) -> Result<(Annotations, usize), SelectorError> {
    let mut found = Annotations::default();
    let mut at = start;
    while text[at..end].starts_with('[') {
        let inner = at + 1;
        let Some(len) = text[inner..end].find(']') else {
            return Err(SelectorError::new(text, Code::SyntaxError, at, "annotation is not closed by `]`"));
        };
        let mut item = inner;
        for part in text[inner..inner + len].split(',') {
            one(text, item, part, &mut found)?;
            item += part.len() + 1;
        }
        at = inner + len + 1;
    }
    if at > start && text[at..end].starts_with(char::is_whitespace) {
        return Err(SelectorError::new(text, Code::SyntaxError, at, "no blank may follow an annotation"));
    }
    Ok((found, at))
}

fn one(text: &str, at: usize, part: &str, found: &mut Annotations) -> Result<(), SelectorError> {
    let at = at + (part.len() - part.trim_start().len());
    let part = part.trim();
    let (key, value) = match part.split_once('=') {
        Some((key, value)) => (key.trim_end(), Some(value.trim())),
        None => (part, None),
    };
    let fail = |code, message: &str| Err(SelectorError::new(text, code, at, message));
    match key {
        "weight" => match value.and_then(|v| v.parse().ok()) {
            Some(value) => put(text, &mut found.weight, key, At { at, value }),
            None => fail(Code::InvalidWeight, "weight must be a whole number from 1"),
        },
        "max_context" => match value.and_then(|v| v.parse().ok()) {
            Some(value) => put(text, &mut found.max_context, key, At { at, value }),
            None => fail(Code::InvalidMaxContext, "max_context must be a whole number of tokens from 1"),
        },
        "handicap" => match value.and_then(seconds) {
            Some(value) => put(text, &mut found.handicap, key, At { at, value }),
            None => fail(Code::InvalidHandicap, "handicap must be seconds from 0 to 3600"),
        },
        "ttft_timeout" => match value.and_then(seconds) {
            Some(value) => put(text, &mut found.ttft_timeout, key, At { at, value }),
            None => fail(Code::InvalidTtftTimeout, "ttft_timeout must be seconds from 0 to 3600"),
        },
        "first" | "thinker" => {
            let slot = if key == "first" { &mut found.first } else { &mut found.thinker };
            match value.map(str::to_ascii_lowercase).as_deref() {
                None | Some("true" | "yes" | "1") => put(text, slot, key, At { at, value: () }),
                Some(_) => fail(Code::SyntaxError, "a flag takes no value but true, yes or 1"),
            }
        }
        "" => fail(Code::SyntaxError, "annotation is empty"),
        _ if key.bytes().all(|b| b.is_ascii_digit()) => {
            fail(Code::SyntaxError, &format!("a weight is written [weight={}]", shorten(key)))
        }
        _ => fail(
            Code::SyntaxError,
            &format!(
                "unknown annotation `{}`; known: weight, first, thinker, max_context, handicap, ttft_timeout",
                shorten(key)
            ),
        ),
    }
}

fn shorten(key: &str) -> String {
    key.chars().take(32).collect()
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    (0.0..=SECONDS_MAX).contains(&seconds).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

fn put<T>(text: &str, slot: &mut Option<At<T>>, key: &str, new: At<T>) -> Result<(), SelectorError> {
    if slot.is_some() {
        let message = format!("`{key}` is given twice");
        return Err(SelectorError::new(text, Code::SyntaxError, new.at, message));
    }
    *slot = Some(new);
    Ok(())
}
