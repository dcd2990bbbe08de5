//! Bodies and streams as bytes: the lens, the frame decoders, the gate.
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::frame;
use lip_wire::gate::{classify, classify_body};
use lip_wire::lens::{place, scan};

/// The first byte chooses the dialect.
pub(crate) fn dialect(data: &[u8]) -> Option<(Dialect, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((Dialect::ALL[usize::from(*first) % Dialect::ALL.len()], rest))
}

/// Nothing edited is nothing changed; an edited body can be read and says what was edited.
pub(crate) fn lens(data: &[u8]) {
    let Some((dialect, body)) = dialect(data) else { return };
    let body = Bytes::copy_from_slice(body);
    let lens = match scan(dialect, &body) {
        Ok(lens) => lens,
        Err(error) => {
            let _ = place(&error, &body);
            return;
        }
    };
    assert_eq!(lens.splice(&lens.edits()), body);
    for n in 0..lens.messages().len() {
        let _ = lens.user_text(n);
        for text in lens.texts_alone(n).unwrap_or_default() {
            assert!(text.first() == Some(&b'"') && text.len() > 1 && text.last() == Some(&b'"'));
        }
    }
    let mut longer = lens.edits();
    if longer.append_text(&lens, "more") {
        let longer = scan(dialect, &lens.splice(&longer)).expect("a body with more text is a body");
        let last = longer.messages().len() - 1;
        assert!(longer.user_text(last).parts.last().is_some_and(|part| part.text.ends_with("more")));
    }
    let mut edits = lens.edits();
    let named = edits.set_model("fuzzed").is_ok();
    // An input that is one string is a message, but no list that one could be taken out of.
    let is_in_list = |message: &lip_wire::lens::Message| message.span.of(lens.body()).first() != Some(&b'"');
    let is_shorter = lens.messages().first().is_some_and(is_in_list);
    if is_shorter {
        edits.remove_message(0);
    }
    let again = scan(dialect, &lens.splice(&edits)).expect("an edited body is a body");
    if named && lens.model().is_some() {
        assert_eq!(again.model().as_deref(), Some("fuzzed"));
    }
    assert_eq!(again.messages().len(), lens.messages().len() - usize::from(is_shorter));
}

/// However a stream is cut, its events are the same.
pub(crate) fn sse(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let decode = |size: usize| {
        let mut decoder = frame::sse::Decoder::new(1 << 12);
        let mut events = Vec::new();
        for chunk in rest.chunks(size.max(1)) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(event) = decoder.next_event() {
                events.push(event.map(|e| (e.name().map(str::to_owned), e.data.to_vec())).map_err(|_| ()));
            }
        }
        events.extend(decoder.finish().map(|e| Ok((e.name().map(str::to_owned), e.data.to_vec()))));
        events
    };
    assert_eq!(decode(usize::from(*first)), decode(rest.len()));
}

/// The same for lines.
pub(crate) fn ndjson(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let decode = |size: usize| {
        let mut decoder = frame::ndjson::Decoder::new(1 << 12);
        let mut lines = Vec::new();
        for chunk in rest.chunks(size.max(1)) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(line) = decoder.next_event() {
                lines.push(line.map_err(|_| ()));
            }
        }
        lines.extend(decoder.finish().map(Ok));
        lines
    };
    assert_eq!(decode(usize::from(*first)), decode(rest.len()));
}

/// The same for messages with checksums. The second byte says whether those of the input's first message are made to fit, so that what
/// lies behind them is reached.
pub(crate) fn aws_event_stream(data: &[u8]) {
    let Some(([size, fits], rest)) = data.split_first_chunk() else { return };
    let mut stream = rest.to_vec();
    if fits & 1 == 1 && stream.len() >= 16 {
        let total = u32::try_from(stream.len()).unwrap_or(u32::MAX);
        stream[..4].copy_from_slice(&total.to_be_bytes());
        let prelude = crc32fast::hash(&stream[..8]);
        stream[8..12].copy_from_slice(&prelude.to_be_bytes());
        let end = stream.len() - 4;
        let whole = crc32fast::hash(&stream[..end]);
        stream[end..].copy_from_slice(&whole.to_be_bytes());
    }
    let decode = |size: usize| {
        let mut decoder = frame::aws_event_stream::Decoder::new(1 << 12);
        let mut messages = Vec::new();
        for chunk in stream.chunks(size.max(1)) {
            decoder.push(Bytes::copy_from_slice(chunk));
            while let Some(message) = decoder.next_event() {
                messages.push(message);
            }
        }
        (messages, decoder.finish())
    };
    let (messages, end) = decode(usize::from(*size));
    for message in messages.iter().flatten() {
        assert!(message.headers().all(|(name, _)| !name.is_empty()));
    }
    assert_eq!((messages, end), decode(stream.len()));
}

/// Every frame and every body has a verdict.
pub(crate) fn gate(data: &[u8]) {
    let Some((dialect, body)) = dialect(data) else { return };
    let _ = classify_body(dialect, body);
    for name in [None, Some("error"), Some("message_delta"), Some("response.completed")] {
        let _ = classify(dialect, name, body);
    }
}
