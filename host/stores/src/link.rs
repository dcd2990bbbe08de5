//! One connection of a host to the shared state, for all of its turns: commands that are under way together travel together.
mod call;
mod dial;
mod driver;
mod keeper;
mod standing;

pub(crate) use call::{Call, both, millis};
pub use standing::Standing;

use crate::address::Address;
use crate::keys::Keys;
use driver::Moving;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, Script, ToRedisArgs, Value};
use standing::Counters;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// How long a command may take, and twice that at most where the server still answers others. Whoever exceeds it has lost the link, so that a
/// server that hangs delays each turn once.
pub const COMMAND_TIME: Duration = Duration::from_millis(250);
/// News that wait for a slow listener; it is told that it missed some.
const NEWS_MAX: usize = 256;

/// There is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The server cannot be reached at the moment, or did not answer in time. Whether the command was carried out is unknown.
    #[error("the shared state cannot be reached")]
    Away,
    /// The server answered that it will not. Its own words.
    #[error("the shared state refused a command: {0}")]
    Refused(String),
}

/// A host's link.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    runtime: Handle,
    keeper: JoinHandle<()>,
}

/// What link and keeper share.
pub(crate) struct Shared {
    address: Address,
    keys: Keys,
    connection: Mutex<Option<Open>>,
    counters: Counters,
    up: watch::Sender<bool>,
    /// Somebody has found the connection of this number to be dead.
    dead: watch::Sender<u64>,
    news: broadcast::Sender<Arc<str>>,
}

/// A connection, and which one it is.
#[derive(Clone)]
struct Open {
    nth: u64,
    connection: MultiplexedConnection,
    moving: Arc<Moving>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Link {
    /// A link whose keeper runs on `runtime`: it connects, and connects anew. A server that is away holds up nobody.
    pub fn open(address: Address, keys: Keys, runtime: &Handle) -> Arc<Self> {
        let shared = Arc::new(Shared {
            address,
            keys,
            connection: Mutex::default(),
            counters: Counters::default(),
            up: watch::Sender::new(false),
            dead: watch::Sender::new(0),
            news: broadcast::Sender::new(NEWS_MAX),
        });
        let keeper = runtime.spawn(keeper::keep(Arc::clone(&shared)));
        Arc::new(Self { shared, runtime: runtime.clone(), keeper })
    }

    /// Is the server there, as far as is known?
    pub fn is_up(&self) -> bool {
        *self.shared.up.borrow()
    }

    /// Wakes whenever the link comes or goes.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.shared.up.subscribe()
    }

    /// Where tasks run that work with it.
    pub const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// What makes keys.
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// Carries out a command whose keys have one tag.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn run(&self, command: &Cmd) -> Result<Value, Lost> {
        let Some(mut open) = self.shared.current() else { return Err(Lost::Away) };
        let _on_its_way = open.moving.carries();
        self.shared.answer(open.nth, call::asked(command, &mut open.connection).await)
    }

    /// Carries out a script whose `keys` have one tag. Scripts are sent once and then named by their hash.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn script<A: ToRedisArgs + Sync>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[A],
    ) -> Result<Value, Lost> {
        let mut call = Call::new(script, keys.len(), args.len());
        for key in keys {
            call.add(key);
        }
        for arg in args {
            call.add(arg);
        }
        self.carry_out(&call).await
    }

    /// As [`Self::script`].
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn carry_out(&self, call: &Call<'_>) -> Result<Value, Lost> {
        let Some(mut open) = self.shared.current() else { return Err(Lost::Away) };
        let _on_its_way = open.moving.carries();
        self.shared.answer(open.nth, call.carried_out(&mut open.connection).await)
    }

    /// Tells all hosts, this one too. A word of a few bytes, without secrets.
    ///
    /// # Errors
    /// Nobody was told.
    pub async fn tell(&self, word: &str) -> Result<(), Lost> {
        let channel = self.shared.keys.channel();
        self.run(redis::cmd("PUBLISH").arg(channel).arg(word)).await.map(drop)
    }

    /// What hosts tell from now on.
    pub fn news(&self) -> broadcast::Receiver<Arc<str>> {
        self.shared.news.subscribe()
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.shared.counters.standing(self.shared.address.shown(), self.is_up())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Shared {
    fn current(&self) -> Option<Open> {
        let open = self.connection.lock().clone();
        self.counters.asked(open.is_some());
        open
    }

    /// What came of a command, which the connection has given its time.
    fn answer<T>(&self, nth: u64, answered: Result<T, RedisError>) -> Result<T, Lost> {
        let error = match answered {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        self.counters.failed();
        if is_refusal(&error) {
            return Err(Lost::Refused(error.to_string()));
        }
        self.close(nth);
        Err(Lost::Away)
    }

    /// Nobody uses connection `nth` any more; the keeper makes another.
    fn close(&self, nth: u64) {
        let mut connection = self.connection.lock();
        if connection.as_ref().is_some_and(|open| open.nth == nth) {
            *connection = None;
        }
        drop(connection);
        self.dead.send_if_modified(|dead| std::mem::replace(dead, nth.max(*dead)) < nth);
    }
}

/// The server is there and can serve, but not this command.
fn is_refusal(error: &RedisError) -> bool {
    // A server that starts, follows another or has lost its master serves nobody for now: as if it were away.
    let unfit =
        [ErrorKind::BusyLoadingError, ErrorKind::ReadOnly, ErrorKind::MasterDown, ErrorKind::ClusterDown];
    let broken = error.is_io_error() || error.is_timeout() || error.is_connection_dropped();
    !broken && !unfit.contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    const LONG: Duration = Duration::from_secs(60);

    /// Answers who greets, and nothing else, until the connection ends.
    async fn greets(mut stream: TcpStream) -> String {
        let (mut bytes, mut heard) = ([0; 4096], String::new());
        while let Ok(n @ 1..) = stream.read(&mut bytes).await {
            let words = String::from_utf8_lossy(&bytes[..n]).into_owned();
            for word in words.split("\r\n") {
                let answer: &[u8] = match word {
                    "HELLO" => b"%1\r\n+server\r\n+redis\r\n",
                    "SETINFO" => b"+OK\r\n",
                    _ => continue,
                };
                stream.write_all(answer).await.expect("written");
            }
            heard += &words;
        }
        heard
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_only_greets_is_left_and_tried_again() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("redis://{}", server.local_addr().expect("bound"));
        let link = Link::open(Address::parse(&url).expect("an address"), Keys::new("t:"), &Handle::current());
        let mut n_left = 0;
        while n_left < 3 {
            let (stream, _) = timeout(LONG, server.accept()).await.expect("tried again").expect("accepted");
            let heard = timeout(LONG, greets(stream)).await.expect("the connection is ended");
            // Simulated time may be over before the network has brought it.
            n_left += usize::from(heard.contains("SUBSCRIBE"));
            assert!(!link.is_up());
        }
        assert_eq!(link.run(&redis::cmd("PING")).await, Err(Lost::Away));
    }
}
