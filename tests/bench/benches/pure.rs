//! The hot pure parts of a pass-through turn: finding the owned fields of a body, splicing, judging answers, SSE frames.
#![expect(clippy::expect_used, reason = "a benchmark of bodies that are known to be good")]
use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use lip_wire::Dialect;
use lip_wire::frame::sse::Decoder;
use lip_wire::gate::{classify, classify_body};
use lip_wire::lens::{self, Lens};

const CHAT: Dialect = Dialect::OpenAiChat;
const BODIES: [&str; 3] = ["small", "prose 200 KB", "code 200 KB"];
const DELTA: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-bench","choices":[{"index":0,"delta":{"content":" the next word"},"finish_reason":null}]}"#;
const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-bench","choices":[{"index":0,"message":{"role":"assistant","content":"Red, yellow and blue.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#;

fn main() {
    divan::main();
}

/// A request body. Code is what makes JSON strings expensive: quotes, newlines and backslashes, all escaped.
fn body(name: &str) -> Bytes {
    let (text, times) = match name {
        "small" => ("Name the three primary colours.", 1),
        "prose 200 KB" => {
            ("The quick brown fox jumps over the lazy dog, and then it rests in the shade. ", 2600)
        }
        _ => (
            "    let name = format!(\"{}\\n\", self.path.join(\"a\\tb\"));\n\tif x == '\"' { return; }\n",
            1900,
        ),
    };
    let text = serde_json::Value::from(text.repeat(times)).to_string();
    let body = format!(
        r#"{{"model":"gpt-bench","messages":[{{"role":"system","content":"Be terse."}},{{"role":"user","content":{text}}}],"max_tokens":1024,"stream":true}}"#
    );
    Bytes::from(body)
}

fn scanned(body: &Bytes) -> Lens {
    lens::scan(CHAT, body).expect("a good body")
}

#[divan::bench(args = BODIES)]
fn lens_scan(bencher: Bencher<'_, '_>, name: &str) {
    let body = body(name);
    bencher.counter(BytesCount::new(body.len())).bench(|| scanned(black_box(&body)));
}

#[divan::bench(args = BODIES)]
fn lens_splice_model(bencher: Bencher<'_, '_>, name: &str) {
    let lens = scanned(&body(name));
    bencher.counter(BytesCount::new(lens.body().len())).bench(|| {
        let mut edits = lens.edits();
        edits.set_model(black_box("other")).expect("a model field");
        lens.splice(&edits)
    });
}

/// For scale: what copying the body costs.
#[divan::bench(args = BODIES)]
fn scale_copy(bencher: Bencher<'_, '_>, name: &str) {
    let body = body(name);
    bencher.counter(BytesCount::new(body.len())).bench(|| Bytes::copy_from_slice(black_box(&body)));
}

/// For scale: what serde needs to find the model alone, skipping the rest.
#[divan::bench(args = BODIES)]
fn scale_serde_skips(bencher: Bencher<'_, '_>, name: &str) {
    #[derive(serde::Deserialize)]
    struct Peek<'a> {
        model: &'a str,
    }
    let body = body(name);
    bencher.counter(BytesCount::new(body.len())).bench(|| {
        let peek: Peek<'_> = serde_json::from_slice(black_box(&body)).expect("JSON");
        peek.model.len()
    });
}

#[divan::bench]
fn gate_classify_delta() -> impl Sized {
    classify(CHAT, None, black_box(DELTA.as_bytes()))
}

#[divan::bench]
fn gate_classify_answer() -> impl Sized {
    classify_body(CHAT, black_box(ANSWER.as_bytes()))
}

/// One hundred deltas, in chunks of that many frames.
#[divan::bench(args = [1, 10, 100])]
fn sse_decode_100(bencher: Bencher<'_, '_>, frames_per_chunk: usize) {
    let chunk = Bytes::from(format!("data: {DELTA}\n\n").repeat(frames_per_chunk));
    bencher.bench(|| {
        let (mut decoder, mut seen) = (Decoder::default(), 0);
        for _ in 0..100 / frames_per_chunk {
            decoder.push(black_box(chunk.clone()));
            while let Some(event) = decoder.next_event() {
                seen += event.map_or(0, |event| event.data.len());
            }
        }
        seen
    });
}
