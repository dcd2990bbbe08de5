//! The memory store stays within its limits.
use base::SessionChange;
use proptest::{prelude::*, test_runner::RngSeed};
<<<<<<< HEAD
use sessions::{Key, Limits, Memory, Scope, Session, SessionId, Update};
=======
use sessions::{
    Hidden, Key, Limits, Memory, MessageHash, Scope, Session, SessionId, Splice, Update, chains, message_hash,
};

/// Ten thousand sessions of a hundred turns each, with settings and hidden messages.
#[test]
fn memory_is_bounded_over_a_million_turns() {
    let limits = Limits { bytes_max: 8 << 20, per_scope_max: 400, ..Limits::default() };
    let store = Memory::new(limits);
    // Hashing is not what is measured here.
    let messages: Vec<MessageHash> =
        (0..100).map(|turn: u32| message_hash("user", [turn.to_string().as_bytes()])).collect();
    let tips = chains(&messages);
    let scopes: Vec<Scope> = (0..50).map(|n: u32| Scope::new(&n.to_string())).collect();
    let keys: Vec<Vec<Key>> =
        scopes.iter().map(|scope| tips.iter().map(|tip| Key::history(*scope, "", *tip)).collect()).collect();
    for session in 0..10_000_u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&session.to_le_bytes());
        let (id, who) = (SessionId::from_random(id), session as usize % scopes.len());
        store.create_now(Session::new(id, scopes[who], 0), None, 0);
        for turn in 0..100 {
            let update = Update {
                changes: vec![SessionChange::Project(Some(format!("project {turn}")))],
                counts_turn: true,
                hidden: vec![Hidden { message: messages[turn], splice: Splice::Drop }],
                tip: Some(tips[turn]),
                key: Some(keys[who][turn]),
                ..Update::default()
            };
            store.update_now(id, update, u64::from(session)).expect("just used");
        }
        assert!(store.bytes() <= limits.bytes_max);
    }
    assert!(store.len() > 100 && store.len() < 10_000, "{}", store.len());
}
>>>>>>> 6818336 (sessions, engine: make a turn without settings cheap)

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

    /// Whatever is done, the limits hold, and what was used last is still there.
    #[test]
    fn limits_hold(steps in proptest::collection::vec((0..40_u8, 0..3_u8, 0..4_u8, 0..400_u64), 1..300)) {
        let limits = Limits { sessions_max: 20, per_scope_max: 9, bytes_max: 20_000, ttl_ms: 2000 };
        let store = Memory::new(limits);
        let mut time = 0;
        for (id, scope, action, pause) in steps {
            time += pause;
            let scope = Scope::new(&scope.to_string());
            let (name, key) = (SessionId::from_random([id; 16]), Key::named(scope, &id.to_string()));
            match action {
                0 => _ = store.forget_now(name),
                1 => {
                    store.create_now(Session::new(name, scope, time), Some(key), time);
                    prop_assert_eq!(store.find_now(&[key], time).map(|(_, s)| s.id), Some(name));
                }
                _ => {
                    let changes = vec![SessionChange::Project(Some("p".repeat(usize::from(id) * 20)))];
                    let key = Key::response(scope, &time.to_string());
                    let there = store.update_now(name, Update { changes, key: Some(key), ..Update::default() }, time);
                    let found = store.find_now(&[key], time).map(|(_, s)| s.id);
                    prop_assert_eq!(found, there.map(|s| s.id));
                }
            }
            prop_assert!(store.len() <= limits.sessions_max && store.bytes() <= limits.bytes_max);
        }
        store.sweep(time + 10_000);
        prop_assert_eq!((store.len(), store.bytes()), (0, 0));
    }
}
