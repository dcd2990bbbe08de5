//! What translation costs: a request of 200 KB and one delta of a stream, for every pair of dialects; pass-through for scale.
#[expect(clippy::expect_used, reason = "bodies that are known to be good")]
#[path = "../../instructions/src/translation.rs"]
mod translation;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use lip_wire::Dialect;
use translation::{
    DIALECTS, N_DELTAS, Pair, body, pairs, pass_request, stream, translate_request, translate_stream,
};

fn main() {
    divan::main();
}

/// A request, read and written.
#[divan::bench(args = pairs())]
fn request_200_kb(bencher: Bencher<'_, '_>, pair: Pair) {
    let body = body(pair.0);
    bencher.counter(BytesCount::new(body.len())).bench(|| translate_request(pair, black_box(&body)));
}

/// A request that passes: its fields found, its model renamed.
#[divan::bench(args = DIALECTS)]
fn request_200_kb_passes(bencher: Bencher<'_, '_>, dialect: Dialect) {
    let body = body(dialect);
    bencher.counter(BytesCount::new(body.len())).bench(|| pass_request(dialect, black_box(&body)));
}

/// A stream of one hundred deltas from the upstream of a pair to its client: frames, events, frames.
#[divan::bench(args = pairs())]
fn stream_100_deltas(bencher: Bencher<'_, '_>, pair: Pair) {
    let bytes = stream(pair.1);
    bencher.counter(ItemsCount::new(N_DELTAS)).bench(|| translate_stream(pair, black_box(bytes.clone())));
}
