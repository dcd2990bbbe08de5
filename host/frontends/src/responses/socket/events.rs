//! What the host says: the events of a stream as they are, and errors in the form that only WebSockets have.
//! Source: OpenAI API reference, "WebSocket events", server events, error.
use super::super::desk::DIALECT;
use axum::extract::ws::Utf8Bytes;
use base::Fault;
use bytes::{BufMut, Bytes, BytesMut};
use engine::{Reply, ReplyBody, error_reply};
use http::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Where the events of one answer belong: with the mark that the client asked for, if it did.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// `"stream_id":"…",`
    mark: String,
}

/// An error as a stream tells it: the members of the object itself, or an object below `error`.
#[derive(Deserialize)]
struct Told {
    error: Option<Value>,
    message: Option<Value>,
    code: Option<Value>,
    param: Option<Value>,
    status: Option<u16>,
}

impl Lane {
    /// `stream_id` is raw JSON.
    pub(super) fn of(stream_id: Option<&str>) -> Self {
        Self { mark: stream_id.map(|id| format!("\"stream_id\":{id},")).unwrap_or_default() }
    }

    /// An event's JSON as a message, uncopied where it needs no mark.
    pub(super) fn event(&self, data: Bytes) -> Utf8Bytes {
        let data = match data.strip_prefix(b"{") {
            Some(rest) if !self.mark.is_empty() => {
                let mut marked = BytesMut::with_capacity(data.len() + self.mark.len());
                marked.put_u8(b'{');
                marked.put_slice(self.mark.as_bytes());
                marked.put_slice(rest);
                marked.freeze()
            }
            _ => data,
        };
        match Utf8Bytes::try_from(data.clone()) {
            Ok(text) => text,
            Err(_) => String::from_utf8_lossy(&data).into_owned().into(),
        }
    }

    /// An event of a stream as a message; `None` for what belongs to streams only.
    pub(super) fn of_stream(&self, name: Option<&str>, data: &Bytes) -> Option<Utf8Bytes> {
        if data.trim_ascii().is_empty() || data.trim_ascii() == b"[DONE]" {
            return None;
        }
        let is_error = match name {
            Some(name) => name == "error",
            None => data.starts_with(b"{\"type\":\"error\""),
        };
        match is_error.then(|| serde_json::from_slice::<Told>(data)) {
            Some(Ok(told)) => Some(self.told(told)),
            _ => Some(self.event(data.clone())),
        }
    }

    fn told(&self, told: Told) -> Utf8Bytes {
        let error = told.error.unwrap_or_else(|| {
            json!({"type": "server_error", "code": told.code, "message": told.message, "param": told.param})
        });
        self.error(told.status, None, &error.to_string())
    }

    /// A fault of the host's own.
    pub(super) fn fault(&self, fault: &Fault) -> Utf8Bytes {
        self.refusal(error_reply(DIALECT, fault))
    }

    /// An answer that is an error: its status, and its `error` object as it is.
    pub(super) fn refusal(&self, reply: Reply) -> Utf8Bytes {
        #[derive(Deserialize)]
        struct Refusal<'a> {
            #[serde(borrow)]
            error: &'a RawValue,
        }
        let wait = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = match reply.body {
            ReplyBody::Full(body) => body.unwrap_or_default(),
            ReplyBody::Stream(_) => Bytes::new(),
        };
        let error = serde_json::from_slice::<Refusal<'_>>(&body).ok();
        let unsaid = r#"{"type":"server_error","code":null,"message":"the upstream refused the request","param":null}"#;
        self.error(Some(reply.status), wait.as_deref(), error.map_or(unsaid, |refusal| refusal.error.get()))
    }

    fn error(&self, status: Option<u16>, retry_after: Option<&str>, error: &str) -> Utf8Bytes {
        let mark = &self.mark;
        let status = status.map(|status| format!("\"status\":{status},")).unwrap_or_default();
        let headers = retry_after.map(|wait| format!(",\"headers\":{}", json!({"retry-after": wait})));
        let headers = headers.unwrap_or_default();
        format!(r#"{{"type":"error",{mark}{status}"error":{error}{headers}}}"#).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Kind, Retry};
    use std::time::Duration;

    fn of_stream(lane: &Lane, name: Option<&str>, data: &str) -> Option<String> {
        lane.of_stream(name, &Bytes::copy_from_slice(data.as_bytes())).map(|text| text.to_string())
    }

    #[test]
    fn events_pass_as_they_are() {
        let data = r#"{"type":"x","d":"\ud835"}"#;
        assert_eq!(of_stream(&Lane::default(), Some("x"), data).as_deref(), Some(data));
        let marked = of_stream(&Lane::of(Some("\"a\"")), None, data);
        assert_eq!(marked.as_deref(), Some(r#"{"stream_id":"a","type":"x","d":"\ud835"}"#));
        assert_eq!(of_stream(&Lane::default(), None, "[DONE]"), None);
        assert_eq!(Lane::default().event(Bytes::from_static(b"{\"\xff\"}")).as_str(), "{\"\u{fffd}\"}");
    }

    #[test]
    fn errors_take_the_form_of_sockets() {
        let told =
            r#"{"type":"error","code":"upstream_cut","message":"cut","param":null,"sequence_number":3}"#;
        for name in [None, Some("error")] {
            let text = of_stream(&Lane::default(), name, told).expect("a message");
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let error =
                json!({"type": "server_error", "code": "upstream_cut", "message": "cut", "param": null});
            assert_eq!(value, json!({"type": "error", "error": error}));
        }
        let fault = Fault::client(Kind::BadRequest, "no").code("c").param("p");
        let text = Lane::of(Some("\"a\"")).fault(&fault);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let error = json!({"type": "invalid_request_error", "code": "c", "message": "no", "param": "p"});
        assert_eq!(value, json!({"type": "error", "stream_id": "a", "status": 400, "error": error}));
        let fault = Fault::upstream(Kind::RateLimited, "slow").retry(Retry::After(Duration::from_secs(7)));
        let value: Value = serde_json::from_str(&Lane::default().fault(&fault)).expect("JSON");
        assert_eq!((&value["status"], &value["headers"]["retry-after"]), (&json!(429), &json!("7")));
    }
}
