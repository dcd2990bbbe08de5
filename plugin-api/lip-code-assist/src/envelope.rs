//! Requests, put into their envelope: the client's bytes stay as they are, but for what Code Assist says elsewhere.
use bytes::Bytes;
use lip_plugin::{Buf, Error, Result, Value, json};
use lip_wire::Dialect;
use lip_wire::lens::{self, Field, Lens};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What an envelope says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label<'a> {
    pub(crate) model: &'a str,
    pub(crate) project: &'a str,
    /// New for every request.
    pub(crate) id: u128,
    /// The conversation.
    pub(crate) session: &'a str,
    /// Credits that may be used.
    pub(crate) credits: &'a [String],
}

/// An id that no other request has: connectors have no randomness of their own, and none is needed for telling requests apart.
pub(crate) fn new_id(session: &str, now_ms: u64, try_no: usize, body: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, session, now_ms, try_no, body).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

/// A Gemini body and where its fields are.
///
/// # Errors
/// `bad_request` when it is none.
pub(crate) fn scan(body: &Buf) -> Result<Lens> {
    lens::scan(Dialect::Gemini, &Bytes::from_owner(body.clone())).map_err(Error::bad_request)
}

/// The inside of an object: what stands between its braces.
pub(crate) fn members(object: &[u8]) -> &[u8] {
    let inner = object.trim_ascii().strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
    inner.unwrap_or_default().trim_ascii()
}

/// Gemini CLI's envelope. Source: google-gemini/gemini-cli, `packages/core/src/code_assist/converter.ts`.
///
/// # Errors
/// `bad_request` when the body is no Gemini request.
pub(crate) fn wrapped(body: &Buf, label: Label<'_>) -> Result<Vec<u8>> {
    let lens = scan(body)?;
    let mut edits = lens.edits();
    // Both stand elsewhere here.
    for field in [Field::Model, Field::SessionId] {
        edits.remove(field).map_err(Error::bad_request)?;
    }
    let body = lens.splice(&edits);
    let inside = members(&body);
    let head = json!({"model": label.model, "project": label.project, "user_prompt_id": short(label.id)});
    let mut out = Vec::with_capacity(inside.len() + 512);
    out.extend_from_slice(head.to_string().trim_end_matches('}').as_bytes());
    out.extend_from_slice(b",\"request\":{");
    out.extend_from_slice(inside);
    if !inside.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(format!("\"session_id\":{}}}", Value::from(label.session)).as_bytes());
    if !label.credits.is_empty() {
        out.extend_from_slice(format!(",\"enabled_credit_types\":{}", json!(label.credits)).as_bytes());
    }
    out.push(b'}');
    Ok(out)
}

/// 13 hexadecimal digits, as Gemini CLI has them.
fn short(id: u128) -> String {
    format!("{:013x}", id & ((1 << 52) - 1))
}

/// What counts the tokens of a body: its contents, its system text in front of them. Tools are not counted: the API takes none.
///
/// # Errors
/// As [`wrapped`].
pub(crate) fn counted(body: &Buf, model: &str) -> Result<Vec<u8>> {
    let inner = generate_request(body);
    let lens = scan(inner.as_ref().unwrap_or(body))?;
    let contents = lens.raw(Field::Messages).unwrap_or(b"[]").trim_ascii();
    // A single content may stand without its list.
    let contents = contents.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(contents);
    let system =
        lens.raw(Field::System).and_then(|raw| lip_plugin::serde_json::from_slice::<Value>(raw).ok());
    let parts = match system {
        Some(Value::String(text)) => Some(json!([{ "text": text }])),
        Some(mut system) => system.get_mut("parts").map(Value::take),
        None => None,
    };
    let mut out =
        format!("{{\"request\":{{\"model\":{},\"contents\":[", Value::from(format!("models/{model}")));
    if let Some(parts) = parts {
        out.push_str(&json!({"role": "user", "parts": parts}).to_string());
        if !contents.trim_ascii().is_empty() {
            out.push(',');
        }
    }
    let mut out = out.into_bytes();
    out.extend_from_slice(contents);
    out.extend_from_slice(b"]}}");
    Ok(out)
}

/// Clients may wrap what is to be counted: `{"generateContentRequest": {…}}`. Source: Gemini API reference, `models.countTokens`.
fn generate_request(body: &[u8]) -> Option<Buf> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counted<'a> {
        #[serde(borrow)]
        generate_content_request: Option<&'a serde_json::value::RawValue>,
    }
    let counted: Counted<'_> = serde_json::from_slice(body).ok()?;
    Some(counted.generate_content_request?.get().to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: Label<'_> = Label { model: "m", project: "p", id: 0x1f, session: "s\"1", credits: &[] };

    fn check(body: &'static str, inside: &str) {
        let wrapped = wrapped(&body.into(), LABEL).expect("an envelope");
        let head = r#"{"model":"m","project":"p","user_prompt_id":"000000000001f","request":{"#;
        let want = format!("{head}{inside}\"session_id\":\"s\\\"1\"}}}}");
        assert_eq!(String::from_utf8(wrapped).expect("text"), want);
    }

    #[test]
    fn bytes_stay_as_the_client_wrote_them() {
        check("{}", "");
        check(" { } \n", "");
        let body = r#" {"contents" : [ {"parts":[{"text":"h\u00e9}"}]} ],"x":1.50e2 } "#;
        check(body, r#""contents" : [ {"parts":[{"text":"h\u00e9}"}]} ],"x":1.50e2,"#);
    }

    #[test]
    fn what_stands_elsewhere_goes() {
        check(r#"{"model":"models/x","contents":[],"sessionId":"mine"}"#, "\"contents\":[],");
    }

    #[test]
    fn signatures_pass() {
        let body = r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"AbC=="}]}]}"#;
        check(body, &format!("{},", &body[1..body.len() - 1]));
    }

    #[test]
    fn credits_are_named_when_they_may_be_used() {
        let credits = ["GOOGLE_ONE_AI".to_owned()];
        let text = wrapped(&"{}".into(), Label { credits: &credits, ..LABEL }).expect("an envelope");
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(json["enabled_credit_types"], json!(["GOOGLE_ONE_AI"]));
    }

    #[test]
    fn no_request_is_an_error() {
        for body in ["", "[]", "{", "{\"contents\":1}", "{}{}", "\u{0}"] {
            assert_eq!(wrapped(&body.into(), LABEL).expect_err(body).code(), "bad_request", "{body}");
        }
    }

    #[test]
    fn ids_differ() {
        let id = |now, try_no| new_id("s", now, try_no, b"{}");
        assert!(id(1, 0) != id(2, 0) && id(1, 0) != id(1, 1));
        assert_eq!(short(u128::MAX).len(), 13);
    }

    #[test]
    fn contents_and_system_are_counted() {
        let count = |body: &'static str| {
            let text = counted(&body.into(), "m").expect("a request");
            serde_json::from_slice::<Value>(&text).expect("JSON")["request"].clone()
        };
        let content = json!({"parts": [{"text": "hi"}]});
        let want = json!({"model": "models/m", "contents": [content]});
        assert_eq!(count(r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#), want);
        assert_eq!(count(r#"{"contents":{"parts":[{"text":"hi"}]}}"#), want);
        assert_eq!(count(r#"{"generateContentRequest":{"contents":[{"parts":[{"text":"hi"}]}]}}"#), want);
        let system = json!({"role": "user", "parts": [{"text": "be brief"}]});
        let body =
            r#"{"systemInstruction":{"parts":[{"text":"be brief"}]},"contents":[{"parts":[{"text":"hi"}]}]}"#;
        assert_eq!(count(body)["contents"], json!([system, content]));
        assert_eq!(count(r#"{"systemInstruction":"be brief"}"#)["contents"], json!([system]));
    }
}
