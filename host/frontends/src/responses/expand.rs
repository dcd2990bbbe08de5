//! A request that continues an earlier answer, written out in full: its conversation stands before the new input, and
//! `previous_response_id` is gone. Raw JSON is joined, nothing is parsed.
use super::remembered::Remembered;
use base::{Fault, Kind};
use bytes::Bytes;
use lip_wire::lens::{EditError, Field, JsonType, Lens};

/// The items of a request's own `input`, joined by commas, as raw JSON.
pub(crate) fn own_items(lens: &Lens) -> String {
    let raw = lens.raw(Field::Messages).and_then(|raw| std::str::from_utf8(raw).ok()).unwrap_or_default();
    match lens.json_type(Field::Messages) {
        Some(JsonType::Array) => {
            let inside = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inside.unwrap_or_default().trim_matches([' ', '\t', '\r', '\n']).to_owned()
        }
        // Source: OpenAI API reference, "Create a model response", input: a text is a message of the user.
        Some(JsonType::String) => format!(r#"{{"type":"message","role":"user","content":{raw}}}"#),
        _ => String::new(),
    }
}

/// `lens`'s body in full.
///
/// # Errors
/// 413 when it becomes larger than `bytes_max`.
pub(crate) fn whole(lens: &Lens, continues: &Remembered, bytes_max: usize) -> Result<Bytes, Fault> {
    let own = own_items(lens);
    let bytes = continues.bytes() + lens.body().len();
    if bytes > bytes_max {
        let sentence =
            format!("the conversation that previous_response_id stands for is larger than {bytes_max} bytes");
        let fault =
            Fault::client(Kind::TooLarge, sentence).code("request_too_large").param("previous_response_id");
        return Err(fault.hint("Start a new conversation, or raise limits.request_body_bytes"));
    }
    let mut input = String::with_capacity(bytes);
    for items in
        continues.history().map(|text| text.as_str()).chain([&*own]).filter(|items| !items.is_empty())
    {
        input.push(if input.is_empty() { '[' } else { ',' });
        input.push_str(items);
    }
    if input.is_empty() {
        input.push('[');
    }
    input.push(']');
    edited(lens, &input, continues).map_err(|e| Fault::host(Kind::Internal, "internal error").source(e))
}

fn edited(lens: &Lens, input: &str, continues: &Remembered) -> Result<Bytes, EditError> {
    let mut edits = lens.edits();
    edits.set_raw(Field::Messages, input)?;
    edits.remove(Field::PreviousResponseId)?;
    // An explicit null drops what came before.
    if let Some(instructions) = &continues.instructions
        && lens.span(Field::System).is_none()
    {
        edits.set_raw(Field::System, instructions.as_str())?;
    }
    Ok(lens.splice(&edits))
}

#[cfg(test)]
mod tests {
    use super::super::remembered::{Meter, Text};
    use super::*;
    use lip_wire::{Dialect, lens};

    fn expanded(body: &'static str, input: &str, output: &str, instructions: Option<&str>) -> String {
        let meter = Meter::default();
        let mut continues = Remembered::of("r", input, output, &meter);
        continues.instructions = instructions.map(|text| Text::new(text, &meter));
        let lens =
            lens::scan(Dialect::OpenAiResponses, &Bytes::from_static(body.as_bytes())).expect("a body");
        let bytes = whole(&lens, &continues, 1 << 20).expect("a whole body");
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    #[test]
    fn conversation_stands_before_the_new_input() {
        for (body, whole) in [
            (
                r#"{"model":"m", "previous_response_id":"r", "input":[ {"c":3} ], "x":1.0}"#,
                r#"{"model":"m", "input":[{"a":1},{"b":2},{"c":3}], "x":1.0}"#,
            ),
            (
                r#"{"input":"hi \ud835","previous_response_id":"r"}"#,
                r#"{"input":[{"a":1},{"b":2},{"type":"message","role":"user","content":"hi \ud835"}]}"#,
            ),
            (r#"{"previous_response_id":"r","input":[]}"#, r#"{"input":[{"a":1},{"b":2}]}"#),
            (r#"{"previous_response_id":"r"}"#, r#"{"input":[{"a":1},{"b":2}]}"#),
        ] {
            assert_eq!(expanded(body, r#"{"a":1}"#, r#"{"b":2}"#, None), whole, "{body}");
        }
        let nothing = expanded(r#"{"previous_response_id":"r","input":[ ]}"#, "", "", None);
        assert_eq!(nothing, r#"{"input":[]}"#);
    }

    #[test]
    fn instructions_are_inherited_unless_the_request_has_its_own() {
        let inherits = |body| expanded(body, "1", "2", Some(r#""be brief""#));
        assert!(inherits(r#"{"previous_response_id":"r"}"#).contains(r#""instructions":"be brief""#));
        for own in ["\"be long\"", "null", "\"\""] {
            let body = format!(r#"{{"previous_response_id":"r","instructions":{own}}}"#);
            let body: &'static str = Box::leak(body.into_boxed_str());
            let whole = inherits(body);
            assert!(
                whole.contains(&format!(r#""instructions":{own}"#)) && !whole.contains("brief"),
                "{whole}"
            );
        }
    }

    #[test]
    fn conversation_that_is_too_large_is_refused() {
        let continues = Remembered::of("r", "1", &"2".repeat(100), &Meter::default());
        let body = Bytes::from_static(br#"{"previous_response_id":"r"}"#);
        let lens = lens::scan(Dialect::OpenAiResponses, &body).expect("a body");
        assert_eq!(whole(&lens, &continues, 100).expect_err("too large").status(), 413);
    }
}
