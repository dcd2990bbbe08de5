//! A simulated provider on a loopback port of the system's choice. Written from the wire, not from our own codecs.
use crate::deadline::within;
use crate::reply::{Act, Reply};
use crate::wire::{Buffer, Framing, Head, Headers, header};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A request as the provider received it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The head's bytes: order and case of the headers are the sender's.
    pub head: String,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers in their order and spelling.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The value of a header, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

pub(crate) type Script = dyn Fn(&Recorded) -> Reply + Send + Sync;

/// What happened to a provider.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: Vec<Recorded>,
    /// Replies that are under way.
    pub(crate) n_busy: usize,
    /// When clients went away before their reply was complete.
    pub(crate) hung_up: Vec<Instant>,
}

/// The provider. Ends with its last handle.
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<watch::Sender<Seen>>,
    _tasks: JoinSet<()>,
}

impl Upstream {
    /// A provider that answers every request with `reply`.
    pub async fn always(reply: Reply) -> Self {
        Self::by(move |_| reply.clone()).await
    }

    /// A provider that answers the first request with the first reply and so on; further ones get the last.
    pub async fn in_turn(replies: Vec<Reply>) -> Self {
        let next = Mutex::new(0);
        Self::by(move |_| {
            let mut next = next.lock().expect("a lock");
            let reply = replies[(*next).min(replies.len() - 1)].clone();
            *next += 1;
            reply
        })
        .await
    }

    /// A provider that looks at the request first.
    pub async fn by(script: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let (script, record): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&seen));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("TCP_NODELAY");
                let (script, record) = (Arc::clone(&script), Arc::clone(&record));
                connections.spawn(async move {
                    if serve(&mut stream, &*script, &record).await == Ended::Reset {
                        stream.set_zero_linger().expect("SO_LINGER");
                    }
                });
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.seen.borrow().requests.clone()
    }

    /// The newest request.
    pub fn last(&self) -> Recorded {
        self.seen.borrow().requests.last().cloned().expect("no request came")
    }

    /// Waits until `n` requests have come whole.
    pub async fn received(&self, n: usize) {
        let mut seen = self.seen.subscribe();
        let _ =
            within("a request to reach the provider", seen.wait_for(|seen| seen.requests.len() >= n)).await;
    }

    /// Waits until a client has gone away before its reply was complete, and says when.
    pub async fn hung_up(&self) -> Instant {
        let mut seen = self.seen.subscribe();
        let seen =
            within("the client of the provider to go away", seen.wait_for(|seen| !seen.hung_up.is_empty()))
                .await;
        seen.expect("the provider lives").hung_up[0]
    }
}

/// How a provider's connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    /// It is to be broken, not closed.
    Reset,
}

/// Answers every request that comes by `stream`.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    script: &Script,
    seen: &watch::Sender<Seen>,
) -> Ended {
    let mut buffer = Buffer::default();
    loop {
        let (mut reader, mut writer) = tokio::io::split(&mut *stream);
        let Ok(Some(head)) = buffer.head(&mut reader).await else {
            return Ended::Closed;
        };
        let (body, _) = head.framing(Framing::Length(0)).rest(&mut buffer, &mut reader).await;
        let request = recorded(head, body);
        let reply = script(&request);
        seen.send_modify(|seen| {
            seen.requests.push(request);
            seen.n_busy += 1;
        });
        let after = tokio::select! {
            after = play(&reply, &mut writer) => after,
            () = peer_gone(&mut reader, &mut buffer) => After::HungUp,
        };
        seen.send_modify(|seen| {
            seen.n_busy -= 1;
            if after == After::HungUp {
                seen.hung_up.push(tokio::time::Instant::now().into_std());
            }
        });
        match after {
            After::KeepAlive => {}
            After::Close | After::HungUp => return Ended::Closed,
            After::Reset => return Ended::Reset,
        }
    }
}

fn recorded(head: Head, body: Vec<u8>) -> Recorded {
    let mut words = head.first_line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Recorded { head: head.raw, method, target, headers: head.headers, body }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    KeepAlive,
    Close,
    Reset,
    HungUp,
}

async fn play(reply: &Reply, writer: &mut (impl AsyncWrite + Unpin)) -> After {
    for act in &reply.acts {
        match act {
            Act::Send(bytes) => {
                if writer.write_all(bytes).await.is_err() {
                    return After::HungUp;
                }
                tokio::task::yield_now().await;
            }
            Act::Hold(gate) => gate.passed().await,
            Act::Pause(time) => tokio::time::sleep(*time).await,
            Act::Silence => std::future::pending().await,
            Act::Close => return After::Close,
            Act::Reset => return After::Reset,
        }
    }
    After::KeepAlive
}

/// Resolves when the peer closes or resets its side.
async fn peer_gone(reader: &mut (impl AsyncRead + Unpin), buffer: &mut Buffer) {
    while matches!(buffer.fill(reader).await, Ok(1..)) {}
}
