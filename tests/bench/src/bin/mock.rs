//! A mock upstream that speaks every dialect, told by the path. What it answers is set out of band, so that every proxy
//! can be sent the very same request:
//!
//! `PUT /control/profile` a [`Profile`] as JSON · `GET /control/hung-up?after=N` waits until more than N streams were
//! cut off by their reader and answers `{"count", "at_ns"}`, the time of the last one.
use bench::speech::Speech;
use bench::{Failure, server, stamp};
use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// How the mock answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    /// Deltas of a stream; 0 for one JSON answer.
    deltas: u32,
    /// Microseconds from one delta to the next; 0 for all at once.
    gap_us: u64,
    /// Bytes of text in one answer, or in one delta.
    text_bytes: usize,
    /// A request with a smaller body is refused: a proxy must not lose any.
    request_bytes_min: usize,
}

/// How many streams were cut off by their reader, and when the last one was.
#[derive(Clone, Copy, Default)]
struct HungUp {
    count: u64,
    at_ns: u64,
}

struct State {
    profile: watch::Sender<Arc<Profile>>,
    hung_up: watch::Sender<HungUp>,
}

type Out = Either<Full<Bytes>, Deltas>;

// One thread: the cores are for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let profile = Profile { deltas: 0, gap_us: 0, text_bytes: 300, request_bytes_min: 1 };
    let state =
        Arc::new(State { profile: watch::Sender::new(Arc::new(profile)), hung_up: watch::Sender::default() });
    server::serve(0, move |request| answer(request, Arc::clone(&state))).await
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Response<Out> {
    let path = request.uri().path();
    match (request.method(), path) {
        (&Method::PUT, "/control/profile") => set_profile(request, &state).await,
        (&Method::GET, "/control/hung-up") => hung_up(request.uri().query(), &state).await,
        (&Method::POST, path) if let Some(speech) = Speech::of_path(path) => {
            turn(speech, request, &state).await
        }
        _ => json(StatusCode::NOT_FOUND, "{\"error\":{\"message\":\"no such route\"}}"),
    }
}

async fn set_profile(request: Request<Incoming>, state: &State) -> Response<Out> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    match serde_json::from_slice(&body.unwrap_or_default()) {
        Ok(profile) => {
            state.profile.send_replace(Arc::new(profile));
            json(StatusCode::OK, "{}")
        }
        Err(error) => json(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

async fn hung_up(query: Option<&str>, state: &State) -> Response<Out> {
    let after = query.and_then(|query| query.strip_prefix("after=")?.parse().ok());
    let mut seen = state.hung_up.subscribe();
    let wait = seen.wait_for(|seen| after.is_none_or(|after| seen.count > after));
    let now = match tokio::time::timeout(Duration::from_secs(5), wait).await {
        Ok(Ok(seen)) => *seen,
        _ => return json(StatusCode::GATEWAY_TIMEOUT, "no stream was cut off within 5 s"),
    };
    json(StatusCode::OK, format!("{{\"count\":{},\"at_ns\":{}}}", now.count, now.at_ns))
}

async fn turn(speech: Speech, request: Request<Incoming>, state: &Arc<State>) -> Response<Out> {
    let mut body = request.into_body();
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    let profile = Arc::clone(&state.profile.borrow());
    if bytes < profile.request_bytes_min {
        return json(
            StatusCode::BAD_REQUEST,
            format!("{{\"error\":{{\"message\":\"only {bytes} bytes came\"}}}}"),
        );
    }
    if profile.deltas == 0 {
        let text = stamp::of(stamp::now_ns()) + &"x".repeat(profile.text_bytes);
        return json(StatusCode::OK, speech.whole(&text));
    }
    let mut response = Response::new(Either::Right(Deltas::new(speech, profile, Arc::clone(state))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Out> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body of a stream: what begins it, the deltas, what ends it. Remembers when its reader hung up.
struct Deltas {
    speech: Speech,
    profile: Arc<Profile>,
    state: Arc<State>,
    fill: String,
    text: String,
    began: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    sent: u32,
    ended: bool,
}

impl Deltas {
    fn new(speech: Speech, profile: Arc<Profile>, state: Arc<State>) -> Self {
        let fill = "x".repeat(profile.text_bytes);
        let timer = (profile.gap_us > 0).then(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
        Self {
            speech,
            profile,
            state,
            fill,
            text: String::new(),
            began: Instant::now(),
            timer,
            sent: 0,
            ended: false,
        }
    }
}

impl http_body::Body for Deltas {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // The first delta waits for nothing: timers are late by up to a millisecond, and would hide what a proxy adds.
        if self.sent > 0
            && let Some(timer) = &mut self.timer
        {
            ready!(timer.as_mut().poll(cx));
        }
        let mut chunk = BytesMut::with_capacity(self.fill.len() + 512);
        if self.sent == 0 {
            chunk.put_slice(self.speech.head().as_bytes());
        }
        if self.sent < self.profile.deltas {
            let stamp = stamp::of(stamp::now_ns());
            self.speech.delta(&mut chunk, self.sent, &stamp, &self.fill);
            if self.speech == Speech::Responses {
                let Self { text, fill, .. } = &mut *self;
                text.extend([stamp.as_str(), fill]);
            }
            self.sent += 1;
            let due = self.began + Duration::from_micros(self.profile.gap_us) * self.sent;
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(due);
            }
        } else {
            chunk.put_slice(self.speech.end(self.sent, &self.text).as_bytes());
            self.ended = true;
        }
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }
}

impl Drop for Deltas {
    fn drop(&mut self) {
        if !self.ended {
            let at_ns = stamp::now_ns();
            self.state.hung_up.send_modify(|seen| *seen = HungUp { count: seen.count + 1, at_ns });
        }
    }
}
