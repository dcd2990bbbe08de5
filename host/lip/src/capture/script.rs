//! The upstreams of a kept turn, as they answered then.
use ::capture::record::{Head, Headers, How, Trouble};
use ::capture::turn::{Ask, Turn};
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use events::wire::{Answering, Asked, Heard, Moment, Piece, Wire};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a header that holds a secret is kept as.
pub(super) const MASKED: &[u8] = b"***";

/// The wires of a kept turn.
#[derive(Debug)]
pub(super) struct Player {
    moment: Moment,
    rotation: Option<u64>,
    questions: AtomicU32,
    /// See [`Wire::passed_us`].
    passed: Arc<AtomicU64>,
    /// What it found of its machine, and has not been given yet.
    found: Mutex<Vec<(String, Bytes)>>,
    /// By which bounds it was refused.
    refused: Vec<(String, Trouble)>,
    /// Answers that were not given yet.
    asks: Mutex<Vec<Ask>>,
    /// What was asked that was not asked then.
    strange: Mutex<Vec<String>>,
}

impl Player {
    /// Plays this turn.
    pub(super) fn new(turn: &Turn) -> Self {
        let request = &turn.request;
        let now = UNIX_EPOCH + Duration::from_micros(request.at_us);
        Self {
            moment: Moment { now, seed: u128::from_str_radix(&request.seed, 16).unwrap_or_default() },
            rotation: turn.rotation,
            questions: AtomicU32::new(0),
            passed: Arc::default(),
            found: Mutex::new(turn.found.iter().map(|(of, data)| (of.clone(), data.0.clone())).collect()),
            refused: turn.refused.clone(),
            asks: Mutex::new(turn.asks.values().cloned().collect()),
            strange: Mutex::default(),
        }
    }

    /// The backends that were asked and were not asked then.
    pub(super) fn strange(&self) -> Vec<String> {
        self.strange.lock().clone()
    }

    /// The kept answer to this question: of the same attempt, else of the same backend.
    fn take(&self, asked: &Asked) -> Option<Ask> {
        let mut asks = self.asks.lock();
        let is_of_backend = |ask: &Ask| ask.asked.backend == asked.backend;
        let exact = asks.iter().position(|ask| is_of_backend(ask) && ask.asked.attempt == asked.attempt);
        let at = exact.or_else(|| asks.iter().position(is_of_backend))?;
        Some(asks.remove(at))
    }
}

impl Wire for Player {
    fn moment(&self) -> Moment {
        self.moment
    }

    fn tell(&self, _: Piece<'_>) {}

    fn passed_us(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    fn pass(&self, us: u64) {
        self.passed.fetch_max(us, Ordering::Relaxed);
    }

    fn next_question(&self) -> u32 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }

    fn rotation(&self, fresh: u64) -> u64 {
        self.rotation.unwrap_or(fresh)
    }

    fn find_instead(&self, of: &str) -> Option<Bytes> {
        let mut found = self.found.lock();
        // Nothing where it was not found then.
        let at = found.iter().position(|(own, _)| own == of);
        Some(at.map_or_else(Bytes::new, |at| found.remove(at).1))
    }

    fn refused_before(&self, by: &str) -> Option<Fault> {
        self.refused.iter().find(|(own, _)| own == by).map(|(_, fault)| fault.into())
    }

    fn answer_instead(&self, asked: &Asked) -> Option<Answering> {
        let Some(ask) = self.take(asked) else {
            self.strange.lock().push(asked.backend.clone());
            let fault = Fault::upstream(Kind::Unavailable, "the capture holds no answer to this question");
            return Some(Box::pin(std::future::ready(Err(fault.retry(Retry::Elsewhere)))));
        };
        self.pass(ask.asked.us);
        Some(Box::pin(answer(ask, Arc::clone(&self.passed))))
    }
}

async fn answer(ask: Ask, passed: Arc<AtomicU64>) -> Result<Heard, Fault> {
    let (began, asked_us) = (Instant::now(), ask.asked.us);
    let at = |us: u64| began + Duration::from_micros(us.saturating_sub(asked_us));
    let Some(Head { us, status, headers, .. }) = ask.heard else {
        return match ask.ended {
            Some(ended) if ended.how == How::Broke => {
                sleep_until(at(ended.us)).await;
                passed.fetch_max(ended.us, Ordering::Relaxed);
                Err(ended.fault.as_ref().map_or_else(unknown, Fault::from))
            }
            // Nobody waited for it then.
            Some(_) | None => std::future::pending().await,
        };
    };
    sleep_until(at(us)).await;
    passed.fetch_max(us, Ordering::Relaxed);
    let pieces = ask.came.into_iter().map(|piece| (piece.us, Said::Bytes(piece.data.0)));
    let mut left: VecDeque<(u64, Said)> = pieces.collect();
    let (end_us, end) = match ask.ended {
        None => (us, Said::Nothing),
        Some(ended) => match ended.how {
            How::Whole => (ended.us, Said::End),
            How::Left => (ended.us, Said::Nothing),
            How::Broke => (ended.us, Said::Fault(ended.fault.as_ref().map_or_else(unknown, Fault::from))),
        },
    };
    left.push_back((end_us, end));
    let left = left.into_iter().map(|(us, said)| (at(us), us, said)).collect();
    let body = Box::pin(Playing { left, passed, timer: None });
    Ok(Heard { status, headers: headers_of(&headers), body })
}

fn unknown() -> Fault {
    Fault::upstream(Kind::BadGateway, "the upstream's answer broke off")
}

/// Headers as they were kept, without those that were masked.
pub(super) fn headers_of(kept: &Headers) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(kept.len());
    for (name, value) in kept.iter().filter(|(_, value)| &value.0[..] != MASKED) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value.0)) {
            headers.append(name, value);
        }
    }
    headers
}

#[derive(Debug)]
enum Said {
    Bytes(Bytes),
    End,
    Fault(Fault),
    /// No more was heard of it.
    Nothing,
}

/// A body, piece by piece, each when it came.
struct Playing {
    /// When each comes, by the clock and in the turn's time.
    left: VecDeque<(Instant, u64, Said)>,
    passed: Arc<AtomicU64>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Body for Playing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some((at, us, _)) = self.left.front() else { return Poll::Ready(None) };
        let (at, us) = (*at, *us);
        if at > Instant::now() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            ready!(timer.as_mut().poll(cx));
        }
        self.timer = None;
        if let Some((.., Said::Nothing)) = self.left.front() {
            return Poll::Pending;
        }
        self.passed.fetch_max(us, Ordering::Relaxed);
        match self.left.pop_front() {
            None | Some((.., Said::End | Said::Nothing)) => Poll::Ready(None),
            Some((.., Said::Bytes(bytes))) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some((.., Said::Fault(fault))) => Poll::Ready(Some(Err(fault))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.left.front(), None | Some((.., Said::End)))
    }
}
