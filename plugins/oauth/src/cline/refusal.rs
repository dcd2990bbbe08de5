//! What Cline's refusals say of the account.
//!
//! Source: github.com/cline/cline (error parsing of its provider).
use crate::credential::{hinted, used_up};
use lip_plugin::{Error, Refusal, Value, Verdict, serde_json, time};

enum Said {
    Credits,
    Spend,
    /// Of one model, for today.
    FreeLimit,
    PassLimit,
    Subscription,
    PromotionOver,
    Nothing,
}

fn said(refusal: &Refusal) -> Said {
    let code = code(refusal);
    match &*code {
        "insufficient_credits" => return Said::Credits,
        "SPEND_LIMIT_EXCEEDED" => return Said::Spend,
        "INFERENCE_CAP_ERROR" => return Said::PassLimit,
        _ => {}
    }
    let any = |all: &[&str]| all.iter().all(|words| refusal.says(words));
    if refusal.status == 402 {
        Said::Credits
    } else if any(&["free limit reached on model"]) {
        Said::FreeLimit
    } else if any(&["you have reached your", "clinepass limit"]) {
        Said::PassLimit
    } else if any(&["not subscribed to required model plan"])
        || any(&["organization accounts cannot use individual model inference subscriptions"])
    {
        Said::Subscription
    } else if any(&["model not found", "cline-free/"]) {
        Said::PromotionOver
    } else {
        Said::Nothing
    }
}

pub(crate) fn judge(refusal: &Refusal, _model: &str, now_ms: u64) -> Verdict {
    let hint = hinted(refusal, now_ms);
    match (said(refusal), refusal.status) {
        (Said::Credits | Said::Subscription | Said::PromotionOver, _) => Verdict::Keep,
        (Said::Spend, _) => Verdict::Cooling { of_model: false, until_ms: resets_at(refusal).or(hint) },
        (Said::FreeLimit, _) => Verdict::Cooling { of_model: true, until_ms: hint },
        (Said::PassLimit, _) => Verdict::Cooling { of_model: false, until_ms: hint },
        (Said::Nothing, 401) => Verdict::TokenRefused,
        (Said::Nothing, 429) => Verdict::Cooling { of_model: true, until_ms: hint },
        (Said::Nothing, _) => Verdict::Keep,
    }
}

/// The client's error.
pub(crate) fn told(refusal: &Refusal, now_ms: u64) -> Error {
    let words = words(refusal);
    let error = |status, code| Error::upstream(status, &words).client_code(code);
    match (said(refusal), judge(refusal, "", now_ms)) {
        (Said::Credits, _) => error(402, "insufficient_credits").hint("Buy credits at app.cline.bot"),
        (Said::Subscription, _) => error(403, "permission_error"),
        (Said::PromotionOver, _) => error(404, "model_not_found").hint("The promotion of this model is over"),
        (Said::Nothing, Verdict::Cooling { until_ms, .. }) => {
            used_up(refusal, "rate_limit_exceeded", until_ms, now_ms)
        }
        (_, Verdict::Cooling { until_ms, .. }) => used_up(refusal, "quota_exceeded", until_ms, now_ms),
        (_, Verdict::Keep | Verdict::TokenRefused | Verdict::Blocked { .. }) => {
            Error::upstream(refusal.status, words)
        }
    }
}

/// The error itself, which may be a text of JSON.
fn error_of(refusal: &Refusal) -> Value {
    let error = refusal.json.get("error").unwrap_or(&refusal.json);
    let inner = error.as_str().and_then(|text| serde_json::from_str(text).ok());
    inner.filter(Value::is_object).unwrap_or_else(|| error.clone())
}

fn code(refusal: &Refusal) -> String {
    let error = error_of(refusal);
    let text = |error: &Value, key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
    text(&error, "code")
        .or_else(|| text(&error, "type"))
        .or_else(|| text(&refusal.json, "code"))
        .unwrap_or_default()
}

fn words(refusal: &Refusal) -> String {
    let error = error_of(refusal);
    let inner = error.get("message").and_then(Value::as_str).filter(|words| !words.is_empty());
    inner.map_or_else(|| refusal.message(), str::to_owned)
}

fn resets_at(refusal: &Refusal) -> Option<u64> {
    time::from_rfc3339(error_of(refusal).get("resets_at")?.as_str()?)
}
