//! Writes one SSE frame. (Reading is `frame::sse`.)

/// Appends `event: name` (if any), `data: …` and the empty line. Raw JSON may hold line breaks between tokens: each line gets its own `data:`.
pub(crate) fn sse_data(name: Option<&str>, data: &[u8], out: &mut Vec<u8>) {
    let begin = sse_begin(name, out);
    out.extend_from_slice(data);
    sse_end(begin, out);
}

/// Appends the head of a frame; the data is written behind it, then [`sse_end`].
pub(crate) fn sse_begin(name: Option<&str>, out: &mut Vec<u8>) -> usize {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    out.len()
}

/// Closes the frame whose data began at `begin`.
pub(crate) fn sse_end(begin: usize, out: &mut Vec<u8>) {
    if memchr::memchr2(b'\n', b'\r', &out[begin..]).is_some() {
        // In JSON text a raw line break can only be whitespace between tokens.
        for byte in &mut out[begin..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
    out.extend_from_slice(b"\n\n");
}
