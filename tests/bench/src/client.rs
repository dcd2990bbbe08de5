//! One keep-alive connection, and one exchange on it with its times.
use crate::Failure;
use crate::stamp::{Finder, now_ns};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Where the number of a conversation stands in a body, and that of its user in a header: between two `#`.
const MARK: &[u8] = b"#00000000#";
/// So many conversations are of one user.
const CONVERSATIONS_OF_A_USER: u64 = 800;

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub struct Target {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Target {
    /// `POST url` with a JSON `body` and `headers` of the form `name: value`.
    ///
    /// # Errors
    /// The URL is none, or names no host; a header is none.
    pub fn new(url: &str, body: Bytes, headers: &[String]) -> Result<Self, Failure> {
        let uri: Uri = url.parse()?;
        uri.authority().ok_or("the URL names no host")?;
        let mut found = HeaderMap::new();
        for header in headers {
            let (name, value) = header.split_once(": ").ok_or("a header is `name: value`")?;
            found.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
        }
        Ok(Self { uri, headers: found, body })
    }

    /// The same request in conversation `nth`, whose number stands in place of the first mark of the body. Marks in headers
    /// become the number of its user.
    ///
    /// # Errors
    /// The body has no mark.
    pub fn in_conversation(&self, nth: u64) -> Result<Self, Failure> {
        let body = numbered(&self.body, nth).ok_or("the body has no mark for a number")?;
        let mut headers = self.headers.clone();
        for value in headers.values_mut() {
            if let Some(bytes) = numbered(value.as_bytes(), nth / CONVERSATIONS_OF_A_USER) {
                *value = HeaderValue::from_bytes(&bytes)?;
            }
        }
        Ok(Self { uri: self.uri.clone(), headers, body: body.freeze() })
    }

    fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

/// `bytes` with `number` in place of the first mark; `None` without one.
fn numbered(bytes: &[u8], number: u64) -> Option<BytesMut> {
    let at = memchr::memmem::find(bytes, MARK)?;
    let mut bytes = BytesMut::from(bytes);
    let digits = format!("{:08}", number % 100_000_000);
    bytes.get_mut(at + 1..)?.get_mut(..digits.len())?.copy_from_slice(digits.as_bytes());
    Some(bytes)
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

    /// Has the other side left it open? Servers close connections that have been idle for a while.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends the request and waits for the head of a good answer.
    ///
    /// # Errors
    /// The connection broke or the status is not 200.
    pub async fn send(&mut self, target: &Target) -> Result<Response<Incoming>, Failure> {
        let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path)
            .header(HOST, target.authority())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(target.body.clone()))?;
        request.headers_mut().extend(target.headers.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn target(body: &'static str, headers: &[&str]) -> Result<Target, Failure> {
        let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
        Target::new("http://127.0.0.1:1/x", Bytes::from_static(body.as_bytes()), &headers)
    }

    #[test]
    fn each_conversation_has_a_number_and_its_user_too() {
        let found = target(r##"{"content":"#00000000# hello #00000000#"}"##, &["a: b: #00000000#", "c: d"])
            .and_then(|target| target.in_conversation(1_234_567));
        let expected = Bytes::from_static(br##"{"content":"#01234567# hello #00000000#"}"##);
        let values = |target: &Target| ["a", "c"].map(|name| target.headers.get(name).cloned());
        let found = found.map(|target| (values(&target), target.body));
        let headers = ["b: #00001543#", "d"].map(|value| Some(HeaderValue::from_static(value)));
        assert_eq!(found.ok(), Some((headers, expected)));
    }

    #[test]
    fn a_body_without_mark_and_a_header_without_value_are_told() {
        assert!(target("{}", &[]).is_ok_and(|target| target.in_conversation(1).is_err()));
        assert!(target("{}", &["a"]).is_err());
    }
}
