//! Lets clients in: finds the key wherever an official SDK of any dialect puts one, shuts out who guesses, and bounds what one client
//! may use. What is decided here is decided by `access`; this is its clock and its ear.
mod meters;
pub(crate) mod shown;
mod together;

use access::{Client, Clients, KeyHash, Sight, Strangers, Throttle, ThrottleRules};
use arc_swap::ArcSwap;
use base::{Fault, Kind, Retry, Secret};
use events::turn::TurnEnded;
use events::witness::Witness;
use http::request::Parts;
use ledger::ledger::Ledger;
pub use meters::Accounting;
use meters::Meters;
use parking_lot::Mutex;
use shown::shown_keys;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
pub use together::{Together, WithoutState};

/// Keys of one request that are looked at. No SDK sends more than two; a guesser would.
const SHOWN_MAX: usize = 4;

/// The time after which a ledger that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// How long a client is told to wait for keys to be known, in seconds.
const KEYS_TIME_S: u64 = 5;

/// Marks a request that came from another machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The clients of a host, by their keys. Without any, everyone who can reach the socket may use the host. Cheap to clone: all clones
/// are the same.
#[derive(Clone)]
pub struct ClientKeys(Arc<Inner>);

struct Inner {
    clients: ArcSwap<Clients>,
    /// Whoever reaches an open host.
    anyone: Arc<Client>,
    throttle: Mutex<Throttle>,
    meters: Meters,
    began: Instant,
}

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKeys({})", self.0.clients.load().len())
    }
}

impl Default for ClientKeys {
    fn default() -> Self {
        Self::of(Clients::default(), ThrottleRules::default(), Accounting::default())
    }
}

impl ClientKeys {
    /// These keys, which may ask for everything and see everything.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret<String>>) -> Self {
        let anybody = || Client { sight: Sight::All, ..Client::default() };
        let all = keys.into_iter().map(|key| (KeyHash::of(key.expose().as_bytes()), anybody()));
        Self::of(Clients::new(all), ThrottleRules::default(), Accounting::default())
    }

    /// These clients, when guessers are shut out, and what bounds are counted with.
    pub fn of(clients: Clients, rules: ThrottleRules, accounting: Accounting) -> Self {
        let meters = Meters::new(&clients, accounting);
        let throttle = Mutex::new(Throttle::new(rules));
        let anyone = Arc::new(Client { sight: Sight::All, ..Client::default() });
        let began = Instant::now();
        let clients = ArcSwap::from_pointee(clients);
        Self(Arc::new(Inner { clients, anyone, throttle, meters, began }))
    }

    /// These clients from now on. What each has used still counts where its bounds are the same.
    pub fn replace(&self, clients: Clients) {
        self.0.meters.replace(&clients);
        self.0.clients.store(Arc::new(clients));
    }

    /// Is no key asked for?
    pub fn is_open(&self) -> bool {
        self.0.clients.load().are_open()
    }

    /// Are there several, so that one client must not see what is another's?
    pub(crate) fn tells_apart(&self) -> bool {
        self.0.clients.load().are_many()
    }

    /// Lets a request in if it shows one of the keys, and says whose.
    ///
    /// # Errors
    /// 401, with where a key can be put; 429 for a place that is shut out; 503 for a key that may be one which is not known yet.
    pub fn admit(&self, parts: &Parts) -> Result<Arc<Client>, Fault> {
        let clients = self.0.clients.load();
        if clients.are_open() {
            return Ok(Arc::clone(&self.0.anyone));
        }
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        if let Some(left) = peer.and_then(|ip| self.0.throttle.lock().blocked(ip, self.0.began.elapsed())) {
            return Err(shut_out(left));
        }
        let now_s = unix_now().as_secs();
        let mut n_wrong = 0;
        for key in shown_keys(parts).filter(|key| !key.is_empty()).take(SHOWN_MAX) {
            if let Some(client) = clients.of_key(&key, now_s) {
                peer.into_iter().for_each(|ip| self.0.throttle.lock().succeeded(ip));
                return Ok(Arc::clone(client));
            }
            n_wrong += 1;
        }
        if n_wrong > 0 && clients.strangers() == Strangers::Waiting {
            return Err(not_known_yet());
        }
        if let Some(ip) = peer {
            self.guessed(ip, n_wrong);
        }
        let sentence = match n_wrong {
            0 => "no API key was sent",
            _ => "the API key is not one of this host's client keys",
        };
        let fault = Fault::client(Kind::Unauthorized, sentence).code("invalid_api_key");
        Err(fault.hint(
            "Send a client key of this host as \"Authorization: Bearer <key>\" or \"x-api-key: <key>\"",
        ))
    }

    /// Whose request it is, for what is remembered: its client's name. One name for all on an open host.
    pub(crate) fn caller(&self, parts: &Parts) -> String {
        self.admit(parts).map(|client| client.name.clone()).unwrap_or_default()
    }

    fn guessed(&self, ip: IpAddr, n_wrong: usize) {
        let now = self.0.began.elapsed();
        let mut throttle = self.0.throttle.lock();
        let blocks: Vec<Duration> = (0..n_wrong).filter_map(|_| throttle.failed(ip, now)).collect();
        if let Some(block) = blocks.last() {
            tracing::warn!(%ip, seconds = block.as_secs(), "it showed too many wrong client keys and is shut out");
        }
    }

    /// Lets a turn of `client` begin.
    ///
    /// # Errors
    /// 429 or 402: one of its bounds is reached; 503: nobody knows yet.
    pub(crate) async fn begin_turn(&self, client: &Client) -> Result<(), Fault> {
        self.0.meters.begin(client).await
    }

    /// Reads from `ledger` what clients have used before this host began, whenever there are such whose bounds count it.
    pub async fn read_spent(&self, ledger: &Ledger) -> Infallible {
        let mut is_told = false;
        loop {
            let moment = self.0.meters.unread_before().await;
            match ledger.charged(moment).await {
                Ok(charged) => {
                    self.0.meters.read(&charged, moment);
                    is_told = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "what clients have used before cannot be read: those with a bound of a day or a month wait");
                    }
                    tokio::time::sleep(READ_AGAIN).await;
                }
            }
        }
    }

    /// Tells the hosts together from `ledger` what clients had used before they began to count, whenever that is asked for.
    pub async fn tell_spent(&self, ledger: &Ledger) -> Infallible {
        self.0.meters.tell(ledger).await
    }

    /// How many sums of clients other hosts have still to be told; none where bounds are counted here alone.
    pub fn owed(&self) -> Option<u64> {
        self.0.meters.owed()
    }

    /// Tells other hosts what is left to tell, for a host that ends.
    pub async fn finish(&self) {
        self.0.meters.finish().await;
    }

    /// Until nobody waits for that, or `patience` is at its end.
    pub async fn spent_is_read(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.0.meters.all_read()).await;
    }
}

impl Witness for ClientKeys {
    fn turn_ended(&self, turn: &Arc<TurnEnded>) {
        self.0.meters.ended(turn);
    }
}

fn not_known_yet() -> Fault {
    let fault = Fault::host(Kind::Unavailable, "the client keys of the database could not be read yet");
    let fault = fault.code("keys_unknown").retry(Retry::After(Duration::from_secs(KEYS_TIME_S)));
    fault.hint("Try again in a moment; the host's log says why where the database cannot be read")
}

fn shut_out(left: Duration) -> Fault {
    let seconds = left.as_secs() + 1;
    let fault = Fault::client(Kind::RateLimited, "too many wrong API keys came from this address");
    fault
        .code("too_many_wrong_keys")
        .retry(Retry::After(Duration::from_secs(seconds)))
        .hint(format!("Right keys are refused as well for {seconds} s more"))
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(headers: &[(&str, &str)], from: Option<&str>) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(ip) = from {
            request = request.extension(Peer(ip.parse().expect("an address")));
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn keys() -> ClientKeys {
        ClientKeys::new([&Secret::new("k-one".to_owned()), &Secret::new("k-two".to_owned())])
    }

    fn status(keys: &ClientKeys, key: &str, from: Option<&str>) -> u16 {
        keys.admit(&parts(&[("x-api-key", key)], from)).map_or_else(|fault| fault.status(), |_| 200)
    }

    #[test]
    fn no_keys_means_open() {
        assert!(ClientKeys::default().admit(&parts(&[], None)).is_ok());
    }

    #[test]
    fn guessers_are_shut_out_with_right_keys_too() {
        let keys = keys();
        for n in 0..5 {
            assert_eq!(status(&keys, &format!("guess-{n}"), Some("203.0.113.7")), 401, "{n}");
        }
        let fault = keys.admit(&parts(&[("x-api-key", "k-one")], Some("203.0.113.7"))).expect_err("shut out");
        assert_eq!((fault.status(), fault.code.as_deref()), (429, Some("too_many_wrong_keys")));
        assert!(matches!(fault.retry, Retry::After(time) if time.as_secs() <= 31), "{fault:?}");
        assert_eq!(status(&keys, "k-one", Some("203.0.113.8")), 200);
        assert_eq!(status(&keys, "k-one", None), 200);
    }

    #[test]
    fn nobody_is_let_in_or_shut_out_while_keys_are_not_known() {
        let one = [(KeyHash::of(b"k-one"), Client::default())];
        let of = |all: &[(KeyHash, Client)], strangers| Clients::new(all.iter().cloned()).with(strangers);
        let keys =
            ClientKeys::of(of(&one, Strangers::Waiting), ThrottleRules::default(), Accounting::default());
        for _ in 0..9 {
            assert_eq!(status(&keys, "k-two", Some("203.0.113.7")), 503);
        }
        assert_eq!((status(&keys, "k-one", Some("203.0.113.7")), status(&keys, "", None)), (200, 401));
        keys.replace(of(&[], Strangers::Refused));
        assert_eq!((status(&keys, "k-one", None), status(&keys, "", None)), (401, 401));
        assert!(!keys.is_open() && keys.tells_apart());
        keys.replace(of(&[], Strangers::Welcome));
        assert_eq!(status(&keys, "", None), 200);
    }

    #[test]
    fn requests_without_a_key_are_no_guesses() {
        let keys = keys();
        for _ in 0..50 {
            assert_eq!(status(&keys, "", Some("203.0.113.7")), 401);
        }
        assert_eq!(status(&keys, "k-two", Some("203.0.113.7")), 200);
    }

    #[test]
    fn many_keys_in_one_request_are_many_guesses() {
        let keys = keys();
        let mut many = vec![("x-api-key", "wrong"); 30];
        many.push(("x-api-key", "k-one"));
        assert_eq!(
            keys.admit(&parts(&many, Some("203.0.113.7"))).map_err(|fault| fault.status()).err(),
            Some(401)
        );
        assert_eq!(status(&keys, "wrong", Some("203.0.113.7")), 401);
        assert_eq!(status(&keys, "k-one", Some("203.0.113.7")), 429);
    }

    #[tokio::test]
    async fn turns_are_bounded_by_client() {
        let limits = access::Limits { turns_per_minute: Some(2), ..access::Limits::default() };
        let alice = Client { name: "alice".to_owned(), limits, ..Client::default() };
        let clients = Clients::new([(KeyHash::of(b"a"), alice.clone())]);
        let keys = ClientKeys::of(clients, ThrottleRules::default(), Accounting::default());
        assert!(keys.begin_turn(&alice).await.is_ok() && keys.begin_turn(&alice).await.is_ok());
        let fault = keys.begin_turn(&alice).await.expect_err("the third");
        assert_eq!((fault.status(), fault.code.as_deref()), (429, Some("key_limit_reached")));
        assert!(fault.public().contains("2 turns a minute"), "{}", fault.public());
        assert!(keys.begin_turn(&Client::default()).await.is_ok());
    }
}
