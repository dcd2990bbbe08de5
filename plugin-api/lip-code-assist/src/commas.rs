//! Answers of Code Assist have been seen with one comma too many between two members.

/// `json` without commas that follow another comma; none where there is no such comma. Strings stay as they are.
pub(crate) fn without_doubled(json: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut is_escaped, mut after_comma, mut found) = (false, false, false, false);
    for &byte in json {
        if in_string {
            in_string = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
        } else {
            match byte {
                b',' if after_comma => {
                    found = true;
                    continue;
                }
                b',' => after_comma = true,
                b' ' | b'\t' | b'\r' | b'\n' => {}
                other => {
                    after_comma = false;
                    in_string = other == b'"';
                }
            }
        }
        out.push(byte);
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::without_doubled;
    use proptest::prelude::*;

    #[test]
    fn only_doubled_commas_go() {
        for (json, want) in [
            (r#"{"a":1,,"b":2}"#, Some(r#"{"a":1,"b":2}"#)),
            (r#"[1, ,,2]"#, Some("[1, 2]")),
            (r#"{"a":",,","b":"\",,"}"#, None),
            (r#"{"a":"\\",,"b":",,"}"#, Some(r#"{"a":"\\","b":",,"}"#)),
            ("[1,2]", None),
        ] {
            assert_eq!(without_doubled(json.as_bytes()), want.map(|w| w.as_bytes().to_vec()), "{json}");
        }
    }

    proptest! {
        /// What is JSON already is left alone.
        #[test]
        fn json_is_left_alone(text in "[ -~]{0,20}", n in any::<i32>()) {
            let json = serde_json::json!({"a": [text, n, {"b,,": null}], "c": text}).to_string();
            prop_assert_eq!(without_doubled(json.as_bytes()), None);
        }
    }
}
