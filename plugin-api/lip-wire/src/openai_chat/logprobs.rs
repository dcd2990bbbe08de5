//! Token probabilities, the same object in Chat and Responses.
use super::wire;
use crate::{
    canon::{TokenLogprob, TopLogprob},
    codec::{Array, Object, Str},
};

/// Reads a list of tokens.
pub(super) fn decode(tokens: Vec<wire::Token<'_>>) -> Vec<TokenLogprob> {
    let one = |token: wire::Token<'_>| TokenLogprob {
        token: token.token.map(Str::into_owned).unwrap_or_default(),
        logprob: token.logprob.unwrap_or_default(),
        bytes: token.bytes,
        top: token
            .top_logprobs
            .into_iter()
            .flatten()
            .map(|top| TopLogprob {
                token: top.token.map(Str::into_owned).unwrap_or_default(),
                logprob: top.logprob.unwrap_or_default(),
                bytes: top.bytes,
            })
            .collect(),
    };
    tokens.into_iter().map(one).collect()
}

/// Writes tokens into a list.
pub(super) fn encode<'t>(tokens: impl Iterator<Item = &'t TokenLogprob>, list: &mut Array<'_>) {
    for token in tokens {
        list.object(|object| {
            entry(object, &token.token, token.logprob, token.bytes.as_deref());
            object.array("top_logprobs", |tops| {
                for top in &token.top {
                    tops.object(|object| entry(object, &top.token, top.logprob, top.bytes.as_deref()));
                }
            });
        });
    }
}

fn entry(object: &mut Object<'_>, token: &str, logprob: f64, bytes: Option<&[u8]>) {
    object.put("token", token);
    object.put("logprob", &logprob);
    object.put("bytes", &bytes);
}
