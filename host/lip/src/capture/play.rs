//! Carries out one kept turn, and compares what its client would get with what it got.
use super::script::{MASKED, Player, headers_of};
use ::capture::record::{Head, How};
use ::capture::turn::Turn;
use base::hex;
use bytes::Bytes;
use frontends::{CarriedOut, Carrier};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;

/// Headers that a host writes anew for every answer: a measurement, and a number that counts up.
const OWN: [&str; 2] = ["x-lip-overhead-us", "x-request-id"];
/// How the host's own request ids begin; those of upstreams are theirs.
const OWN_ID: &[u8] = b"req-";
/// As many `*` may be a mask.
const MASK_BYTES_MIN: usize = 8;
/// Bytes that are shown on either side of a difference.
const SHOWN: usize = 48;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Played {
    /// The same bytes, so many.
    Same(usize),
    /// The first difference, in words.
    Differs(String),
    /// The first difference, under another configuration or with other libraries than then.
    Elsewhere(String),
    /// It cannot be carried out, for this reason.
    Refused(String),
}

/// The key of this caller, for this replay alone.
pub(super) fn key_of(caller: &str) -> String {
    format!("replayed-client:{}", hex(caller.as_bytes()))
}

/// Carries it out under this setup.
pub(super) async fn play(carrier: &Carrier, turn: &Turn, setup: &str) -> Played {
    if let Some(why) = refused(turn) {
        return Played::Refused(why);
    }
    let request = match request(turn) {
        Ok(request) => request,
        Err(error) => return Played::Refused(format!("its request cannot be read: {error}")),
    };
    let player = Arc::new(Player::new(turn));
    // Who was asked was ready, whatever other turns and the operator had done.
    for ask in turn.asks.values() {
        carrier.engine().reactivate(&ask.asked.backend);
    }
    let answering = carrier.carry_out(request, Arc::clone(&player) as _);
    let Some(head) = &turn.answer else {
        // Its client left before there was anything to compare.
        let patience = Duration::from_micros(turn.over.as_ref().map_or(0, |over| over.us));
        let _ = tokio::time::timeout(patience, answering).await;
        return Played::Same(0);
    };
    let (parts, body) = answering.await.into_parts();
    let wanted = turn.bytes();
    let got = collect(body, turn, wanted.len()).await;
    let compared = head_difference(head, parts.status.as_u16(), &parts.headers)
        .or_else(|| difference(&wanted, &got, turn.over.as_ref().map(|over| over.how)));
    match compared {
        None => Played::Same(wanted.len()),
        Some(difference) => {
            let (kept, strange) = (&turn.request.setup, player.strange());
            if !kept.is_empty() && kept != setup {
                return Played::Elsewhere(difference);
            }
            let hint = match strange.is_empty() {
                true => String::new(),
                false => format!("; it asked {}, which was not asked then", strange.join(", ")),
            };
            Played::Differs(format!("{difference}{hint}"))
        }
    }
}

fn refused(turn: &Turn) -> Option<String> {
    if !turn.is_whole() {
        return Some("a part of it is missing in the file".to_owned());
    }
    if turn.over.as_ref().is_some_and(|over| over.renewed) {
        return Some("its host was ended or its configuration renewed in the midst of it".to_owned());
    }
    let leased = turn.asks.values().find(|ask| ask.asked.leased)?;
    Some(format!(
        "backend \"{}\" answered with an account of a person, which no capture holds",
        leased.asked.backend
    ))
}

fn request(turn: &Turn) -> Result<Request<Bytes>, http::Error> {
    let kept = &turn.request;
    let mut request =
        Request::builder().method(kept.method.as_str()).uri(kept.url.as_str()).body(kept.body.0.clone())?;
    *request.headers_mut() = headers_of(&kept.headers);
    request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
    if !kept.caller.is_empty()
        && let Ok(key) = HeaderValue::try_from(format!("Bearer {}", key_of(&kept.caller)))
    {
        request.headers_mut().insert(AUTHORIZATION, key);
    }
    Ok(request)
}

/// What the client would get; of one who left, as much as it got.
async fn collect(mut body: CarriedOut, turn: &Turn, wanted: usize) -> Vec<u8> {
    let has_left = turn.over.as_ref().is_some_and(|over| over.how == How::Left);
    let mut got = Vec::new();
    while !(has_left && got.len() >= wanted) {
        match body.frame().await {
            Some(Ok(frame)) => got.extend_from_slice(frame.data_ref().map_or(&[][..], |bytes| bytes)),
            Some(Err(_)) | None => break,
        }
    }
    got
}

fn head_difference(kept: &Head, status: u16, headers: &HeaderMap) -> Option<String> {
    if kept.status != status {
        return Some(format!("the status was {} and is {status}", kept.status));
    }
    let is_own = |name: &str, value: &[u8]| {
        name == OWN[0] || (name == OWN[1] && value.starts_with(OWN_ID)) || value == MASKED
    };
    for (name, value) in kept.headers.iter().filter(|(name, value)| !is_own(name, &value.0)) {
        let now: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if !now.contains(&&value.0[..]) {
            let now: Vec<_> = now.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
            let before = String::from_utf8_lossy(&value.0);
            return Some(format!("the header {name} was {before:?} and is {now:?}"));
        }
    }
    let is_new = |name: &str| !kept.headers.iter().any(|(own, _)| own == name);
    let new = headers.keys().find(|name| is_new(name.as_str()))?;
    Some(format!("the header {new} is there and was not"))
}

fn difference(wanted: &[u8], got: &[u8], how: Option<How>) -> Option<String> {
    let at = match first_difference(wanted, got) {
        Some(at) => at,
        None if wanted.len() == got.len() => return None,
        None if how == Some(How::Left) && got.len() > wanted.len() => return None,
        None => wanted.len().min(got.len()),
    };
    let from = at.saturating_sub(SHOWN / 4);
    let side = |bytes: &[u8]| {
        let shown = bytes.get(from..bytes.len().min(from + SHOWN)).unwrap_or_default();
        format!("{:?}", String::from_utf8_lossy(shown))
    };
    Some(format!(
        "byte {at} of {}: from byte {from} on it was {} and is {}",
        wanted.len(),
        side(wanted),
        side(got)
    ))
}

/// The first byte that is another one, but for what was masked: nobody knows what stood there.
fn first_difference(wanted: &[u8], got: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += wanted.get(at..)?.iter().zip(got.get(at..)?).position(|(a, b)| a != b)?;
        let begin = wanted.get(..at)?.iter().rposition(|byte| *byte != b'*').map_or(0, |before| before + 1);
        let end = at + wanted.get(at..)?.iter().position(|byte| *byte != b'*').unwrap_or(wanted.len() - at);
        if end == at || end - begin < MASK_BYTES_MIN {
            return Some(at);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_difference_is_told_with_both_sides() {
        assert_eq!(difference(b"abc", b"abc", Some(How::Whole)), None);
        assert_eq!(difference(b"ab", b"abc", Some(How::Left)), None);
        let told = difference(b"abc", b"abX", Some(How::Whole)).expect("a difference");
        assert_eq!(told, "byte 2 of 3: from byte 0 on it was \"abc\" and is \"abX\"");
        // A secret that came in parts that nobody could know, and left in one.
        assert_eq!(difference(b"a ******** c ********", b"a k-123456 c k-654321", Some(How::Whole)), None);
        let told = difference(b"a ******** c", b"a k-123456 d", Some(How::Whole)).expect("a difference");
        assert!(told.starts_with("byte 11 of 12"), "{told}");
        assert!(difference(b"a ***** c", b"a 12345 c", Some(How::Whole)).is_some());
        assert!(difference(b"********", b"k-123456x", Some(How::Whole)).is_some());
        assert!(difference(b"abc", b"ab", Some(How::Whole)).expect("shorter").starts_with("byte 2 of 3"));
        assert!(difference(b"ab", b"abc", Some(How::Whole)).is_some());
    }
}
