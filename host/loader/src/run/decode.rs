//! From the boundary's records to typed effects and faults. Every field is hostile.
use super::bytes::to_bytes;
use super::effect::{Effect, HttpCall, SecretHeader};
use base::{Fault, Kind, Retry, Side};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use lip_abi::{AbiError, Op, op};
use serde::Deserialize;
use std::borrow::Cow;
use std::time::Duration;

#[derive(Deserialize)]
struct HttpMeta<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(borrow, default)]
    secret_headers: Vec<(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>)>,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
struct ValueMeta {
    key: String,
    #[serde(default)]
    session: String,
    ttl_ms: Option<u64>,
}

/// The operations that a run carries out, for connectors that may ask for them.
pub(crate) const OPERATIONS: [u32; 16] = [
    op::HTTP,
    op::BODY_READ,
    op::SLEEP,
    op::SECRET_GET,
    op::CLOSE,
    op::KV_GET,
    op::KV_PUT,
    op::LISTEN_ONCE,
    op::HEADERS,
    op::AGENT_TURN,
    op::DISPATCH,
    op::TOKEN,
    op::AGENT_MODELS,
    op::AGENT_COMMAND,
    op::ACCOUNT,
    op::SHOW,
];

/// The effect that `op` asks for; `Ok(None)` for a kind that this host does not know.
pub(super) fn effect(op: Op) -> Result<Option<Effect>, String> {
    let effect = match op.kind {
        op::HTTP => Effect::Http(described(&op.meta, to_bytes(op.body))?),
        op::SLEEP => Effect::Sleep(Duration::from_millis(op.arg)),
        op::SECRET_GET => Effect::Secret { name: text(&op.meta)? },
        op::KV_GET => {
            let meta: ValueMeta = json(&op.meta)?;
            Effect::Load { session: meta.session, key: meta.key }
        }
        op::KV_PUT => {
            let meta: ValueMeta = json(&op.meta)?;
            let ttl = meta.ttl_ms.map(Duration::from_millis);
            Effect::Store { session: meta.session, key: meta.key, ttl, value: to_bytes(op.body) }
        }
        op::DISPATCH => Effect::Dispatch { meta: to_bytes(op.meta), body: to_bytes(op.body) },
        op::AGENT_TURN => Effect::AgentTurn { meta: to_bytes(op.meta), body: to_bytes(op.body) },
        op::AGENT_MODELS => Effect::AgentModels { meta: to_bytes(op.meta) },
        op::AGENT_COMMAND => {
            Effect::AgentCommand { meta: to_bytes(op.meta), time: Duration::from_millis(op.arg) }
        }
        op::TOKEN => Effect::Token { meta: to_bytes(op.meta) },
        op::ACCOUNT => Effect::Account { lease: op.arg, meta: to_bytes(op.meta) },
        op::SHOW => Effect::Show { meta: to_bytes(op.meta) },
        op::LISTEN_ONCE => Effect::Listen { meta: to_bytes(op.meta) },
        _ => return Ok(None),
    };
    Ok(Some(effect))
}

/// The request that a library described as JSON.
pub(crate) fn described(meta: &[u8], body: Bytes) -> Result<HttpCall, String> {
    let meta: HttpMeta<'_> = json(meta)?;
    let method = Method::from_bytes(meta.method.as_bytes()).map_err(|e| e.to_string())?;
    let mut headers = HeaderMap::with_capacity(meta.headers.len() + meta.secret_headers.len() + 4);
    for (name, value) in &meta.headers {
        let (name, value) = header(name, value)?;
        headers.append(name, value);
    }
    let secret_header = |(name, prefix, secret): &(Cow<'_, str>, Cow<'_, str>, Cow<'_, str>)| {
        let name = header_name(name)?;
        Ok(SecretHeader { name, prefix: prefix.clone().into_owned(), secret: secret.clone().into_owned() })
    };
    let secret_headers = meta.secret_headers.iter().map(secret_header).collect::<Result<_, String>>()?;
    let (url, timeout) = (meta.url.into_owned(), meta.timeout_ms.map(Duration::from_millis));
    Ok(HttpCall { method, url, headers, secret_headers, timeout, body })
}

/// A header that a library wrote.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("header {name} holds characters that no header may hold"))?;
    Ok((header_name(name)?, value))
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "a header's name holds characters that no name may hold".to_owned())
}

fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|e| format!("the operation's parameters are wrong: {e}"))
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "the operation's parameter is no UTF-8".to_owned())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    message: String,
    hint: Option<String>,
    status: Option<u16>,
    retry_after_ms: Option<u64>,
    param: Option<String>,
    code: Option<String>,
}

const CODE_BYTES_MAX: usize = 64;
const MESSAGE_BYTES_MAX: usize = 4096;

/// The fault that a library's error stands for.
pub(crate) fn fault(error: &AbiError) -> Fault {
    let code = String::from_utf8_lossy(&error.code);
    let detail: Detail = serde_json::from_slice(&error.detail).unwrap_or_default();
    let mut message =
        if detail.message.is_empty() { format!("the connector failed ({code})") } else { detail.message };
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    }
    let status = detail.status.filter(|s| (400..=599).contains(s));
    let mut fault = match &*code {
        "upstream" => Fault::upstream(status.map_or(Kind::BadGateway, Kind::from_status), message),
        "auth" => Fault::upstream(Kind::Unauthorized, message),
        "rate_limited" => Fault::upstream(Kind::RateLimited, message),
        "timeout" => Fault::upstream(Kind::Timeout, message),
        "io" => Fault::upstream(Kind::BadGateway, message),
        "bad_request" => Fault::client(Kind::BadRequest, message),
        "not_found" => Fault::client(Kind::NotFound, message),
        "denied" => Fault::host(Kind::Forbidden, message).retry(Retry::Elsewhere),
        "unsupported" => Fault::plugin(Kind::Unsupported, message),
        "bad_config" => Fault::host(Kind::Unavailable, message).retry(Retry::Elsewhere),
        "panic" => {
            Fault::plugin(Kind::Internal, format!("the connector panicked: {message}")).code("plugin_panic")
        }
        _ => Fault::plugin(Kind::Internal, message),
    };
    if fault.side == Side::Upstream {
        fault.status = status;
    }
    if let Some(ms) = detail.retry_after_ms {
        fault.retry = Retry::After(Duration::from_millis(ms));
    }
    let is_word = |code: &String| {
        code.len() <= CODE_BYTES_MAX && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    if let Some(code) = detail.code.filter(is_word) {
        fault.code = Some(code.into());
    }
    fault.hint = detail.hint;
    fault.param = detail.param;
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_abi::Buf;

    fn http(meta: &str) -> Result<Option<Effect>, String> {
        let op = Op {
            id: 1,
            kind: op::HTTP,
            flags: 0,
            handle: 0,
            arg: 0,
            meta: meta.to_owned().into(),
            body: Buf::empty(),
        };
        effect(op)
    }

    #[test]
    fn http_parameters_are_typed() {
        let meta = r#"{"method":"POST","url":"https://x/y","headers":[["a","b\u0020c"]],"secret_headers":[["authorization","Bearer ","api_key"]],"later":1}"#;
        let Ok(Some(Effect::Http(call))) = http(meta) else { panic!("{:?}", http(meta)) };
        assert_eq!(call.headers["a"], "b c");
        assert_eq!(call.secret_headers[0].secret, "api_key");
    }

    #[test]
    fn operations_that_are_promised_are_done() {
        let is_known = |kind| {
            let empty = Buf::empty;
            let op = Op { id: 1, kind, flags: 0, handle: 0, arg: 0, meta: empty(), body: empty() };
            !matches!(effect(op), Ok(None)) || [op::BODY_READ, op::CLOSE, op::HEADERS].contains(&kind)
        };
        let known: Vec<u32> = (0..100).filter(|kind| is_known(*kind)).collect();
        assert_eq!(known, OPERATIONS);
    }

    #[test]
    fn hostile_parameters_are_sentences() {
        for meta in [
            "",
            "{}",
            "[]",
            r#"{"method":"P OST","url":""}"#,
            r#"{"method":"GET","url":"","headers":[["a\n","b"]]}"#,
            r#"{"method":"GET","url":"","headers":[["a","b\u000a"]]}"#,
        ] {
            assert!(http(meta).is_err(), "{meta}");
        }
    }

    #[test]
    fn error_codes_become_faults() {
        let fault_of = |code: &'static str, detail: &'static str| {
            fault(&AbiError { code: code.into(), detail: detail.into() })
        };
        assert_eq!(
            fault_of("upstream", r#"{"status":429,"message":"slow","retry_after_ms":1500}"#).retry,
            Retry::After(Duration::from_millis(1500))
        );
        assert_eq!(fault_of("upstream", r#"{"status":418}"#).status(), 418);
        assert_eq!(fault_of("upstream", r#"{"status":200}"#).status(), 502);
        let coded = fault_of("upstream", r#"{"status":502,"code":"phase_failed"}"#);
        assert_eq!(coded.code.as_deref(), Some("phase_failed"));
        assert_eq!(fault_of("upstream", r#"{"code":"a b"}"#).code, None);
        assert_eq!(fault_of("panic", r#"{"message":"boom"}"#).status(), 500);
        assert_eq!(fault_of("\u{1}", "garbage").status(), 500);
    }
}
