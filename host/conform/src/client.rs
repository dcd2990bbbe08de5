//! A client of any dialect: one request on a connection of its own, the answer read whole.
use crate::dialect::{Dialect, Mode};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// No answer of the corpus takes this long.
const TURN_MAX: Duration = Duration::from_secs(30);

/// The gateway in question.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    /// `host:port`.
    pub(crate) authority: String,
    /// What stands before every path, without a slash at its end.
    pub(crate) prefix: String,
    /// The key that clients present.
    pub(crate) key: String,
}

/// What a client got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The connection broke before the body's end.
    pub(crate) cut: bool,
}

impl Gateway {
    /// Reads `http://host:port/prefix`.
    pub(crate) fn parse(url: &str, key: String) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url}: expected http://host:port"))?;
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let authority =
            if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, prefix: format!("/{prefix}").trim_end_matches('/').to_owned(), key })
    }

    /// Sends a turn and reads all of its answer.
    ///
    /// # Errors
    /// No answer came.
    pub(crate) async fn turn(
        &self,
        dialect: Dialect,
        model: &str,
        mode: Mode,
        body: Bytes,
    ) -> Result<Got, String> {
        let path = format!("{}{}", self.prefix, dialect.client_path(model, mode));
        let mut request =
            Request::post(path).header("host", &self.authority).header("content-type", "application/json");
        for (name, value) in dialect.client_headers(&self.key) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|e| e.to_string())?;
        tokio::time::timeout(TURN_MAX, self.exchange(request))
            .await
            .map_err(|_| format!("no whole answer in {} s", TURN_MAX.as_secs()))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Got, String> {
        let stream =
            TcpStream::connect(&self.authority).await.map_err(|e| format!("{}: {e}", self.authority))?;
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        let connection = tokio::spawn(connection);
        let (head, mut body) = sender.send_request(request).await.map_err(|e| e.to_string())?.into_parts();
        let mut bytes = Vec::new();
        let mut cut = false;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                Err(_) => {
                    cut = true;
                    break;
                }
            }
        }
        connection.abort();
        Ok(Got { status: head.status.as_u16(), headers: head.headers, body: bytes.into(), cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_authority_and_prefix() {
        let gateway = |url: &str| Gateway::parse(url, String::new()).map(|g| (g.authority, g.prefix));
        assert_eq!(gateway("http://h:1/a/b/").unwrap(), ("h:1".to_owned(), "/a/b".to_owned()));
        assert_eq!(gateway("http://h").unwrap(), ("h:80".to_owned(), String::new()));
        assert!(gateway("https://h").is_err());
    }
}
