//! The memory store stays within its limits.
use base::SessionChange;
use proptest::{prelude::*, test_runner::RngSeed};
use sessions::{Key, Limits, Memory, Scope, Session, SessionId, Update};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

    /// Whatever is done, the limits hold, and what was used last is still there.
    #[test]
    fn limits_hold(steps in proptest::collection::vec((0..40_u8, 0..3_u8, 0..5_u8, 0..400_u64), 1..300)) {
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
                    store.create_now(Session::new(name, scope, time), Some(key), None, time);
                    prop_assert_eq!(store.find_now(&[key], time).map(|(_, s)| s.id), Some(name));
                }
                2 => {
                    // The clock of who wrote it may be wrong.
                    let mut session = Session::new(name, scope, time * 2);
                    session.version = 2;
                    store.adopt(session, Some(key), id % 2 == 0, time);
                    store.stamp(name, 3);
                    let there = store.get(name, time);
                    prop_assert!(there.is_some_and(|(session, names)| session.version == 3 && !names.is_empty()));
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
