//! A stream of any dialect decodes to the same events under a thousand random splits of its bytes.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use bytes::Bytes;
use lip_wire::{
    Dialect,
    canon::{Event, split},
    codec::{EncodeCtx, StreamDecoder, StreamEncoder, decode_reply},
    frame::{ndjson, sse},
};

const N_SPLITS: usize = 1000;
const STREAMED: [Dialect; 5] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::AnthropicMessages,
    Dialect::Gemini,
    Dialect::Lip,
];

/// Thinking with a signature, text of long characters, calls with and without arguments, usage.
const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[
  {"type":"thinking","thinking":"Hm 😀\n\nso.","signature":"c2ln"},
  {"type":"text","text":"é𝐀 \"quoted\" \\ data: x\n\nevent: y"},
  {"type":"tool_use","id":"toolu_1","name":"ls","input":{"path":"/sr😀v","depth":[1,2.50]}},
  {"type":"tool_use","id":"toolu_2","name":"pwd","input":{}}],
  "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":7}}"#;

const OLLAMA: &str = concat!(
    r#"{"model":"m","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":"","thinking":"Hm 😀"},"done":false}"#,
    "\n",
    r#"{"model":"m","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":"é𝐀 \"quoted\""},"done":false}"#,
    "\r\n",
    r#"{"model":"m","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"ls","arguments":{"p":"😀"}}}]},"done":false}"#,
    "\n\n",
    r#"{"model":"m","created_at":"2025-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":7}"#,
    "\n",
);

/// A stream of numbers that is the same on every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % n.max(1) as u64).unwrap_or_default()
    }
}

/// The answer as a stream of `dialect`.
fn stream(dialect: Dialect) -> Vec<u8> {
    let (reply, _) = decode_reply(Dialect::AnthropicMessages, ANSWER.as_bytes()).expect("decodes");
    let mut played = Vec::new();
    split(reply, &mut played);
    let ctx =
        EncodeCtx { reply_id: "r".to_owned(), created_unix: 7, include_usage: true, ..EncodeCtx::default() };
    let mut encoder = StreamEncoder::new(dialect, ctx).expect("streams");
    let mut out = Vec::new();
    for event in played {
        let Event::Text { at, text } = event else {
            encoder.encode(&event, &mut out);
            continue;
        };
        // A delta for every character, as models speak.
        for text in text.chars().map(String::from) {
            encoder.encode(&Event::Text { at, text }, &mut out);
        }
    }
    out
}

/// The events of a stream whose bytes come in these pieces.
fn events<'a>(dialect: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(dialect).expect("streams");
    let mut out = Vec::new();
    let (mut frames, mut lines) = (sse::Decoder::default(), ndjson::Decoder::default());
    for piece in pieces {
        let piece = Bytes::copy_from_slice(piece);
        if dialect == Dialect::Ollama {
            lines.push(piece);
            while let Some(line) = lines.next_event() {
                decoder.push_event(None, &line.expect("no large line"), &mut out).expect("decodes");
            }
        } else {
            frames.push(piece);
            while let Some(frame) = frames.next_event() {
                let frame = frame.expect("no large frame");
                decoder.push_event(frame.name(), &frame.data, &mut out).expect("decodes");
            }
        }
    }
    assert!(frames.finish().is_none() && lines.finish().is_none(), "{dialect}: something is left");
    decoder.finish(&mut out);
    out
}

fn check(dialect: Dialect, bytes: &[u8]) {
    let whole = events(dialect, [bytes]);
    assert!(matches!(whole.last(), Some(Event::End)), "{dialect}: {:?}", whole.last());
    assert!(whole.len() > 8, "{dialect}: {whole:?}");
    let dice = &mut Dice(dialect as u64);
    for _ in 0..N_SPLITS {
        let n_cuts = dice.below(40);
        let mut cuts: Vec<usize> = (0..n_cuts).map(|_| dice.below(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        assert_eq!(events(dialect, pieces), whole, "{dialect} cut at {cuts:?}");
    }
    assert_eq!(events(dialect, bytes.chunks(1)), whole, "{dialect}, byte by byte");
}

#[test]
fn splits_of_a_stream_change_nothing() {
    for dialect in STREAMED {
        let bytes = stream(dialect);
        check(dialect, &bytes);
        let crlf = String::from_utf8(bytes).expect("UTF-8").replace('\n', "\r\n");
        assert_eq!(events(dialect, [crlf.as_bytes()]), events(dialect, [stream(dialect).as_slice()]));
    }
    check(Dialect::Ollama, OLLAMA.as_bytes());
}
