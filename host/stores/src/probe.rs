//! Looks once whether a server can be the shared state of hosts.
use crate::address::Address;
use crate::keys::Keys;
use redis::{Client, ErrorKind, RedisError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first major version that has all commands that are used.
const VERSION_MIN: u32 = 7;

/// Why a server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nobody answers there, or not in time.
    #[error("it does not answer: {0}; check state, the network, and whether the server runs")]
    Away(String),
    /// It does not let us in.
    #[error("it does not let this host in: {0}; correct user and password in state")]
    Auth(String),
    /// It is too old.
    #[error("it is Redis {0}; use Redis 7 or later, or Valkey")]
    Old(String),
    /// It lets us in, and does not do what it is asked for.
    #[error(
        "it refuses to write: {0}; give the user all commands on the keys of state_prefix, and name no replica"
    )]
    Refused(String),
}

/// A server that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Which one it is, such as `Redis 7.0.15`.
    pub server: String,
    /// How far its clock is ahead of this machine's, in microseconds; behind: less than 0.
    pub ahead_us: i64,
}

/// Connects, and writes a key that lives for a second. Says which server it is.
///
/// # Errors
/// Why it cannot be used.
pub async fn look(address: &Address, keys: &Keys) -> Result<Fit, Unfit> {
    let late = || Unfit::Away(format!("no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, asked(address, keys)).await.unwrap_or_else(|_| Err(late()))
}

async fn asked(address: &Address, keys: &Keys) -> Result<Fit, Unfit> {
    let info = address.info().ok_or_else(|| Unfit::Away("its URL cannot be read".to_owned()))?;
    let client = Client::open(info).map_err(unfit)?;
    let mut connection = client.get_multiplexed_async_connection().await.map_err(unfit)?;
    let info: String =
        redis::cmd("INFO").arg("server").query_async(&mut connection).await.map_err(refused)?;
    let found = server(&info);
    if found.major < VERSION_MIN {
        return Err(Unfit::Old(found.version));
    }
    let script = redis::Script::new("return redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)");
    let mut call = script.key(keys.of("probe", "doctor"));
    call.arg("1").invoke_async::<()>(&mut connection).await.map_err(refused)?;
    let before = now_us();
    let (seconds, us): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await.map_err(refused)?;
    // Halfway between question and answer.
    let ahead_us = seconds.saturating_mul(1_000_000).saturating_add(us) - (before + (now_us() - before) / 2);
    Ok(Fit { server: format!("{} {}", found.name, found.version), ahead_us })
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

fn unfit(error: RedisError) -> Unfit {
    match error.kind() {
        ErrorKind::AuthenticationFailed => Unfit::Auth(error.to_string()),
        _ if matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM")) => {
            Unfit::Auth(error.to_string())
        }
        _ => Unfit::Away(error.to_string()),
    }
}

fn refused(error: RedisError) -> Unfit {
    match error.code() {
        Some("NOAUTH") => Unfit::Auth(error.to_string()),
        _ => Unfit::Refused(error.to_string()),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Server {
    name: &'static str,
    version: String,
    major: u32,
}

/// Reads what `INFO server` says. Valkey says for old clients that it is Redis 7, and its own name beside it.
fn server(info: &str) -> Server {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let valkey = field("valkey_version");
    let version = valkey.or_else(|| field("redis_version")).unwrap_or("of an unknown version").trim();
    let major = version.split('.').next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let version: String = version.chars().filter(|char| !char.is_control()).take(32).collect();
    Server { name: if valkey.is_some() { "Valkey" } else { "Redis" }, version, major }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_who_they_are() {
        let of = |info: &str| {
            let Server { name, version, major } = server(info);
            (name, version, major)
        };
        assert_eq!(of("# Server\r\nredis_version:7.0.15\r\n"), ("Redis", "7.0.15".to_owned(), 7));
        let valkey = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3\r\n";
        assert_eq!(of(valkey), ("Valkey", "8.1.3".to_owned(), 8));
        assert_eq!(of("").2, 0);
        assert_eq!(of("redis_version:6.2.1").2, 6);
    }
}
