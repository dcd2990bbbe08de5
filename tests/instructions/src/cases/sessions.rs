//! The session of a turn: its history hashed, found, and remembered.
use super::code;
use crate::case::Case;
use crate::translation::LARGE_BYTES;
use sessions::{Hints, Limits, Memory, Scope, SessionId, chains, keep, message_hash, resolve, turn_keys};
use std::future::Future;
use std::hint::black_box;
use std::task::{Context, Poll, Waker};

/// Messages of the history: those of a long coding session.
const N_MESSAGES: usize = 50;
const NOW: u64 = 1_700_000_000_000;

pub(super) fn cases() -> Vec<Case> {
    let found = |name: &str, header: Option<&'static str>, bytes: usize| {
        Case::new(name, move || {
            let memory = Memory::new(Limits::default());
            let message = code(bytes / N_MESSAGES);
            let mut round = 0;
            move || {
                round += 1;
                for n_messages in 1..=N_MESSAGES {
                    turn(&memory, header, &message, (round, n_messages));
                }
            }
        })
    };
    let hashed = Case::new("session hashes 200 KB", || {
        let message = code(LARGE_BYTES / N_MESSAGES);
        move || {
            let hash = |_| message_hash("user", [black_box(message.as_bytes())]);
            let history: Vec<_> = (0..N_MESSAGES).map(hash).collect();
            drop(black_box(chains(&history)));
        }
    });
    vec![
        hashed,
        found("session by its history", None, 50 * N_MESSAGES),
        found("session by a header", Some("s-1"), 50 * N_MESSAGES),
    ]
}

/// One turn of a conversation of its own in each `round`, of which so many messages are known.
fn turn(memory: &Memory, header: Option<&str>, message: &str, (round, n_messages): (u8, usize)) {
    let role = |n: usize| if n.is_multiple_of(2) { "user" } else { "assistant" };
    let history: Vec<_> = (0..n_messages)
        .map(|n| message_hash(role(n), [[round, n as u8].as_slice(), black_box(message.as_bytes())]))
        .collect();
    let chains = chains(&history);
    let hints = Hints {
        scope: Scope::new("key"),
        header,
        echoed: None,
        agent: None,
        body: None,
        previous_response: None,
        client: "agent/1.0",
        history: &history,
        chains: &chains,
        answer: None,
    };
    let mut fresh = [round; 16];
    fresh[0] = n_messages as u8;
    let found = now(resolve(memory, &hints, SessionId::from_random(fresh), NOW)).expect("memory");
    now(keep(memory, &found, turn_keys(&hints, None), NOW)).expect("memory");
}

/// The result of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the store in memory waits for nobody"),
    }
}
