//! Requests and streams that are translated, for every pair of dialects.
use crate::case::Case;
use crate::translation::{N_DELTAS, body, pairs, stream, translate_request, translate_stream};
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let requests = pairs().map(|pair| {
        Case::new(format!("request 200 KB {pair}"), move || {
            let body = body(pair.0);
            move || drop(black_box(translate_request(pair, black_box(&body))))
        })
    });
    let streams = pairs().map(|pair| {
        Case::new(format!("stream {N_DELTAS} deltas {pair}"), move || {
            let bytes = stream(pair.1);
            move || drop(black_box(translate_stream(pair, black_box(bytes.clone()))))
        })
    });
    requests.chain(streams).collect()
}
