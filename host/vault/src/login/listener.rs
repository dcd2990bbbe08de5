//! A listener for one login: on this machine alone, for one path, until one answer with our state has come.
//!
//! RFC 8252 section 7.3 has the redirect; what the browser sees holds nothing of what it brought.
use super::callback::{self, NoCode};
use base::Secret;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// A request's head is no longer.
const HEAD_MAX: usize = 16 * 1024;
/// One connection may take so long. Browsers open some that they never use.
const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// So many connections at a time; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 32;

/// A listener that waits for one answer.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    port: u16,
    path: String,
}

/// What the browser sees in the end.
#[derive(Clone, Debug, Default)]
pub enum Done {
    /// A page that says so.
    #[default]
    Page,
    /// The provider's own page.
    Redirect(String),
}

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub enum NoLogin {
    /// No port is free.
    #[error(
        "none of the ports {ports} of this machine can be listened on ({why}): end the program that uses them, or paste the address by hand"
    )]
    NoPort {
        /// Those that were tried.
        ports: String,
        /// Why the last one could not.
        why: io::Error,
    },
    /// Nobody came back.
    #[error("nobody came back from the browser within {} s: log in again, or paste the address by hand", .0.as_secs())]
    TooLate(Duration),
    /// The server said no.
    #[error(transparent)]
    Refused(#[from] NoCode),
    /// The listener broke.
    #[error("the listener for the browser broke ({0}): log in again")]
    Broken(io::Error),
}

impl Listener {
    /// Listens on the first of `ports` that is free, on 127.0.0.1; 0 is any. `path` begins with a slash.
    ///
    /// # Errors
    /// None is free.
    pub async fn bind(ports: &[u16], path: &str) -> Result<Self, NoLogin> {
        let mut why = io::Error::from(io::ErrorKind::AddrInUse);
        for port in ports {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).await {
                Ok(socket) => {
                    let port = socket.local_addr().map_err(NoLogin::Broken)?.port();
                    return Ok(Self { socket, port, path: path.to_owned() });
                }
                Err(e) => why = e,
            }
        }
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        Err(NoLogin::NoPort { ports: ports.join(", "), why })
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The redirect address. `host`: `127.0.0.1` or `localhost`, as the client is registered.
    pub fn redirect_uri(&self, host: &str) -> String {
        format!("http://{host}:{}{}", self.port, self.path)
    }

    /// Waits for the answer to `state`, `time` at the most. Whatever is not it is answered with an error, and waiting goes on.
    ///
    /// # Errors
    /// The server said no, or nobody came.
    pub async fn wait(self, state: &str, done: &Done, time: Duration) -> Result<Secret<String>, NoLogin> {
        timeout(time, self.answers(state, done)).await.unwrap_or(Err(NoLogin::TooLate(time)))
    }

    /// Connections side by side: one that says nothing must not keep the others waiting. All of them close when this returns.
    async fn answers(&self, state: &str, done: &Done) -> Result<Secret<String>, NoLogin> {
        let mut open = FuturesUnordered::new();
        let mut n_failed = 0_u32;
        loop {
            tokio::select! {
                accepted = self.socket.accept(), if open.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => open.push(timeout(CONNECTION_MAX, self.serve(stream, state, done))),
                    // Out of files, most likely: it passes, or it does not.
                    Err(e) if n_failed >= 50 => return Err(NoLogin::Broken(e)),
                    Err(_) => {
                        n_failed += 1;
                        sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(served) = open.next(), if !open.is_empty() => {
                    if let Ok(Some(result)) = served {
                        return result.map_err(NoLogin::Refused);
                    }
                }
            }
        }
    }

    /// Answers one connection's one request. None: it was not the one.
    async fn serve(
        &self,
        mut stream: TcpStream,
        state: &str,
        done: &Done,
    ) -> Option<Result<Secret<String>, NoCode>> {
        let head = read_head(&mut stream).await?;
        let (reply, result) = self.decide(&head, state, done);
        // The browser may be gone already: what it brought counts all the same.
        let _ = stream.write_all(reply.as_bytes()).await;
        let _ = stream.shutdown().await;
        result
    }

    /// What a request is answered with, and what it brought.
    fn decide(
        &self,
        head: &str,
        state: &str,
        done: &Done,
    ) -> (String, Option<Result<Secret<String>, NoCode>>) {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != self.path {
            return (page("404 Not Found", "There is nothing here."), None);
        }
        if method != "GET" {
            return (page("405 Method Not Allowed", "There is nothing here."), None);
        }
        match callback::returned(query, state) {
            Ok(code) => (success(done), Some(Ok(code))),
            Err(refused @ NoCode::Refused(_)) => (
                page("200 OK", "The login was refused. You can close this tab; LIP says why."),
                Some(Err(refused)),
            ),
            Err(NoCode::WrongState | NoCode::Missing) => (
                page("400 Bad Request", "This is not the login that LIP waits for. Use the newest link."),
                None,
            ),
        }
    }
}

/// The head of a request; none if it is too long, or ends before its end.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 2048];
        let n_read = stream.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        head.extend_from_slice(chunk.get(..n_read)?);
        if head.len() > HEAD_MAX {
            let _ =
                stream.write_all(page("431 Request Header Fields Too Large", "Too long.").as_bytes()).await;
            return None;
        }
    }
    String::from_utf8(head).ok()
}

fn success(done: &Done) -> String {
    match done {
        Done::Page => page("200 OK", "You are logged in. You can close this tab and go back to LIP."),
        // A line break would begin another header.
        Done::Redirect(url) if url.bytes().all(|b| b.is_ascii_graphic()) => {
            format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\n{HEADERS}content-length: 0\r\n\r\n")
        }
        Done::Redirect(_) => page("200 OK", "You are logged in. You can close this tab."),
    }
}

/// Closed after each answer: a connection that a browser keeps would swallow the answer to the next login.
const HEADERS: &str = "connection: close\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\n\
    content-security-policy: default-src 'none'\r\nx-content-type-options: nosniff\r\n";

fn page(status: &str, text: &str) -> String {
    let body = format!("<!doctype html><meta charset=utf-8><title>LIP</title><p>{text}</p>\n");
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{HEADERS}content-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
