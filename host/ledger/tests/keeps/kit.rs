//! Turns to write.
use events::attempt::{Attempt, AttemptOutcome, Role};
use events::tokens::Tokens;
use events::trouble::Trouble;
use events::turn::{Outcome, SessionName, TurnBegan, TurnEnded, TurnId, What};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Microseconds of a day.
pub(crate) const DAY_US: u64 = 86_400_000_000;

/// The `n`th turn, begun `at_us` microseconds after the beginning of 1970.
pub(crate) fn turn(n: u64, at_us: u64) -> TurnEnded {
    let at = UNIX_EPOCH + Duration::from_micros(at_us);
    let began = TurnBegan {
        id: TurnId::new(at, 7, n),
        at,
        dialect: "openai-chat",
        what: What::Generate,
        caller: "ann".to_owned(),
        model: "best".to_owned(),
        stream: n.is_multiple_of(2),
        bytes_in: 100,
        parent: None,
    };
    let ms = Duration::from_millis;
    let tokens = Some(Tokens {
        input: Some(10),
        output: Some(5),
        cached_input: Some(4),
        cache_write: None,
        reasoning: Some(2),
    });
    TurnEnded {
        turn: Arc::new(began),
        session: Some(SessionName([n as u8; 16])),
        outcome: Outcome::Answered,
        status: 200,
        attempts: vec![
            attempt("bad", "m-a", AttemptOutcome::Failed(Box::new(trouble()))),
            Attempt { heard: Some(ms(20)), tokens, ..attempt("good", "m-b", AttemptOutcome::Answered) },
        ],
        answered_by: Some(1),
        tokens,
        bytes_out: 50,
        first_output: Some(ms(20 + n)),
        lasted: ms(30 + n),
        overhead: Duration::from_micros(n),
    }
}

pub(crate) fn trouble() -> Trouble {
    Trouble {
        side: base::Side::Upstream,
        kind: base::Kind::RateLimited,
        code: Some("slow_down".into()),
        status: 429,
        message: "slow down\0".to_owned(),
    }
}

pub(crate) fn attempt(backend: &str, model: &str, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        role: Role::Answer,
        backend: backend.into(),
        connector: backend.into(),
        model: model.into(),
        key: 0,
        is_metered: true,
        began: Duration::ZERO,
        asked: Some(Duration::from_millis(1)),
        heard: None,
        ended: Duration::from_millis(10),
        outcome,
        tokens: None,
        losses: vec!["sampling.top_k: no such option".to_owned()],
    }
}
