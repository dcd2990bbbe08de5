//! Keeps a link connected.
use super::dial::dial;
use super::driver::Moving;
use super::{COMMAND_TIME, Open, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue as _, PushInfo, PushKind, RedisError};
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The time for a connection to be there.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// Waits between two tries: the first, and none is longer than the last.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often a quiet connection is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(5);

/// Connects, waits for the end of the connection, and begins anew. Ends with its task.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut wait = WAITS.0;
    let mut is_told = false;
    loop {
        let connected = tokio::time::timeout(CONNECT_TIME, connect(&shared)).await;
        match connected.unwrap_or_else(|late| Err(RedisError::from(io::Error::from(late)))) {
            Ok(open) => {
                (wait, is_told) = (WAITS.0, false);
                *shared.connection.lock() = Some(open.clone());
                shared.up.send_replace(true);
                tracing::info!(state = shared.address.shown(), "the shared state is there");
                until_dead(&shared, open).await;
                // It may have died before it was put there.
                *shared.connection.lock() = None;
                shared.up.send_replace(false);
            }
            Err(error) => {
                if !is_told {
                    let state = shared.address.shown();
                    tracing::warn!(%error, state, "the shared state is away: this host goes on with what it knows itself");
                    is_told = true;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(WAITS.1);
            }
        }
    }
}

async fn connect(shared: &Arc<Shared>) -> Result<Open, RedisError> {
    let nth = shared.counters.tried();
    let weak = Arc::downgrade(shared);
    let config = AsyncConnectionConfig::new().set_push_sender({
        let shared = Weak::clone(&weak);
        move |push: PushInfo| heard(&shared, nth, &push)
    });
    let (mut connection, moves) = dial(&shared.address, config).await?;
    let moving = Moving::begin(moves, move || {
        if let Some(shared) = weak.upgrade() {
            shared.close(nth);
        }
    });
    connection.subscribe(shared.keys.channel()).await?;
    Ok(Open { nth, connection, moving: Arc::new(moving) })
}

/// What the server says unasked.
fn heard(shared: &Weak<Shared>, nth: u64, push: &PushInfo) -> Result<(), ()> {
    let shared = shared.upgrade().ok_or(())?;
    match push.kind {
        PushKind::Disconnection => shared.close(nth),
        PushKind::Message => {
            if let Some(word) = push.data.get(1).and_then(|word| String::from_redis_value(word).ok()) {
                // Nobody may be listening.
                let _ = shared.news.send(word.into());
            }
        }
        _ => {}
    }
    Ok(())
}

async fn until_dead(shared: &Shared, mut open: Open) {
    let mut dead = shared.dead.subscribe();
    let nth = open.nth;
    loop {
        tokio::select! {
            _ = dead.wait_for(|dead| *dead >= nth) => return,
            () = tokio::time::sleep(PING_EVERY) => {}
        }
        if !lives(&mut open.connection).await {
            shared.close(nth);
        }
    }
}

async fn lives(connection: &mut MultiplexedConnection) -> bool {
    let ping = redis::cmd("PING");
    let asked = ping.query_async::<()>(connection);
    matches!(tokio::time::timeout(COMMAND_TIME, asked).await, Ok(Ok(())))
}
