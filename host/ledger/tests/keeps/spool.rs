//! Rows wait on disk while the database is away, within their bound, and come home once.
use super::{file, places, promising, start, start_with, week};
use crate::kit::{DAY_US, turn};
use events::turn::TurnEnded;
use events::witness::Witness;
use ledger::filter::Filter;
use ledger::ledger::{Ledger, Promise, Standing};
use ledger::reader::{Order, Reader};
use ledger::spool::SpoolRules;
use ledger::store::{Error, Place};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn rules(folder: &Path, turns_max: u64) -> Option<SpoolRules> {
    Some(SpoolRules { path: folder.join("state/spool.db"), turns_max })
}

/// A database that is away for good: a folder stands where its file would.
fn away(folder: &Path) -> Place {
    let path = folder.join("away.db");
    std::fs::create_dir_all(&path).expect("a folder in the way");
    file(&path)
}

/// A host that is told of these turns while its database is away, and ends.
async fn told(folder: &Path, turns_max: u64, turns: impl IntoIterator<Item = TurnEnded>) -> Standing {
    let ledger = start_with(away(folder), None, rules(folder, turns_max));
    turns.into_iter().for_each(|turn| ledger.turn_ended(&Arc::new(turn)));
    until(&ledger, |standing| standing.waiting == 0).await;
    let standing = ledger.standing();
    ledger.close().await;
    standing
}

async fn until(ledger: &Ledger, is_so: impl Fn(&Standing) -> bool) {
    while !is_so(&ledger.standing()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Every row, as JSON.
async fn rows(place: &Place) -> Vec<serde_json::Value> {
    let all = Filter { what: Some("all".to_owned()), ..Filter::default() };
    let reader = Reader::open(place).await.expect("a reader");
    let turns = reader.turns(&all, Order::Oldest, None, 10_000).await.expect("turns");
    turns.iter().map(|turn| serde_json::to_value(turn).expect("JSON")).collect()
}

#[tokio::test]
async fn rows_outlive_their_host_and_come_home_as_they_were_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = file(&folder.path().join("plain.db"));
    super::filled(plain.clone(), week()).await.close().await;
    let expected = rows(&plain).await;
    for (n, place) in places(folder.path()).await.into_iter().enumerate() {
        let folder = folder.path().join(n.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        // Three of them are home already: it was the answer that got lost.
        super::filled(place.clone(), week().into_iter().take(3)).await.close().await;
        let standing = told(&folder, 100, week()).await;
        assert_eq!((standing.spooled, standing.written, standing.lost), (6, 0, 0));
        assert!(standing.trouble.is_some());
        let next = start_with(place.clone(), None, rules(&folder, 100));
        until(&next, |standing| standing.written == 6).await;
        assert_eq!(rows(&place).await, expected);
        // What is new does not wait any more.
        next.turn_ended(&Arc::new(turn(9, 20_010 * DAY_US)));
        until(&next, |standing| standing.written == 7).await;
        assert_eq!((next.standing().spooled, next.standing().waiting), (0, 0));
        next.close().await;
        assert_eq!(rows(&place).await.len(), 7);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let standing = told(folder.path(), 300, (0..500).map(|n| turn(n, n))).await;
    assert_eq!((standing.spooled, standing.lost), (300, 200));
    let standing = told(folder.path(), 301, (500..510).map(|n| turn(n, n))).await;
    assert_eq!((standing.spooled, standing.lost), (301, 9), "what an earlier run left counts too");
    let place = file(&folder.path().join("usage.db"));
    let next = start_with(place.clone(), None, rules(folder.path(), 1));
    until(&next, |standing| standing.written == 301).await;
    next.close().await;
    let ids: Vec<_> = rows(&place).await.iter().map(|row| row["id"].to_string()).collect();
    let first: Vec<_> = (0..300).chain([500]).map(|n| format!("\"{}\"", turn(n, n).turn.id)).collect();
    assert_eq!(ids, first, "the first ones fitted");
}

#[tokio::test]
async fn one_process_at_a_time_brings_rows_home_and_budgets_wait_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    told(folder.path(), 100, (0..10).map(|n| turn(n, n))).await;
    let path = folder.path().join("state/spool.lock");
    let other = std::fs::File::create(path).expect("a file");
    other.lock().expect("a lock");
    let place = file(&folder.path().join("usage.db"));
    let next = start_with(place.clone(), None, rules(folder.path(), 100));
    next.turn_ended(&Arc::new(turn(10, 10)));
    until(&next, |standing| standing.written == 1).await;
    assert!(matches!(next.charged(Duration::from_secs(1)).await, Err(Error::Behind)));
    assert_eq!((rows(&place).await.len(), next.standing().spooled), (1, 10));
    drop(other);
    until(&next, |standing| standing.written == 11).await;
    let charged = next.charged(Duration::from_secs(1)).await.expect("sums");
    assert_eq!(charged.iter().map(|own| own.day.tokens).sum::<u64>(), 11 * 15);
    next.close().await;
    let none = start(place, None);
    assert!(none.charged(Duration::from_secs(1)).await.is_ok(), "without a spool nothing waits");
    none.close().await;
}

#[tokio::test]
async fn turns_that_are_waited_for_are_in_the_database_or_in_the_spool() {
    let folder = tempfile::tempdir().expect("a folder");
    for (n, place) in places(folder.path()).await.into_iter().enumerate() {
        let folder = folder.path().join(n.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let ledger = promising(place.clone(), None, rules(&folder, 100), Promise::BeforeItsEnd);
        assert!(ledger.keeps());
        for n in 0..3 {
            ledger.keep(&Arc::new(turn(n, n))).expect("a promise").await;
            assert_eq!(rows(&place).await.len() as u64, n + 1);
        }
        ledger.close().await;
        let ledger = promising(away(&folder), None, rules(&folder, 101), Promise::BeforeItsEnd);
        let waits = (0..5).map(|n| ledger.keep(&Arc::new(turn(n, n))).expect("a promise"));
        for wait in waits.collect::<Vec<_>>() {
            wait.await;
        }
        assert_eq!(rows(&file(&folder.join("state/spool.db"))).await.len(), 5);
        assert_eq!(ledger.standing().spooled, 5);
        ledger.close().await;
        // After its end nobody waits for what is lost.
        ledger.keep(&Arc::new(turn(9, 9))).expect("a promise").await;
        assert_eq!(ledger.standing().lost, 1);
    }
    let soon = start(file(&folder.path().join("soon.db")), None);
    assert!(!soon.keeps() && soon.keep(&Arc::new(turn(1, 1))).is_none());
    soon.close().await;
}
