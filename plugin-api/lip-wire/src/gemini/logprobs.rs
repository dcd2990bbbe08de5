//! `logprobsResult`: chosen tokens and, step by step, the likeliest ones.
use super::wire;
use crate::{
    canon::{Fields, TokenLogprob, TopLogprob},
    codec::{Object, Str},
    loss::Losses,
};

/// Reads the tokens. Token ids have no place in the canonical model.
pub(super) fn decode(result: wire::LogprobsResult<'_>, losses: &mut Losses) -> Vec<TokenLogprob> {
    let chosen = result.chosen.unwrap_or_default();
    if chosen.iter().any(|token| token.id.is_some()) {
        losses.dropped("logprobsResult.tokenId", "no token ids in the canonical model");
    }
    let mut tops = result.top.unwrap_or_default().into_iter();
    let one = |token: wire::TokenCandidate<'_>| TokenLogprob {
        token: token.token.map(Str::into_owned).unwrap_or_default(),
        logprob: token.logprob.unwrap_or_default(),
        bytes: None,
        top: tops
            .next()
            .and_then(|top| top.candidates)
            .unwrap_or_default()
            .into_iter()
            .map(|top| TopLogprob {
                token: top.token.map(Str::into_owned).unwrap_or_default(),
                logprob: top.logprob.unwrap_or_default(),
                bytes: None,
            })
            .collect(),
    };
    chosen.into_iter().map(one).collect()
}

/// Writes `logprobsResult`, if there is something in it.
pub(super) fn encode<'t>(
    tokens: impl Iterator<Item = &'t TokenLogprob> + Clone,
    rest: Option<&Fields>,
    object: &mut Object<'_>,
) {
    if tokens.clone().next().is_none() && rest.is_none() {
        return;
    }
    object.object("logprobsResult", |result| {
        if tokens.clone().any(|token| !token.top.is_empty()) {
            result.array("topCandidates", |list| {
                for token in tokens.clone() {
                    list.object(|step| {
                        step.array("candidates", |list| {
                            for top in &token.top {
                                list.object(|object| entry(&top.token, top.logprob, object));
                            }
                        });
                    });
                }
            });
        }
        result.array("chosenCandidates", |list| {
            for token in tokens {
                list.object(|object| entry(&token.token, token.logprob, object));
            }
        });
        result.fields(rest);
    });
}

fn entry(token: &str, logprob: f64, object: &mut Object<'_>) {
    object.put("token", token);
    object.put("logProbability", &logprob);
}
