//! A login server whose refresh tokens serve once, and which remembers what it gave out and how often it was asked.
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::pending;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What goes wrong with the next refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The connection ends before the server has read the request.
    EofUnconsumed,
    /// The server renewed, and the connection ends before its answer.
    EofConsumed,
    /// The server renewed, and its answer never comes.
    Hangs,
    /// No connection.
    Unsent,
    /// 503.
    Status5xx,
    /// 200 with a page of a proxy.
    WrongJson,
    /// 429, with seconds to wait.
    TooMany(u64),
    /// The answer takes its time, in seconds.
    Slow(u64),
    /// The server renews at once, and its answer takes its time, in seconds.
    LateAnswer(u64),
    /// The same, and the old refresh token goes on.
    LateNoRotation(u64),
    /// The answer says when the token ends by the server's clock, which is wrong by so many ms.
    Skewed(i64),
    /// The answer has no refresh token: the old one goes on.
    NoRotation,
    /// The answer has the access token that was there before.
    SameAccess,
}

/// An answer of the token endpoint.
#[derive(Debug)]
pub(crate) enum Answer {
    Tokens { access: String, refresh: Option<String>, expires_in_ms: Option<u64>, expires_at_ms: Option<u64> },
    Eof,
    Unreachable,
    InvalidGrant,
    Status { retry_after_ms: Option<u64> },
    Nonsense,
}

/// How long an access token lives.
pub(crate) const LIFETIME_MS: u64 = 3_600_000;
/// The moment at which a test begins.
pub(crate) const BEGAN_MS: u64 = 1_800_000_000_000;

#[derive(Default)]
struct Inner {
    n_made: u64,
    /// Refresh token to its user; only those that are alive.
    alive: HashMap<String, String>,
    /// Access token to its end.
    access: HashMap<String, (u64, String)>,
    /// How often each refresh token was sent.
    sent: HashMap<String, u32>,
    mishaps: VecDeque<Mishap>,
    in_flight: BTreeMap<String, u32>,
    most_in_flight: u32,
    n_asked: u32,
    n_renewed: u32,
}

/// The server.
pub(crate) struct Server {
    began: Instant,
    inner: Mutex<Inner>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), inner: Mutex::default() }
    }

    /// The right time.
    pub(crate) fn now_ms(&self) -> u64 {
        BEGAN_MS + u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// A new login of `user`: access token, refresh token, end.
    pub(crate) fn login(&self, user: &str) -> (String, String, u64) {
        let now_ms = self.now_ms();
        let mut inner = self.inner.lock();
        let (access, refresh) = inner.make(user, now_ms);
        (access, refresh, now_ms + LIFETIME_MS)
    }

    pub(crate) fn next(&self, mishap: Mishap) {
        self.inner.lock().mishaps.push_back(mishap);
    }

    pub(crate) fn calm(&self) {
        self.inner.lock().mishaps.clear();
    }

    /// Whether the provider takes this access token now.
    pub(crate) fn accepts(&self, access: &str) -> bool {
        let now_ms = self.now_ms();
        self.inner.lock().access.get(access).is_some_and(|(end_ms, _)| now_ms < *end_ms)
    }

    /// The provider takes this access token no more.
    pub(crate) fn revoke(&self, access: &str) {
        self.inner.lock().access.remove(access);
    }

    /// The server takes no refresh token of `user` any more.
    pub(crate) fn forget(&self, user: &str) {
        self.inner.lock().alive.retain(|_, owner| owner != user);
    }

    /// When the newest access token of `user` ends.
    pub(crate) fn ends_ms(&self, user: &str) -> u64 {
        let inner = self.inner.lock();
        inner.access.values().filter(|(_, owner)| owner == user).map(|(end_ms, _)| *end_ms).max().unwrap_or(0)
    }

    /// The official client renews by itself. What it will write into its file.
    pub(crate) fn renew_as_client(&self, refresh: &str) -> (String, String, u64) {
        match self.answer(refresh, None) {
            Answer::Tokens { access, refresh, .. } => (access, refresh.unwrap(), self.now_ms() + LIFETIME_MS),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn n_asked(&self) -> u32 {
        self.inner.lock().n_asked
    }

    pub(crate) fn n_renewed(&self) -> u32 {
        self.inner.lock().n_renewed
    }

    /// The most refreshes of one user that ever ran side by side.
    pub(crate) fn most_in_flight(&self) -> u32 {
        self.inner.lock().most_in_flight
    }

    /// How often this refresh token was sent.
    pub(crate) fn n_sent(&self, refresh: &str) -> u32 {
        self.inner.lock().sent.get(refresh).copied().unwrap_or(0)
    }

    /// The most often that one refresh token was sent.
    pub(crate) fn most_sent(&self) -> u32 {
        self.inner.lock().sent.values().copied().max().unwrap_or(0)
    }

    pub(crate) fn is_alive(&self, refresh: &str) -> bool {
        self.inner.lock().alive.contains_key(refresh)
    }

    /// The token endpoint. `user`: whose account sends, for the count of what runs side by side.
    pub(crate) async fn refresh(&self, user: &str, refresh: &str) -> Answer {
        let mishap = {
            let mut inner = self.inner.lock();
            inner.n_asked += 1;
            *inner.sent.entry(refresh.to_owned()).or_default() += 1;
            let running = inner.in_flight.entry(user.to_owned()).or_default();
            *running += 1;
            inner.most_in_flight = (*running).max(inner.most_in_flight);
            inner.mishaps.pop_front()
        };
        let slow_ms = if let Some(Mishap::Slow(s)) = mishap { s * 1000 } else { 40 };
        sleep(Duration::from_millis(slow_ms)).await;
        let answer = self.answer(refresh, mishap);
        if let Some(Mishap::LateAnswer(s) | Mishap::LateNoRotation(s)) = mishap {
            sleep(Duration::from_secs(s)).await;
        }
        // Whoever gives up waiting leaves this at once, as a closed connection would.
        let _leaving = Leaving { server: self, user };
        if mishap == Some(Mishap::Hangs) {
            pending::<()>().await;
        }
        answer
    }

    fn answer(&self, refresh: &str, mishap: Option<Mishap>) -> Answer {
        match mishap {
            Some(Mishap::EofUnconsumed) => return Answer::Eof,
            Some(Mishap::Unsent) => return Answer::Unreachable,
            Some(Mishap::Status5xx) => return Answer::Status { retry_after_ms: None },
            Some(Mishap::TooMany(s)) => return Answer::Status { retry_after_ms: Some(s * 1000) },
            Some(Mishap::WrongJson) => return Answer::Nonsense,
            _ => {}
        }
        let now_ms = self.now_ms();
        let mut inner = self.inner.lock();
        let Some(user) = inner.alive.get(refresh).cloned() else { return Answer::InvalidGrant };
        inner.n_renewed += 1;
        if mishap == Some(Mishap::SameAccess) {
            let (access, _) = inner.access.iter().find(|(_, (_, owner))| *owner == user).unwrap();
            let access = access.clone();
            return Answer::Tokens {
                access,
                refresh: None,
                expires_in_ms: Some(LIFETIME_MS),
                expires_at_ms: None,
            };
        }
        let rotates = !matches!(mishap, Some(Mishap::NoRotation | Mishap::LateNoRotation(_)));
        if rotates {
            inner.alive.remove(refresh);
        }
        let (access, next) = inner.make(&user, now_ms);
        let told = Some(next).filter(|_| rotates);
        match mishap {
            Some(Mishap::EofConsumed) => Answer::Eof,
            Some(Mishap::Skewed(by)) => {
                let expires_at_ms = (now_ms + LIFETIME_MS).checked_add_signed(by);
                Answer::Tokens { access, refresh: told, expires_in_ms: None, expires_at_ms }
            }
            _ => Answer::Tokens {
                access,
                refresh: told,
                expires_in_ms: Some(LIFETIME_MS),
                expires_at_ms: None,
            },
        }
    }
}

/// One who waits for an answer.
struct Leaving<'a> {
    server: &'a Server,
    user: &'a str,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        *self.server.inner.lock().in_flight.get_mut(self.user).unwrap() -= 1;
    }
}

impl Inner {
    fn make(&mut self, user: &str, now_ms: u64) -> (String, String) {
        self.n_made += 1;
        let (access, refresh) =
            (format!("access-secret-{}", self.n_made), format!("refresh-secret-{}", self.n_made));
        self.access.insert(access.clone(), (now_ms + LIFETIME_MS, user.to_owned()));
        self.access.retain(|_, (end_ms, _)| *end_ms + LIFETIME_MS > now_ms);
        self.alive.insert(refresh.clone(), user.to_owned());
        (access, refresh)
    }
}
