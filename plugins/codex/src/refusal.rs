//! What a refusal says of the account.
//!
//! Source: github.com/openai/codex, codex-rs/codex-api and core (error types of HTTP and of streams).
use lip_plugin::{Error, Refusal, Rotation, Value, Verdict, json};

/// Errors of a stream that mean the token.
const OF_TOKEN: [&str; 6] = [
    "token_invalidated",
    "token_expired",
    "token_revoked",
    "invalid_token",
    "unauthorized",
    "authentication_error",
];
/// Those that mean what the plan allows, of all models.
const OF_PLAN: [&str; 3] = ["usage_limit_reached", "usage_not_included", "insufficient_quota"];
const OF_RATE: &str = "rate_limit_exceeded";

/// An answer's status that may speak of the account, so that its body is read.
pub(crate) const fn may_be_of_account(status: u16) -> bool {
    matches!(status, 401 | 403 | 429)
}

pub(crate) fn judge(refusal: &Refusal, now_ms: u64) -> Verdict {
    match refusal.status {
        401 => Verdict::TokenRefused,
        // A page in HTML is a gateway's, which knows no accounts.
        403 if refusal.json.is_object() => Verdict::TokenRefused,
        429 => Verdict::Cooling {
            of_model: !OF_PLAN.iter().any(|code| names(refusal, code)),
            until_ms: until_ms(refusal, now_ms),
        },
        _ => Verdict::Keep,
    }
}

/// An error inside a stream as the refusal that it would have been as a status, if it speaks of the account.
pub(crate) fn of_stream(event: &Value) -> Option<Refusal> {
    let places = ["/response/error", "/error"];
    let error = places.iter().find_map(|place| event.pointer(place).filter(|error| error.is_object()));
    let error = error.unwrap_or(event);
    let refusal = Refusal::new(0, Vec::new(), json!({ "error": error }).to_string().as_bytes());
    let told = ["/status", "/status_code"].iter().find_map(|place| event.pointer(place)?.as_u64());
    let status = if OF_TOKEN.iter().any(|code| names(&refusal, code)) {
        401
    } else if OF_PLAN.iter().chain([&OF_RATE]).any(|code| names(&refusal, code)) {
        429
    } else {
        u16::try_from(told?).ok().filter(|status| may_be_of_account(*status))?
    };
    Some(Refusal { status, ..refusal })
}

/// The error for the client when no account is left to try.
pub(crate) fn told(rotation: &Rotation, refusal: &Refusal, now_ms: u64, instance: &str) -> Error {
    match judge(refusal, now_ms) {
        Verdict::TokenRefused if refusal.status == 401 => rotation.still_refused(refusal, instance),
        Verdict::Cooling { of_model, until_ms } => {
            let error = refusal.error().client_code(if of_model { OF_RATE } else { "usage_limit_reached" });
            match until_ms {
                Some(at) => error.retry_after_ms(at.saturating_sub(now_ms)),
                None => error,
            }
        }
        Verdict::TokenRefused | Verdict::Blocked { .. } | Verdict::Keep => refusal.error(),
    }
}

fn names(refusal: &Refusal, code: &str) -> bool {
    refusal.at("/error/type") == code || refusal.at("/error/code") == code
}

fn until_ms(refusal: &Refusal, now_ms: u64) -> Option<u64> {
    let number = |path: &str| refusal.json.pointer(path).and_then(Value::as_u64);
    let at = number("/error/resets_at").map(|seconds| seconds.saturating_mul(1000));
    let in_s = || Some(now_ms.saturating_add(number("/error/resets_in_seconds")?.saturating_mul(1000)));
    at.or_else(in_s).or_else(|| Some(now_ms.saturating_add(refusal.retry_after_ms(now_ms)?)))
}
