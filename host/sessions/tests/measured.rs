//! The bound of the memory store is one of real bytes: a counting allocator looks on while ten thousand sessions have a hundred
//! turns each. `cargo nextest run -p sessions --test measured --no-capture` prints the numbers.
use base::SessionChange;
use cap::Cap;
use sessions::{
    Hidden, Key, Limits, Memory, MessageHash, Scope, Session, SessionId, Splice, Update, chains, message_hash,
};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const SESSIONS: u32 = 10_000;
const TURNS: usize = 100;

/// What a session's user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// Only talks.
    Talks,
    /// Gives a command with every turn, as nobody does.
    Commands,
}

/// Sessions that are remembered in the end, their real bytes, and the bytes that the store says it takes.
fn measured(user: User, n_sessions: u32, limits: Limits) -> (usize, usize, usize) {
    // Hashing is not what is measured here.
    let messages: Vec<MessageHash> =
        (0..TURNS).map(|turn| message_hash("user", [turn.to_string().as_bytes()])).collect();
    let tips = chains(&messages);
    let scope = Scope::new("me");
    let before = ALLOCATOR.allocated();
    let store = Memory::new(limits);
    for session in 0..n_sessions {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&session.to_le_bytes());
        let id = SessionId::from_random(id);
        store.create_now(Session::new(id, scope, 0), None, None, 0);
        for (turn, message) in messages.iter().enumerate() {
            let mut update = Update {
                counts_turn: true,
                tip: Some(tips[turn]),
                key: Some(Key::history(scope, &session.to_string(), tips[turn])),
                ..Update::default()
            };
            if user == User::Commands {
                update.changes = vec![SessionChange::Project(Some(format!("project {turn}")))];
                update.hidden = vec![Hidden { message: *message, splice: Splice::Drop }];
            }
            assert!(store.update_now(id, update, u64::from(session)).is_some(), "just used");
        }
        assert!(ALLOCATOR.allocated() - before <= limits.bytes_max, "after {session} sessions");
    }
    (store.len(), ALLOCATOR.allocated() - before, store.bytes())
}

#[test]
fn ten_thousand_sessions_of_a_hundred_turns_stay_below_the_bound_in_real_bytes() {
    let limits = Limits { per_scope_max: SESSIONS as usize, ..Limits::default() };
    // Of those who give commands a third is enough to reach the bound.
    for (user, n_sessions, bytes_max) in
        [(User::Talks, SESSIONS, limits.bytes_max), (User::Commands, SESSIONS / 3, 16 << 20)]
    {
        let (n, real, told) = measured(user, n_sessions, Limits { bytes_max, ..limits });
        println!("{user:?}: {n} sessions in {real} bytes, {} each; the store says {told}", real / n);
        match user {
            User::Talks => assert_eq!(n, SESSIONS as usize, "all are remembered"),
            User::Commands => assert!((500..n_sessions as usize).contains(&n), "{n} sessions"),
        }
    }
}
