//! The attempts of a turn, as they stand in its row: a JSON array. Nobody adds them up, and a table of their own would double what a
//! turn costs to write.
use crate::lines;
use crate::price::MicroDollars;
use crate::values::{NAME_BYTES_MAX, cut, us};
use events::attempt::{Attempt, Role};
use events::tokens::Tokens;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes of the sentence of a fault which are kept.
const MESSAGE_BYTES_MAX: usize = 512;
/// Bytes of all losses which are kept.
const LOSSES_BYTES_MAX: usize = 4_096;

/// An attempt. Times are microseconds from the beginning of its turn; what is not there is left out.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept<'a> {
    role: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<i64>,
    backend: Cow<'a, str>,
    connector: Cow<'a, str>,
    model: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_zero")]
    credential: i64,
    began: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<i64>,
    ended: i64,
    outcome: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_micro: Option<MicroDollars>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    losses: Vec<Cow<'a, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl<'a> Kept<'a> {
    fn of(attempt: &'a Attempt, cost_micro: Option<MicroDollars>) -> Self {
        let trouble = attempt.outcome.trouble();
        let within = match attempt.role {
            Role::Within(asker) => Some(i64::try_from(asker).unwrap_or(i64::MAX)),
            Role::Answer | Role::Notes => None,
        };
        let Tokens { input, output, cached_input, cache_write, reasoning } =
            attempt.tokens.unwrap_or_default();
        let mut room = LOSSES_BYTES_MAX;
        let losses = attempt.losses.iter().map_while(|loss| {
            room = room.checked_sub(loss.len())?;
            Some(cut(loss, LOSSES_BYTES_MAX))
        });
        Self {
            role: attempt.role.name().into(),
            within,
            backend: cut(&attempt.backend, NAME_BYTES_MAX),
            connector: cut(&attempt.connector, NAME_BYTES_MAX),
            model: cut(&attempt.model, NAME_BYTES_MAX),
            credential: i64::try_from(attempt.key).unwrap_or(i64::MAX),
            began: us(attempt.began),
            asked: attempt.asked.map(us),
            heard: attempt.heard.map(us),
            ended: us(attempt.ended),
            outcome: attempt.outcome.name().into(),
            status: trouble.map(|trouble| i64::from(trouble.status)),
            kind: trouble.map(|trouble| format!("{:?}", trouble.kind)),
            code: trouble.and_then(|trouble| trouble.code.as_deref()).map(|code| cut(code, NAME_BYTES_MAX)),
            message: trouble.map(|trouble| cut(&trouble.message, MESSAGE_BYTES_MAX)),
            input,
            output,
            cached_input,
            cache_write,
            reasoning,
            cost_micro,
            losses: losses.collect(),
        }
    }

    fn read(self, n: usize) -> lines::Attempt {
        let count = |n: Option<u64>| n.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        lines::Attempt {
            n: i64::try_from(n).unwrap_or(i64::MAX),
            role: self.role.into_owned(),
            within: self.within,
            backend: self.backend.into_owned(),
            connector: self.connector.into_owned(),
            model: self.model.into_owned(),
            credential: self.credential,
            began_us: self.began,
            asked_us: self.asked,
            heard_us: self.heard,
            ended_us: self.ended,
            outcome: self.outcome.into_owned(),
            status: self.status,
            kind: self.kind,
            code: self.code.map(Cow::into_owned),
            message: self.message.map(Cow::into_owned),
            tokens: lines::Counts {
                input: count(self.input),
                output: count(self.output),
                cached_input: count(self.cached_input),
                cache_write: count(self.cache_write),
                reasoning: count(self.reasoning),
            },
            cost_micro: self.cost_micro,
            losses: self.losses.into_iter().map(Cow::into_owned).collect(),
        }
    }
}

/// What is written.
pub(crate) fn written(attempts: &[Attempt], costs: &[Option<MicroDollars>]) -> String {
    let kept: Vec<Kept<'_>> =
        attempts.iter().zip(costs).map(|(attempt, cost)| Kept::of(attempt, *cost)).collect();
    serde_json::to_string(&kept).unwrap_or_default()
}

/// What was written. Nothing: before attempts stood there, or by another hand.
pub(crate) fn read(written: Option<&str>) -> Vec<lines::Attempt> {
    let kept: Vec<Kept<'_>> = written.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    kept.into_iter().enumerate().map(|(n, kept)| kept.read(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_array_of_attempts_is_none() {
        for text in ["", "{}", "[1]", "[{\"n\":{}}", "null"] {
            assert!(read(Some(text)).is_empty(), "{text}");
        }
        assert!(read(None).is_empty());
        let [attempt] = &read(Some(r#"[{"backend":"a\u0041","later":[1]}]"#))[..] else {
            panic!("one attempt")
        };
        assert_eq!((attempt.backend.as_str(), attempt.n, attempt.tokens.input), ("aA", 0, None));
    }
}
