//! Turns as the dashboard reads them. Times are milliseconds, `at` is in seconds of Unix time, what is unknown is null.
use events::attempt::Attempt;
use events::tokens::Tokens;
use events::turn::{SessionName, TurnBegan, TurnEnded};
use events::witness::UnderWay;
use serde_json::{Map, Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// A turn that is under way.
pub(super) fn open(turn: &dyn UnderWay) -> Value {
    let so_far = turn.so_far();
    let answerer =
        so_far.answered_by.and_then(|at| so_far.attempts.get(at)).or_else(|| so_far.attempts.last());
    let mut told = began(turn.began(), so_far.session, answerer, &so_far.attempts);
    told.insert("passed_ms".to_owned(), ms(so_far.passed).into());
    told.insert("bytes_out".to_owned(), so_far.bytes_out.into());
    Value::Object(told)
}

/// A turn that has ended.
pub(super) fn ended(turn: &TurnEnded) -> Value {
    let mut told = began(&turn.turn, turn.session, turn.charged(), &turn.attempts);
    let rest = [
        ("outcome", turn.outcome.name().into()),
        ("status", turn.status.into()),
        ("problem", turn.outcome.trouble().map(|trouble| trouble.message.as_str()).into()),
        ("kind", turn.outcome.trouble().map(|trouble| format!("{:?}", trouble.kind)).into()),
        ("code", turn.outcome.trouble().and_then(|trouble| trouble.code.as_deref()).into()),
        ("tokens", turn.tokens.as_ref().map_or(Value::Null, tokens)),
        ("bytes_out", turn.bytes_out.into()),
        ("first_output_ms", turn.first_output.map(ms).into()),
        ("lasted_ms", ms(turn.lasted).into()),
        ("overhead_us", u64::try_from(turn.overhead.as_micros()).ok().into()),
    ];
    told.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(told)
}

fn began(
    turn: &TurnBegan,
    session: Option<SessionName>,
    answerer: Option<&Attempt>,
    attempts: &[Attempt],
) -> Map<String, Value> {
    let fields = [
        ("id", turn.id.to_string().into()),
        ("at", turn.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().into()),
        ("dialect", turn.dialect.into()),
        ("what", turn.what.name().into()),
        ("caller", turn.caller.as_str().into()),
        ("model", turn.model.as_str().into()),
        ("stream", turn.stream.into()),
        ("bytes_in", turn.bytes_in.into()),
        ("session", session.map(|name| name.to_string()).into()),
        ("backend", answerer.map(|attempt| &*attempt.backend).into()),
        ("answering_model", answerer.map(|attempt| &*attempt.model).into()),
        ("attempts", attempts.iter().map(attempt).collect()),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "role": attempt.role.name(),
        "backend": &*attempt.backend,
        "model": &*attempt.model,
        "key": attempt.key,
        "began_ms": ms(attempt.began),
        "asked_ms": attempt.asked.map(ms),
        "heard_ms": attempt.heard.map(ms),
        "ended_ms": ms(attempt.ended),
        "outcome": attempt.outcome.name(),
        "problem": attempt.outcome.trouble().map(|trouble| trouble.message.as_str()),
        "status": attempt.outcome.trouble().map(|trouble| trouble.status),
        "losses": attempt.losses,
    })
}

fn tokens(tokens: &Tokens) -> Value {
    json!({
        "input": tokens.input,
        "output": tokens.output,
        "cached_input": tokens.cached_input,
        "cache_write": tokens.cache_write,
        "reasoning": tokens.reasoning,
    })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
