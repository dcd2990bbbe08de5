//! What a refusal of Code Assist says: of the account, of the model's capacity, of the request.
//!
//! Source: google-gemini/gemini-cli, `packages/core/src/utils/googleQuotaErrors.ts` and `code_assist/setup.ts`.
use lip_plugin::{Error, Refusal, Value, Verdict, json};

/// Where Code Assist's errors come from.
const DOMAINS: [&str; 3] = [
    "cloudcode-pa.googleapis.com",
    "staging-cloudcode-pa.googleapis.com",
    "autopush-cloudcode-pa.googleapis.com",
];
/// What Google says of accounts that a person has to look after.
const SHUT_OUT: [&str; 7] = [
    "verify your account",
    "validate your account",
    "account has been suspended",
    "account has been disabled",
    "account is blocked",
    "suspicious activity",
    "confirm your identity",
];
/// A limit of this length belongs to each minute.
const MINUTE_MS: u64 = 60_000;
/// When capacity may be there again, if nothing is said.
const CAPACITY_MS: u64 = 5_000;

/// What a refusal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// Of the account, or nothing.
    Account(Verdict),
    /// The model is overloaded; no account is to blame.
    Capacity {
        /// Milliseconds until it is worth another try.
        retry_ms: u64,
    },
    /// The credits that the request allowed are used up.
    Credits,
    /// The project is not there, or does not let this account in.
    Project,
    /// Google serves nobody with this client any more, or not this account.
    NotServed,
}

/// Judges a refusal.
pub fn judge(refusal: &Refusal, now_ms: u64) -> Judged {
    let delay = refusal.retry_after_ms(now_ms);
    let cooling = |ms: Option<u64>| {
        Judged::Account(Verdict::Cooling { of_model: true, until_ms: ms.map(|ms| now_ms.saturating_add(ms)) })
    };
    let reason = refusal.reason();
    let is_capacity = reason.starts_with("MODEL_CAPACITY_") || refusal.says("no capacity available");
    match refusal.status {
        401 => Judged::Account(Verdict::TokenRefused),
        403 => forbidden(refusal),
        404 if refusal.says("requested entity was not found") => Judged::Project,
        429 | 499 | 500.. if is_capacity => Judged::Capacity { retry_ms: delay.unwrap_or(CAPACITY_MS) },
        429 | 499 | 503 if reason == "INSUFFICIENT_G1_CREDITS_BALANCE" => Judged::Credits,
        429 | 499 | 503 if reason == "QUOTA_EXHAUSTED" || refusal.says("limit: 0") || is_daily(refusal) => {
            cooling(delay)
        }
        429 | 499 | 503 if reason == "RATE_LIMIT_EXCEEDED" => cooling(delay),
        429 | 499 | 503 if violates(refusal, &["PerMinute"]) => cooling(Some(delay.unwrap_or(MINUTE_MS))),
        429 => cooling(delay),
        _ => Judged::Account(Verdict::Keep),
    }
}

fn forbidden(refusal: &Refusal) -> Judged {
    let info = refusal.details("google.rpc.ErrorInfo").find(|info| {
        let domain = info.get("domain").and_then(Value::as_str);
        domain.is_none_or(|domain| DOMAINS.contains(&domain))
            && info.get("reason") == Some(&json!("VALIDATION_REQUIRED"))
    });
    if let Some(info) = info {
        let link = || info.pointer("/metadata/validation_link").and_then(Value::as_str).map(str::to_owned);
        return Judged::Account(Verdict::Blocked { url: help(refusal).or_else(link) });
    }
    if ["SUBSCRIPTION_REQUIRED", "UNSUPPORTED_CLIENT"].contains(&refusal.reason()) {
        return Judged::NotServed;
    }
    if SHUT_OUT.iter().any(|words| refusal.says(words)) {
        return Judged::Account(Verdict::Blocked {
            url: help(refusal).or_else(|| link_in(&refusal.message())),
        });
    }
    match refusal.says("permission denied on resource project") {
        true => Judged::Project,
        false => Judged::Account(Verdict::Keep),
    }
}

/// The first link of google.rpc.Help.
fn help(refusal: &Refusal) -> Option<String> {
    let link = |help: &Value| help.pointer("/links/0/url").and_then(Value::as_str).map(str::to_owned);
    refusal.details("google.rpc.Help").find_map(link)
}

fn link_in(text: &str) -> Option<String> {
    let word =
        text.split_whitespace().map(|word| word.trim_matches(['(', ')', '<', '>', '"', '\'', '.', ',']));
    word.into_iter().find(|word| word.starts_with("https://")).map(str::to_owned)
}

fn is_daily(refusal: &Refusal) -> bool {
    violates(refusal, &["PerDay", "Daily"])
}

/// Does google.rpc.QuotaFailure name a quota with one of these words in its id?
fn violates(refusal: &Refusal, words: &[&str]) -> bool {
    let ids = refusal
        .details("google.rpc.QuotaFailure")
        .filter_map(|failure| failure.get("violations")?.as_array());
    let mut ids = ids.flatten().filter_map(|violation| violation.get("quotaId")?.as_str());
    ids.any(|id| words.iter().any(|word| id.contains(word)))
}

/// The error for the client, where no other account can help.
pub fn error(refusal: &Refusal, judged: &Judged, now_ms: u64) -> Error {
    let error = match judged {
        Judged::Capacity { retry_ms } => {
            Error::upstream(503, refusal.message()).client_code("overloaded").retry_after_ms(*retry_ms)
        }
        Judged::Account(Verdict::Cooling { .. }) | Judged::Credits => {
            let error = Error::upstream(429, refusal.message()).client_code("quota_exceeded");
            match refusal.retry_after_ms(now_ms) {
                Some(ms) => error.retry_after_ms(ms),
                None => error,
            }
        }
        Judged::Account(Verdict::Blocked { url }) => {
            let error = Error::upstream(403, refusal.message()).client_code("account_blocked");
            match url {
                Some(url) => error.hint(format!("Open {url}, and do what it asks for")),
                None => error.hint("See what Google asks for at https://myaccount.google.com"),
            }
        }
        Judged::NotServed => Error::upstream(403, refusal.message())
            .client_code("not_served")
            .hint("Google serves Code Assist to this account no longer with this client: use a Standard or Enterprise plan, \
                   the backend antigravity-oauth, or an API key with the backend gemini"),
        Judged::Project if refusal.status == 404 => {
            Error::upstream(404, refusal.message()).client_code("model_not_found")
        }
        Judged::Project => Error::upstream(403, refusal.message()).hint(
            "The project must have the API cloudaicompanion.googleapis.com, and the account the role \
             roles/cloudaicompanion.user in it",
        ),
        Judged::Account(Verdict::Keep | Verdict::TokenRefused) => {
            let error = refusal.error();
            match refusal.retry_after_ms(now_ms).filter(|_| refusal.status >= 500) {
                Some(ms) => error.retry_after_ms(ms),
                None => error,
            }
        }
    };
    match refusal.status {
        400 if refusal.says("version") && refusal.says("no longer supported") => {
            error.hint("Set client_version to that of the current Antigravity")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;

    fn info(reason: &str) -> Value {
        json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "cloudcode-pa.googleapis.com",
            "metadata": {"validation_link": "https://v.test"}})
    }

    fn refusal(status: u16, message: &str, details: Value) -> Refusal {
        let body = json!({"error": {"code": status, "message": message, "status": "X", "details": details}});
        Refusal::new(status, Vec::new(), body.to_string().as_bytes())
    }

    fn cooling(until_ms: Option<u64>) -> Judged {
        Judged::Account(Verdict::Cooling { of_model: true, until_ms })
    }

    #[test]
    fn refusals_are_judged() {
        let delay = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"});
        let quota = |id: &str| json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]}]);
        let keep = Judged::Account(Verdict::Keep);
        let blocked = |url: &str| Judged::Account(Verdict::Blocked { url: Some(url.to_owned()) });
        let help = json!([info("VALIDATION_REQUIRED"), {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"url": "https://h.test"}]}]);
        for (status, message, details, want) in [
            (400, "bad", json!([]), keep.clone()),
            (401, "old", json!([]), Judged::Account(Verdict::TokenRefused)),
            (403, "no", json!([]), keep.clone()),
            (403, "no", json!([info("VALIDATION_REQUIRED")]), blocked("https://v.test")),
            (403, "no", help, blocked("https://h.test")),
            (403, "no", json!([info("SUBSCRIPTION_REQUIRED")]), Judged::NotServed),
            (403, "Please verify your account at https://a.test.", json!([]), blocked("https://a.test")),
            (403, "Permission denied on resource project p.", json!([]), Judged::Project),
            (404, "Requested entity was not found.", json!([]), Judged::Project),
            (404, "no such method", json!([]), keep.clone()),
            (429, "slow", json!([]), cooling(None)),
            (429, "Please retry in 2s", json!([]), cooling(Some(3_000))),
            (429, "slow", json!([info("QUOTA_EXHAUSTED"), delay]), cooling(Some(4_500))),
            (429, "slow", json!([info("RATE_LIMIT_EXCEEDED")]), cooling(None)),
            (429, "slow", quota("GenerateRequestsPerDayPerProject"), cooling(None)),
            (429, "slow", quota("GenerateRequestsPerMinute"), cooling(Some(NOW + 60_000))),
            (503, "limit: 0", json!([]), cooling(None)),
            (429, "slow", json!([info("MODEL_CAPACITY_EXHAUSTED")]), Judged::Capacity { retry_ms: 5_000 }),
            (503, "No capacity available for model", json!([delay]), Judged::Capacity { retry_ms: 3_500 }),
            (429, "slow", json!([info("INSUFFICIENT_G1_CREDITS_BALANCE")]), Judged::Credits),
            (500, "oops", json!([]), keep),
        ] {
            assert_eq!(
                judge(&refusal(status, message, details.clone()), NOW),
                want,
                "{status} {message} {details}"
            );
        }
    }

    #[test]
    fn validation_is_asked_for_by_code_assist_only() {
        let mut other = info("VALIDATION_REQUIRED");
        other["domain"] = "other.googleapis.com".into();
        assert_eq!(judge(&refusal(403, "no", json!([other])), NOW), Judged::Account(Verdict::Keep));
    }
}
