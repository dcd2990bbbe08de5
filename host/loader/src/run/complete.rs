//! Completions, as libraries are told of what they asked for.
use super::effect::Refusal;
use http::HeaderMap;
use lip_abi::{Buf, Completion, status};

pub(super) fn ok(id: u64) -> Completion {
    Completion { id, status: status::OK, flags: 0, handle: 0, arg: 0, meta: Buf::empty(), body: Buf::empty() }
}

pub(super) fn failed(id: u64, status: u32, sentence: impl Into<String>) -> Completion {
    Completion { status, meta: sentence.into().into(), ..ok(id) }
}

pub(super) const fn status_of(refusal: Refusal) -> u32 {
    match refusal {
        Refusal::Io => status::IO,
        Refusal::Timeout => status::TIMEOUT,
        Refusal::Denied => status::DENIED,
        Refusal::Unsupported => status::UNSUPPORTED,
    }
}

pub(super) fn headers_json(headers: &HeaderMap) -> Buf {
    let pairs: Vec<(&str, std::borrow::Cow<'_, str>)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    serde_json::to_vec(&pairs).unwrap_or_default().into()
}
