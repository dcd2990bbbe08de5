//! A simulated provider on a loopback port of the system's choice. Written from the wire, not from our own codecs.
use crate::deadline::within;
use crate::reply::{Act, Reply};
use crate::wire::{Buffer, Framing, Head, Headers, header};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
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

type Script = dyn Fn(&Recorded) -> Reply + Send + Sync;

#[derive(Default)]
struct Seen {
    requests: Vec<Recorded>,
    /// When clients went away before their reply was complete.
    hung_up: Vec<Instant>,
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
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("TCP_NODELAY");
                connections.spawn(serve(stream, Arc::clone(&script), Arc::clone(&record)));
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

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: Arc<watch::Sender<Seen>>) {
    let mut buffer = Buffer::default();
    loop {
        let (mut reader, mut writer) = stream.split();
        let Ok(Some(head)) = buffer.head(&mut reader).await else {
            return;
        };
        let (body, _) = head.framing(Framing::Length(0)).rest(&mut buffer, &mut reader).await;
        let request = recorded(head, body);
        let reply = script(&request);
        seen.send_modify(|seen| seen.requests.push(request));
        let after = tokio::select! {
            after = play(&reply, &mut writer) => after,
            () = peer_gone(&mut reader, &mut buffer) => After::HungUp,
        };
        match after {
            After::KeepAlive => {}
            After::Close => return,
            After::Reset => {
                stream.set_zero_linger().expect("SO_LINGER");
                return;
            }
            After::HungUp => {
                seen.send_modify(|seen| seen.hung_up.push(Instant::now()));
                return;
            }
        }
    }
}

fn recorded(head: Head, body: Vec<u8>) -> Recorded {
    let mut words = head.first_line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Recorded { head: head.raw, method, target, headers: head.headers, body }
}

enum After {
    KeepAlive,
    Close,
    Reset,
    HungUp,
}

async fn play(reply: &Reply, writer: &mut WriteHalf<'_>) -> After {
    for act in &reply.acts {
        match act {
            Act::Send(bytes) => {
                if writer.write_all(bytes).await.is_err() {
                    return After::HungUp;
                }
                tokio::task::yield_now().await;
            }
            Act::Hold(gate) => gate.passed().await,
            Act::Silence => std::future::pending().await,
            Act::Close => return After::Close,
            Act::Reset => return After::Reset,
        }
    }
    After::KeepAlive
}

/// Resolves when the peer closes or resets its side.
async fn peer_gone(reader: &mut ReadHalf<'_>, buffer: &mut Buffer) {
    while matches!(buffer.fill(reader).await, Ok(1..)) {}
}
