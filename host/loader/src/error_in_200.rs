//! Errors inside answers with status 200, where a manifest says how they look. Knows no dialect.
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where an error stands in an answer with status 200, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorIn200 {
    /// JSON pointer of the value that tells of the error; absent and null mean that there is none.
    pub pointer: String,
    /// The value that means that there is no error.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub unless: Value,
    /// JSON pointer of the sentence; without one the value's own `message`, or the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Value, as text → the status that it stands for; 502 for all others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub status: BTreeMap<String, u16>,
}

/// An error that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundError {
    /// The status that it stands for.
    pub status: u16,
    /// The upstream's word for it.
    pub code: String,
    /// The upstream's sentence.
    pub message: String,
}

const MESSAGE_CHARS_MAX: usize = 1000;

impl ErrorIn200 {
    /// Says what is wrong with it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let pointers = [Some(&self.pointer), self.message.as_ref()];
        if let Some(bad) = pointers.into_iter().flatten().find(|pointer| !pointer.starts_with('/')) {
            return Err(format!("error_in_200: \"{bad}\" is no JSON pointer, which begins with a slash"));
        }
        match self.status.values().find(|status| !(400..600).contains(*status)) {
            Some(bad) => Err(format!("error_in_200: {bad} is no status of an error")),
            None => Ok(()),
        }
    }

    /// The error in a JSON body or event, if there is one. Bodies that cannot hold one are not parsed.
    pub fn find(&self, body: &[u8]) -> Option<FoundError> {
        let first = self.pointer.split('/').nth(1)?;
        memchr::memmem::find(body, first.as_bytes())?;
        let body: Value = serde_json::from_slice(body).ok()?;
        let value = body.pointer(&self.pointer).filter(|value| !value.is_null() && **value != self.unless)?;
        let code = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let told = self.message.as_ref().and_then(|pointer| body.pointer(pointer)?.as_str());
        let told = told.or_else(|| value.get("message")?.as_str()).unwrap_or(&code);
        let status = self.status.get(&code).copied().unwrap_or(502);
        let short = |text: &str, n| text.chars().take(n).collect::<String>();
        let message = short(told, MESSAGE_CHARS_MAX);
        Some(FoundError {
            status,
            code: if value.is_object() { String::new() } else { short(&code, 64) },
            message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(rule: Value, body: &str) -> Option<(u16, String, String)> {
        let rule: ErrorIn200 = serde_json::from_value(rule).expect("a rule");
        rule.check().expect("a good rule");
        rule.find(body.as_bytes()).map(|error| (error.status, error.code, error.message))
    }

    #[test]
    fn errors_are_found_where_the_rule_says() {
        let envelope =
            json!({"pointer": "/base/code", "unless": 0, "message": "/base/text", "status": {"1004": 401}});
        let code =
            |code: &str| format!("{{\"base\":{{\"code\":{code},\"text\":\"no key\"}},\"choices\":[]}}");
        assert_eq!(found(envelope.clone(), &code("0")), None);
        assert_eq!(found(envelope.clone(), &code("null")), None);
        assert_eq!(found(envelope.clone(), r#"{"choices":[]}"#), None);
        assert_eq!(found(envelope.clone(), "{\"base\":"), None);
        assert_eq!(found(envelope.clone(), &code("1004")), Some((401, "1004".into(), "no key".into())));
        assert_eq!(found(envelope, &code("7")), Some((502, "7".into(), "no key".into())));
        let plain = json!({"pointer": "/error"});
        assert_eq!(
            found(plain.clone(), r#"{"error":{"message":"m"}}"#),
            Some((502, String::new(), "m".into()))
        );
        assert_eq!(found(plain, r#"{"error":"text"}"#), Some((502, "text".into(), "text".into())));
    }

    #[test]
    fn bad_rules_are_told() {
        for rule in [json!({"pointer": "error"}), json!({"pointer": "/e", "status": {"1": 200}})] {
            assert!(serde_json::from_value::<ErrorIn200>(rule).expect("a rule").check().is_err());
        }
        assert!(serde_json::from_value::<ErrorIn200>(json!({"pointer": "/e", "x": 1})).is_err());
    }
}
