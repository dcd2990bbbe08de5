//! Asks the host that runs on this machine.
use base::Secret;
use bytes::Bytes;
use egress::{Call, Deadlines, Egress, Target};
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use settings::Resolved;
use std::net::IpAddr;

/// Holds a client key for commands that ask a running host.
const KEY_VARIABLE: &str = "LIP_CLIENT_KEY";
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Posts `question` to `/v1/diagnostics/<what>` of the host that these settings describe, or gets what is there.
///
/// # Errors
/// No host there, or its own error in words.
pub(crate) fn ask(settings: &Resolved, what: &str, question: Option<&Value>) -> Result<Value, String> {
    let (scheme, way) = way(settings)?;
    let url = format!("{scheme}://{}/v1/diagnostics/{what}", address(settings));
    let target = url.parse().map_err(|e| format!("{url}: {e}"))?;
    let target = Target::of(target, false).ok_or_else(|| format!("{url}: it names no host"))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("lip"));
    if let Some(key) = client_key(settings) {
        let bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
        let mut bearer =
            bearer.map_err(|_| "a client key holds characters that no header may hold".to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    let (method, body) = match question {
        Some(question) => (Method::POST, Bytes::from(question.to_string())),
        None => (Method::GET, Bytes::new()),
    };
    let call = Call { method, target, headers, body };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| e.to_string())?.block_on(async {
        let head = way.send(call, None).await.map_err(|fault| {
            let hint = match scheme {
                "https" => "is lip running there with the certificate of tls.cert? --host and --port name another place, SIGHUP has it read a renewed certificate",
                _ => "is lip running there? --host and --port name another place, --tls-cert the certificate of a host with TLS",
            };
            format!("no host answers: {}; {hint}", fault.message)
        })?;
        let body = Limited::new(head.body, ANSWER_BYTES_MAX).collect().await.map_err(|e| e.to_string())?;
        let answer: Value =
            serde_json::from_slice(&body.to_bytes()).map_err(|e| format!("the host's answer: {e}"))?;
        match answer.get("error").and_then(|error| error.get("message")).and_then(Value::as_str) {
            Some(message) => Err(message.to_owned()),
            None => Ok(answer),
        }
    })
}

/// How the host is spoken to: over TLS where it has a certificate, and then to the one that shows it.
fn way(settings: &Resolved) -> Result<(&'static str, Egress), String> {
    let Some(cert) = settings.tls_cert() else { return Ok(("http", Egress::new(Deadlines::default()))) };
    let name = cert.display();
    let pem = std::fs::read(cert).map_err(|e| format!("tls.cert: {name} cannot be read: {e}"))?;
    let way = Egress::to_own(&pem, Deadlines::default());
    Ok(("https", way.ok_or_else(|| format!("tls.cert: no certificate in PEM form stands in {name}"))?))
}

/// A key that the user has in a variable, or else one that stands in the configuration: of those that `lip keys` makes, only hashes
/// are kept.
fn client_key(settings: &Resolved) -> Option<Secret<String>> {
    let nearest = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()).map(Secret::new);
    nearest.or_else(|| settings.client_keys().into_iter().next())
}

/// Where it listens: this machine's own address where it listens on all.
fn address(settings: &Resolved) -> String {
    let (host, port) = (settings.host(), settings.port());
    match host.parse() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => format!("127.0.0.1:{port}"),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => format!("[::1]:{port}"),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        Ok(IpAddr::V4(_)) | Err(_) => format!("{host}:{port}"),
    }
}
