//! One keep-alive connection, and one exchange on it with its times.
use crate::Failure;
use crate::stamp::{Finder, now_ns};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub struct Target {
    uri: Uri,
    body: Bytes,
}

impl Target {
    /// `POST url` with a JSON `body`.
    ///
    /// # Errors
    /// The URL is none, or names no host.
    pub fn new(url: &str, body: Bytes) -> Result<Self, Failure> {
        let uri: Uri = url.parse()?;
        uri.authority().ok_or("the URL names no host")?;
        Ok(Self { uri, body })
    }

    fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

/// What one exchange showed. Times in nanoseconds.
#[derive(Debug)]
pub struct Seen {
    /// From the request to the first delta (or the whole answer, where that is one).
    pub first_ns: u64,
    /// From the request to the end of the answer.
    pub total_ns: u64,
    /// One-way times of the stamps.
    pub one_way_ns: Vec<u64>,
}

/// A connection. Dropping it closes the socket at once, also in the middle of an answer.
#[derive(Debug)]
pub struct Link {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Connects to the host of `target`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn open(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.authority()).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Sends the request and waits for the head of a good answer.
    ///
    /// # Errors
    /// The connection broke or the status is not 200.
    pub async fn send(&mut self, target: &Target) -> Result<Response<Incoming>, Failure> {
        let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(HOST, target.authority())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(target.body.clone()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if response.status() == 200 {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Err(format!("{status}: {}", String::from_utf8_lossy(&body[..body.len().min(300)])).into())
    }

    /// One exchange to its end. Adds every stamp to `arrived` when it comes.
    ///
    /// # Errors
    /// It failed, or showed another number of stamps than `stamps`.
    pub async fn exchange(
        &mut self,
        target: &Target,
        stamps: usize,
        arrived: &AtomicU64,
    ) -> Result<Seen, Failure> {
        let start = now_ns();
        let mut body = self.send(target).await?.into_body();
        let (mut finder, mut one_way_ns, mut first_ns) =
            (Finder::default(), Vec::with_capacity(stamps), None);
        while let Some(frame) = body.frame().await {
            let frame = frame?;
            let now = now_ns();
            let before = one_way_ns.len();
            finder.push(frame.data_ref().map_or(&[][..], |data| data), |sent| {
                one_way_ns.push(now.saturating_sub(sent))
            });
            arrived.fetch_add((one_way_ns.len() - before) as u64, Ordering::Relaxed);
            if first_ns.is_none() && !one_way_ns.is_empty() {
                first_ns = Some(now - start);
            }
        }
        let total_ns = now_ns() - start;
        if one_way_ns.len() != stamps {
            return Err(format!("{} deltas came, {stamps} were expected", one_way_ns.len()).into());
        }
        Ok(Seen { first_ns: first_ns.unwrap_or(total_ns), total_ns, one_way_ns })
    }

    /// Reads until the first stamp, then hangs up. Returns when it hung up, by [`now_ns`].
    ///
    /// # Errors
    /// The exchange failed before the first stamp.
    pub async fn hang_up_after_first(mut self, target: &Target) -> Result<u64, Failure> {
        let mut body = self.send(target).await?.into_body();
        let (mut finder, mut seen) = (Finder::default(), false);
        while !seen {
            let frame = body.frame().await.ok_or("the stream ended early")??;
            finder.push(frame.data_ref().map_or(&[][..], |data| data), |_| seen = true);
        }
        self.driver.abort();
        let at = now_ns();
        // The socket closes when the driver's future is dropped.
        let _ = (&mut self.driver).await;
        Ok(at)
    }
}
