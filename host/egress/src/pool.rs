//! Open connections that wait for their next request, by upstream.
use crate::line::Line;
use crate::target::Host;
use crate::transport::Streams;
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection waits for its next request.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// Time between two looks at what waits too long.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Connections of one upstream that may wait.
const WAITING_MAX: usize = 128;
/// How long a connection may have waited and still be used without another look at it: longer than this, and the upstream may
/// have closed it without the reactor having run since. A look costs a call to the system.
const TRUSTED_FOR: Duration = Duration::from_millis(1);

/// A way to an upstream.
pub(crate) enum Way {
    /// One request at a time.
    Line(Box<Line>),
    /// HTTP/2: any number.
    Shared(SendRequest<Full<Bytes>>),
}

#[derive(Default)]
struct Open {
    /// Longest waiting first.
    lines: VecDeque<(Box<Line>, Instant)>,
    shared: Option<(SendRequest<Full<Bytes>>, Instant)>,
}

impl Open {
    fn forget_before(&mut self, then: Instant) {
        let old = self.lines.iter().take_while(|(_, since)| *since < then).count();
        self.lines.drain(..old);
        self.shared.take_if(|(sender, used)| *used < then || sender.is_closed());
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.shared.is_none()
    }
}

/// The connections of all upstreams.
pub(crate) struct Pool {
    streams: Streams,
    open: Mutex<HashMap<Host, Open>>,
    is_swept: AtomicBool,
}

impl Pool {
    pub(crate) fn new(streams: Streams) -> Arc<Self> {
        Arc::new(Self { streams, open: Mutex::default(), is_swept: AtomicBool::new(false) })
    }

    /// A connection that waits for a request: the one that was used last, for the others may grow old and go. One that its
    /// upstream has closed meanwhile is passed over.
    pub(crate) fn waiting(&self, host: &Host) -> Option<Way> {
        loop {
            let (mut way, waited) = self.used_last(host)?;
            let is_good = match &mut way {
                Way::Line(line) => waited < TRUSTED_FOR || line.is_still_free(),
                Way::Shared(_) => true,
            };
            if is_good {
                return Some(way);
            }
        }
    }

    /// As [`Pool::waiting`], whatever has become of it, and how long it has waited.
    fn used_last(&self, host: &Host) -> Option<(Way, Duration)> {
        let mut all = self.open.lock();
        let open = all.get_mut(host)?;
        if let Some((sender, used)) = open.shared.as_mut() {
            if !sender.is_closed() {
                *used = Instant::now();
                return Some((Way::Shared(sender.clone()), Duration::ZERO));
            }
            open.shared = None;
        }
        let (line, since) = open.lines.pop_back()?;
        let waited = since.elapsed();
        if waited >= IDLE_MAX {
            open.lines.clear(); // the others have waited longer
            return None;
        }
        Some((Way::Line(line), waited))
    }

    /// A new connection.
    ///
    /// # Errors
    /// What the network, TLS or the peer say.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        host: &Host,
        url: Uri,
    ) -> Result<Way, Box<dyn Error + Send + Sync>> {
        let opened = self.streams.open(url, host.http1_only).await?;
        if !opened.is_h2 {
            return Ok(Way::Line(Box::new(Line::over(opened).await?)));
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let (sender, driver) = builder.timer(TokioTimer::new()).handshake(opened.stream).await?;
        // Ends when the last sender is gone and every answer has been read, or with its connection.
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an HTTP/2 connection broke");
            }
        });
        self.open.lock().entry(host.clone()).or_default().shared = Some((sender.clone(), Instant::now()));
        self.sweep_from_now_on();
        Ok(Way::Shared(sender))
    }

    /// Takes back a line whose answer has been read to its end.
    pub(crate) fn give_back(self: &Arc<Self>, host: &Host, mut line: Box<Line>) {
        if !line.is_free() {
            return;
        }
        {
            let mut all = self.open.lock();
            let open = match all.get_mut(host) {
                Some(open) => open,
                None => all.entry(host.clone()).or_default(),
            };
            if open.lines.len() >= WAITING_MAX {
                open.lines.pop_front();
            }
            open.lines.push_back((line, Instant::now()));
        }
        self.sweep_from_now_on();
    }

    /// One task per pool lets go of what waits too long; it ends with the pool.
    fn sweep_from_now_on(self: &Arc<Self>) {
        if self.is_swept.load(Ordering::Relaxed) || self.is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let pool: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                let Some(pool) = pool.upgrade() else { return };
                let Some(then) = Instant::now().checked_sub(IDLE_MAX) else { continue };
                pool.open.lock().retain(|_, open| {
                    open.forget_before(then);
                    !open.is_empty()
                });
            }
        });
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("hosts", &self.open.lock().len()).finish_non_exhaustive()
    }
}
