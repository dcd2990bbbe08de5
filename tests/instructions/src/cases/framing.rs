//! Streams that pass: their frames found, what stands in them judged.
use crate::case::Case;
use crate::translation::{DIALECTS, N_DELTAS, stream};
use bytes::Bytes;
use lip_wire::frame::sse::{Decoder, Scanner};
use lip_wire::gate::{classify, usage};
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let judged = DIALECTS.into_iter().map(|dialect| {
        Case::new(format!("gate {N_DELTAS} deltas {dialect}"), move || {
            let bytes = stream(dialect);
            move || {
                let mut decoder = Decoder::default();
                decoder.push(black_box(bytes.clone()));
                while let Some(Ok(event)) = decoder.next_event() {
                    black_box(classify(dialect, event.name(), &event.data));
                    black_box(usage(dialect, &event.data));
                }
            }
        })
    });
    let scanned = DIALECTS.into_iter().map(|dialect| {
        Case::new(format!("sse ends of {N_DELTAS} deltas {dialect}"), move || {
            let bytes = stream(dialect);
            move || {
                let mut scanner = Scanner::new();
                let mut from = 0;
                while let Some(end) = scanner.next_end(black_box(&bytes), from) {
                    from = black_box(end);
                }
                assert_eq!(from, bytes.len(), "a stream of whole frames");
            }
        })
    });
    judged.chain(scanned).chain([bytewise(), lines()]).collect()
}

/// Frames that come in small pieces, cut anywhere.
fn bytewise() -> Case {
    const PIECE_BYTES: usize = 7;
    Case::new("sse cut into pieces", || {
        let bytes = stream(lip_wire::Dialect::OpenAiChat);
        move || {
            let mut decoder = Decoder::default();
            let mut from = 0;
            while from < bytes.len() {
                let end = bytes.len().min(from + PIECE_BYTES);
                decoder.push(black_box(bytes.slice(from..end)));
                while let Some(event) = decoder.next_event() {
                    drop(black_box(event));
                }
                from = end;
            }
        }
    })
}

/// A stream of Ollama's: a JSON object per line.
fn lines() -> Case {
    Case::new("ndjson", || {
        let line = "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\" the next word\"},\"done\":false}\n";
        let bytes = Bytes::from(line.repeat(N_DELTAS));
        move || {
            let mut decoder = lip_wire::frame::ndjson::Decoder::new(1 << 20);
            decoder.push(black_box(bytes.clone()));
            while let Some(line) = decoder.next_event() {
                drop(black_box(line));
            }
        }
    })
}
