//! What a refusal means: for the account, for the model, for the request. The order of the checks is that of Amazon's own client: the context
//! is too long, the model has no capacity, too many requests, the month is used up.
use lip_plugin::{Error, Refusal, Value, Verdict, time};

/// Milliseconds after which a model that had no capacity may have some.
const CAPACITY_MS: u64 = 5_000;
/// The longest message that is looked through for a reason.
const MESSAGE_BYTES_MAX: usize = 200;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;

/// How long an account rests whose month is used up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Monthly {
    /// Always so long; else until the next month.
    pub(crate) fixed_ms: Option<u64>,
    pub(crate) min_ms: u64,
    pub(crate) max_ms: Option<u64>,
}

impl Default for Monthly {
    fn default() -> Self {
        Self { fixed_ms: None, min_ms: DAY_MS, max_ms: None }
    }
}

impl Monthly {
    /// Until when. `reset_ms`: the date that Kiro has named.
    pub(crate) fn until(self, now_ms: u64, reset_ms: Option<u64>) -> u64 {
        let capped = |ms: u64| self.max_ms.map_or(ms, |max| ms.min(max));
        if let Some(ms) = self.fixed_ms {
            return now_ms.saturating_add(capped(ms));
        }
        if let Some(reset) = reset_ms.filter(|reset| *reset > now_ms) {
            return now_ms.saturating_add(capped(reset - now_ms));
        }
        let ms = time::next_month(now_ms).saturating_sub(now_ms).max(self.min_ms);
        now_ms.saturating_add(capped(ms))
    }
}

/// What a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The conversation does not fit.
    TooLong,
    /// The model has no room now, for nobody.
    Capacity,
    /// The month, or what stands for it, is used up.
    Month,
    /// The quota of a shorter time is used up.
    Quota(Span),
    /// Too fast.
    Rate,
    /// The token is not taken.
    Token,
    /// A person has to do something.
    Blocked,
    /// The host wants another form, or another profile.
    Form,
    /// The signature of earlier reasoning is not taken.
    Signature,
    /// There is no such model.
    Model,
    /// Anything else.
    Other,
}

/// The time of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Hour,
    Day,
    Week,
}

/// The type of an error: of the body or of the header.
fn kind(refusal: &Refusal) -> &str {
    let told = [refusal.at("/__type"), refusal.header("x-amzn-errortype").unwrap_or_default()];
    let word = |text: &'_ str| -> usize { text.find(':').unwrap_or(text.len()) };
    let found = told.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let name = found.rsplit('#').next().unwrap_or_default();
    name.get(..word(name)).unwrap_or_default()
}

pub(crate) fn meaning(refusal: &Refusal) -> Meaning {
    let (status, reason, kind) = (refusal.status, refusal.at("/reason"), kind(refusal));
    // Older hosts say the reason in the message. A long one quotes the request, which may speak of anything.
    let message = refusal.message();
    let words = if reason.is_empty() && message.len() <= MESSAGE_BYTES_MAX { message.as_str() } else { "" };
    let is_reason = |reasons: &[&str]| reasons.iter().any(|own| reason == *own || words.contains(own));
    let says = |words: &[&str]| words.iter().any(|own| refusal.says(own));
    if is_reason(&["CONTENT_LENGTH_EXCEEDS_THRESHOLD"])
        || says(&["input is too long", "context window is full"])
    {
        return Meaning::TooLong;
    }
    let no_capacity = ["INSUFFICIENT_MODEL_CAPACITY", "MODEL_TEMPORARILY_UNAVAILABLE"];
    if is_reason(&no_capacity) || says(&["unexpectedly high load"]) || kind == "ServiceUnavailableException" {
        return Meaning::Capacity;
    }
    if status < 500 {
        if is_reason(&["HOURLY_REQUEST_COUNT"]) {
            return Meaning::Quota(Span::Hour);
        }
        if is_reason(&["DAILY_REQUEST_COUNT"]) {
            return Meaning::Quota(Span::Day);
        }
        if is_reason(&["WEEKLY_REQUEST_COUNT"]) {
            return Meaning::Quota(Span::Week);
        }
        let month = [
            "MONTHLY_REQUEST_COUNT",
            "OVERAGE_REQUEST_LIMIT_EXCEEDED",
            "CONVERSATION_LIMIT_EXCEEDED",
            "USAGE_LIMIT_REACHED",
        ];
        if is_reason(&month) || status == 402 || kind == "ServiceQuotaExceededException" {
            return Meaning::Month;
        }
    }
    match status {
        429 => Meaning::Rate,
        401 => Meaning::Token,
        403 => forbidden(refusal, reason),
        400 if is_reason(&["THINKING_SIGNATURE_INVALID"]) => Meaning::Signature,
        400 if is_reason(&["INVALID_MODEL_ID"]) => Meaning::Model,
        400 if is_reason(&["REQUEST_BODY_INVALID"])
            || says(&["profilearn is required", "improperly formed request"]) =>
        {
            Meaning::Form
        }
        404 | 405 => Meaning::Form,
        _ => Meaning::Other,
    }
}

fn forbidden(refusal: &Refusal, reason: &str) -> Meaning {
    let says = |words: &[&str]| words.iter().any(|own| refusal.says(own));
    let blocked = [
        "temporarily_suspended",
        "suspended",
        "to continue, validate",
        "verify your account",
        "validate your account",
        "account is blocked",
        "suspicious activity",
        "confirm your identity",
    ];
    if reason == "TEMPORARILY_SUSPENDED" || says(&blocked) {
        return Meaning::Blocked;
    }
    if reason == "FEATURE_NOT_SUPPORTED"
        || says(&["not authorized to make this call", "is not supported for this operation"])
    {
        return Meaning::Form;
    }
    Meaning::Token
}

/// What the refusal is for the account. `reset_ms`: the date that Kiro has named for a month that is used up.
pub(crate) fn verdict(
    refusal: &Refusal,
    meaning: Meaning,
    monthly: Monthly,
    now_ms: u64,
    reset_ms: Option<u64>,
) -> Verdict {
    let hint = refusal.retry_after_ms(now_ms).map(|ms| now_ms.saturating_add(ms));
    let cooling = |until_ms| Verdict::Cooling { of_model: false, until_ms };
    match meaning {
        Meaning::Token => Verdict::TokenRefused,
        Meaning::Month => cooling(Some(monthly.until(now_ms, reset_ms.or(hint)))),
        Meaning::Quota(span) => cooling(hint.or(Some(match span {
            Span::Hour => now_ms.saturating_add(HOUR_MS),
            Span::Day => time::next_day(now_ms),
            Span::Week => now_ms.saturating_add(7 * DAY_MS),
        }))),
        // Without a hint the vault knows how long.
        Meaning::Rate => cooling(hint),
        Meaning::Blocked => Verdict::Blocked { url: first_url(&refusal.message()) },
        // Its own profile is not taken anywhere.
        Meaning::Form if refusal.status == 403 => Verdict::Blocked { url: None },
        Meaning::TooLong
        | Meaning::Capacity
        | Meaning::Form
        | Meaning::Signature
        | Meaning::Model
        | Meaning::Other => Verdict::Keep,
    }
}

fn first_url(text: &str) -> Option<String> {
    let from = text.find("https://")?;
    let url = text.get(from..)?.split(|c: char| c.is_whitespace() || "\"'<>)".contains(c)).next()?;
    Some(url.trim_end_matches(['.', ',']).to_owned())
}

/// What the client is told.
pub(crate) fn error(refusal: &Refusal, meaning: Meaning, until_ms: Option<u64>, now_ms: u64) -> Error {
    let message = refusal.message();
    let message = if message.is_empty() { format!("Kiro answered {}", refusal.status) } else { message };
    let wait = |error: Error| match until_ms
        .or_else(|| refusal.retry_after_ms(now_ms).map(|ms| now_ms.saturating_add(ms)))
    {
        Some(until) => error.retry_after_ms(until.saturating_sub(now_ms)),
        None => error,
    };
    match meaning {
        Meaning::TooLong => Error::upstream(400, message).client_code("context_length_exceeded"),
        Meaning::Capacity => {
            let ms = refusal.retry_after_ms(now_ms).unwrap_or(CAPACITY_MS);
            Error::upstream(503, message).client_code("overloaded").retry_after_ms(ms)
        }
        Meaning::Month | Meaning::Quota(_) => {
            wait(Error::upstream(429, message).client_code("quota_exceeded"))
        }
        Meaning::Rate => wait(Error::upstream(429, message).client_code("rate_limit_exceeded")),
        Meaning::Token => Error::upstream(401, message),
        Meaning::Blocked => Error::upstream(403, message),
        Meaning::Model => Error::upstream(404, message).client_code("model_not_found"),
        Meaning::Form | Meaning::Signature | Meaning::Other => {
            let status = if refusal.status < 400 { 502 } else { refusal.status };
            wait(Error::upstream(status, message))
        }
    }
}

/// The refusal that a message inside of an answer stands for.
pub(crate) fn of_message(kind: &str, payload: &[u8]) -> Refusal {
    let name = kind.rsplit('#').next().unwrap_or_default().to_ascii_lowercase();
    let status = match name.trim_end_matches("exception").trim_end_matches("error") {
        "throttling" | "toomanyrequests" => 429,
        "servicequotaexceeded" => 402,
        "accessdenied" => 403,
        "unauthorized" | "expiredtoken" => 401,
        "validation" | "conflict" | "resourcenotfound" | "invalidstateevent" => 400,
        "serviceunavailable" => 503,
        _ => 500,
    };
    let mut refusal = Refusal::new(status, Vec::new(), payload);
    refusal.headers.push(("x-amzn-errortype".to_owned(), kind.to_owned()));
    refusal
}

/// The date at which a month begins anew, in the answer of `getUsageLimits`.
pub(crate) fn reset_ms(limits: &Value) -> Option<u64> {
    let told = limits.get("nextDateReset")?;
    let seconds = told.as_u64().or_else(|| told.as_f64().filter(|s| *s > 0.0).map(|s| s as u64))?;
    Some(seconds.saturating_mul(1000))
}
