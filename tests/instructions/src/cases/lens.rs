//! A request that passes: the owned fields of its body found, its model renamed.
use crate::case::Case;
use crate::translation::{DIALECTS, body, body_of, pass_request};
use serde_json::{Value, json};
use std::hint::black_box;

/// Small bodies are passed so often that a count is large enough to be compared.
const N_SMALL: usize = 100;

pub(super) fn cases() -> Vec<Case> {
    DIALECTS
        .into_iter()
        .flat_map(|dialect| {
            let large = Case::new(format!("lens 200 KB {dialect}"), move || {
                let body = body(dialect);
                move || drop(black_box(pass_request(dialect, black_box(&body))))
            });
            let small = Case::new(format!("lens small {dialect}"), move || {
                let body = body_of(dialect, &small());
                move || (0..N_SMALL).for_each(|_| drop(black_box(pass_request(dialect, black_box(&body)))))
            });
            [large, small]
        })
        .collect()
}

/// A question as chat completion request.
pub(super) fn small() -> Value {
    json!({"model": "m", "messages": [{"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Name the three primary colours."}], "max_tokens": 1024, "stream": true})
}
