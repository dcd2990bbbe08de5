//! An answer that is no success, read for what it says of accounts and quotas.
use crate::{Error, HttpResponse, Result, time};
use serde_json::Value;

/// Bytes of an error's body that are looked at: 256 KiB.
const BYTES_MAX: usize = 256 << 10;
const EXCERPT_CHARS: usize = 300;

/// An error of an upstream.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null where it is no JSON.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

impl Refusal {
    /// Reads `response` to its end, or to the most that an error needs.
    ///
    /// # Errors
    /// As for [`HttpResponse::chunk`].
    pub async fn read(mut response: HttpResponse) -> Result<Self> {
        let headers = response.headers().await.unwrap_or_default();
        let mut bytes = Vec::new();
        while bytes.len() < BYTES_MAX {
            // An error that breaks off is an error all the same.
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(Self::new(response.status(), headers, &bytes))
    }

    /// An error with this body.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        let mut json: Value = serde_json::from_slice(body).unwrap_or_default();
        // Google's streams wrap an error into a list.
        if let Value::Array(list) = &mut json
            && let Some(first) = list.first_mut()
        {
            json = first.take();
        }
        Self { status, headers, json, text: String::from_utf8_lossy(body).into_owned() }
    }

    /// The first value of the header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A text of the body by its path, such as `/error/message`.
    pub fn at(&self, path: &str) -> &str {
        self.json.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// What the upstream says, in its words.
    pub fn message(&self) -> String {
        let places = [
            "/error/message",
            "/message",
            "/error_description",
            "/error/error_description",
            "/detail",
            "/error",
            "/Message",
        ];
        let said = places.iter().map(|path| self.at(path)).find(|text| !text.is_empty());
        let said = said.unwrap_or_else(|| self.text.trim());
        if said.is_empty() {
            return format!("the upstream answered with status {} and no words", self.status);
        }
        said.chars().take(EXCERPT_CHARS).collect()
    }

    /// Does the body hold `words`, whatever the case?
    pub fn says(&self, words: &str) -> bool {
        self.text.to_ascii_lowercase().contains(&words.to_ascii_lowercase())
    }

    /// Google's error details of one type, such as `google.rpc.ErrorInfo`. Source: google/rpc/error_details.proto.
    pub fn details(&self, of_type: &str) -> impl Iterator<Item = &Value> {
        let list = self.json.pointer("/error/details").and_then(Value::as_array);
        list.into_iter().flatten().filter(move |detail| {
            let told = detail.get("@type").and_then(Value::as_str).unwrap_or_default();
            told.rsplit('/').next() == Some(of_type)
        })
    }

    /// `reason` of Google's ErrorInfo; empty when there is none.
    pub fn reason(&self) -> &str {
        let reason = |info: &'_ Value| info.get("reason").and_then(Value::as_str).map(str::len);
        let info = self.details("google.rpc.ErrorInfo").find(|info| reason(info).is_some());
        info.and_then(|info| info.get("reason")?.as_str()).unwrap_or_default()
    }

    /// Milliseconds until the same request may succeed, as far as the answer says so: the header, Google's and Amazon's fields, the words.
    pub fn retry_after_ms(&self, now_ms: u64) -> Option<u64> {
        let header = self.header("retry-after").and_then(|value| time::retry_after(value, now_ms));
        let info = || {
            let delay = |info: &Value| time::span_ms(info.get("retryDelay")?.as_str()?);
            self.details("google.rpc.RetryInfo").find_map(delay)
        };
        let reset = || {
            self.details("google.rpc.ErrorInfo").find_map(|info| {
                let told = |key: &str| info.pointer(&format!("/metadata/{key}")).and_then(Value::as_str);
                let at = || Some(time::from_rfc3339(told("quotaResetTimeStamp")?)?.saturating_sub(now_ms));
                told("quotaResetDelay").and_then(time::span_ms).or_else(at)
            })
        };
        let field = || self.json.get("retryAfterMilliseconds").and_then(Value::as_u64);
        let words = || time::span_in(&self.message());
        header.or_else(info).or_else(reset).or_else(field).or_else(words)
    }

    /// The error for the client: the upstream's status and words.
    pub fn error(&self) -> Error {
        Error::upstream(self.status, self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOGLE: &str = r#"[{"error":{"code":429,"message":"exhausted. Your quota will reset after 2s.","status":"RESOURCE_EXHAUSTED",
        "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"QUOTA_EXHAUSTED","metadata":{"quotaResetDelay":"4h51m33.9s"}},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17493.9s"}]}}]"#;

    fn refusal(headers: &[(&str, &str)], body: &str) -> Refusal {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Refusal::new(429, headers, body.as_bytes())
    }

    #[test]
    fn hints_have_their_order() {
        let now = 1_787_392_790_000;
        let at = |headers: &[(&str, &str)], body: &str| refusal(headers, body).retry_after_ms(now);
        assert_eq!(at(&[("retry-after", "3")], GOOGLE), Some(3_000));
        assert_eq!(at(&[], GOOGLE), Some(17_493_900));
        assert_eq!(at(&[], &GOOGLE.replace("RetryInfo", "Help").replace("4h51m33.9s", "9s")), Some(9_000));
        let stamp = GOOGLE
            .replace("RetryInfo", "Help")
            .replace(r#""quotaResetDelay":"4h51m33.9s""#, r#""quotaResetTimeStamp":"2026-08-22T10:00:00Z""#);
        assert_eq!(at(&[], &stamp), Some(10_000));
        assert_eq!(
            at(&[], &GOOGLE.replace("RetryInfo", "Help").replace("quotaResetDelay", "x")),
            Some(2_000)
        );
        assert_eq!(at(&[], r#"{"message":"slow","retryAfterMilliseconds":1500}"#), Some(1_500));
        assert_eq!(at(&[], "nothing"), None);
    }

    #[test]
    fn words_are_found_wherever_vendors_put_them() {
        for (body, message) in [
            (GOOGLE, "exhausted. Your quota will reset after 2s."),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#, "expired"),
            (r#"{"error":"Unauthorized"}"#, "Unauthorized"),
            (r#"{"detail":"no such model"}"#, "no such model"),
            ("<html>", "<html>"),
            (" ", "the upstream answered with status 429 and no words"),
        ] {
            assert_eq!(refusal(&[], body).message(), message);
        }
        assert_eq!(refusal(&[], GOOGLE).reason(), "QUOTA_EXHAUSTED");
        assert_eq!(refusal(&[], "{}").reason(), "");
    }
}
