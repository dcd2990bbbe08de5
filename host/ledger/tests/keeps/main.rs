//! What is written is read back; what cannot be written is counted, and harms nobody.
#![cfg(test)]

mod accounts;
mod clients;
mod kit;
mod spool;

use events::turn::{Outcome, TurnEnded};
use events::witness::Witness;
use kit::{DAY_US, trouble, turn};
use ledger::charge::Charge;
use ledger::filter::Filter;
use ledger::ledger::{Ledger, Promise, Rules, Standing};
use ledger::price::Prices;
use ledger::reader::{By, Order, Reader, Sums, Time};
use ledger::series::Step;
use ledger::spool::SpoolRules;
use ledger::store::Place;
use sqlx::AssertSqlSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PRICES: &str = "[[price]]\nmodel = \"m-b\"\ninput = 1\ncached = 0.5\noutput = 2\n";

fn start(place: Place, keep: Option<Duration>) -> Arc<Ledger> {
    start_with(place, keep, None)
}

fn start_with(place: Place, keep: Option<Duration>, spool: Option<SpoolRules>) -> Arc<Ledger> {
    promising(place, keep, spool, Promise::Soon)
}

fn promising(
    place: Place,
    keep: Option<Duration>,
    spool: Option<SpoolRules>,
    promise: Promise,
) -> Arc<Ledger> {
    let prices = Arc::new(Prices::new(Some(PRICES)).expect("prices"));
    Ledger::start(Rules { place, spool, keep, prices, promise })
}

fn file(path: &Path) -> Place {
    Place::parse(&path.display().to_string()).expect("a path")
}

/// A place for each kind of database that there is: SQLite always, PostgreSQL where `LIP_TEST_POSTGRES` names a server of nobody's, as the
/// suite `postgres` does. There it is a database of its own.
async fn places(folder: &Path) -> Vec<Place> {
    let mut places = vec![file(&folder.join("deep/er/usage #1%.db"))];
    if let Ok(url) = std::env::var("LIP_TEST_POSTGRES") {
        static N: AtomicU32 = AtomicU32::new(0);
        let name = format!("ledger_{}_{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed));
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&url).await.expect("the server");
        let made = sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await;
        made.expect("a database");
        pool.close().await;
        let (front, options) = url.split_once('?').unwrap_or((&url, ""));
        let server = front.rsplit_once('/').expect("a database in the URL").0;
        places.push(Place::parse(&format!("{server}/{name}?{options}")).expect("a URL"));
    }
    places
}

async fn filled(place: Place, turns: impl IntoIterator<Item = TurnEnded>) -> Arc<Ledger> {
    let ledger = start(place, None);
    turns.into_iter().for_each(|turn| ledger.turn_ended(&Arc::new(turn)));
    while ledger.standing().waiting > 0 {
        tokio::task::yield_now().await;
    }
    ledger
}

/// Three days: answered turns, one that failed, one whose tokens nobody told, one that counted tokens.
fn week() -> Vec<TurnEnded> {
    let mut turns: Vec<TurnEnded> = (0..6).map(|n| turn(n, 20_000 * DAY_US + n * DAY_US / 2)).collect();
    turns[1].outcome = Outcome::Failed(Box::new(trouble()));
    (turns[1].status, turns[1].answered_by, turns[1].tokens, turns[1].first_output) = (429, None, None, None);
    turns[1].attempts.truncate(1);
    (turns[2].tokens, turns[2].attempts[1].tokens) = (None, None);
    let mut counted = (*turns[3].turn).clone();
    counted.what = events::turn::What::CountTokens;
    turns[3].turn = Arc::new(counted);
    let mut other = (*turns[4].turn).clone();
    (other.caller, other.model, other.dialect) = ("ben\0".to_owned(), "x".repeat(5_000), "gemini");
    turns[4].turn = Arc::new(other);
    turns
}

#[tokio::test]
async fn turns_are_read_back_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let ledger = filled(place, week()).await;
        let reader = ledger.reader().await.expect("a reader");
        let all = Filter { what: Some("all".to_owned()), ..Filter::default() };
        let turns = reader.turns(&all, Order::Newest, None, 100).await.expect("turns");
        let ids: Vec<String> = week().iter().rev().map(|turn| turn.turn.id.to_string()).collect();
        assert_eq!(turns.iter().map(|turn| turn.id.clone()).collect::<Vec<_>>(), ids);
        let good = serde_json::to_value(&turns[5]).expect("JSON");
        assert_eq!(good["at"], "2024-10-04T00:00:00Z");
        assert_eq!(good["session"], "lip-00000000000000000000000000000000");
        assert_eq!(
            good["tokens"],
            serde_json::json!({"input": 10, "output": 5, "cached_input": 4, "cache_write": null, "reasoning": 2})
        );
        // Six at 1, four at 0.5, five at 2 millionths.
        assert_eq!(
            (&good["cost_usd"], &good["backend"], &good["model"]),
            (&0.000_018.into(), &"good".into(), &"m-b".into())
        );
        assert_eq!((&good["first_output_us"], &good["lasted_us"]), (&20_000.into(), &30_000.into()));
        let tried = &good["attempts"];
        assert_eq!(
            (&tried[0]["outcome"], &tried[0]["status"], &tried[0]["message"]),
            (&"failed".into(), &429.into(), &"slow down".into())
        );
        assert_eq!(
            (&tried[0]["cost_usd"], &tried[1]["cost_usd"]),
            (&serde_json::Value::Null, &0.000_018.into())
        );
        assert_eq!(tried[1]["losses"][0], "sampling.top_k: no such option");
        let failed = serde_json::to_value(&turns[4]).expect("JSON");
        assert_eq!(
            (&failed["status"], &failed["code"], &failed["kind"]),
            (&429.into(), &"slow_down".into(), &"RateLimited".into())
        );
        assert_eq!((&failed["backend"], &failed["cost_usd"]), (&"bad".into(), &serde_json::Value::Null));
        let unknown = serde_json::to_value(&turns[3]).expect("JSON");
        assert_eq!(
            (&unknown["tokens"]["input"], &unknown["cost_usd"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        assert_eq!((turns[1].caller.as_str(), turns[1].model_asked.len()), ("ben", 256));
        let line = turns[5].csv();
        assert_eq!(line.split(',').count(), ledger::lines::Turn::CSV_HEAD.split(',').count());
        ledger.close().await;
    }
}

#[tokio::test]
async fn slots_of_time_have_their_own_sums() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let ledger = filled(place, week()).await;
        let reader = ledger.reader().await.expect("a reader");
        let none = Filter::default();
        let slots = reader.series(&none, Step::Day, By::Nothing, None).await.expect("slots");
        let told: Vec<(&str, i64)> = slots.iter().map(|slot| (slot.at.as_str(), slot.sums.turns)).collect();
        assert_eq!(
            told,
            [("2024-10-04T00:00:00Z", 2), ("2024-10-05T00:00:00Z", 1), ("2024-10-06T00:00:00Z", 2)]
        );
        for (step, n) in [(Step::Minutes5, 5), (Step::Hour, 5), (Step::Hours6, 5), (Step::Day, 5)] {
            let slots = reader.series(&none, step, By::Nothing, None).await.expect("slots");
            assert_eq!(slots.iter().map(|slot| slot.sums.turns).sum::<i64>(), n, "{step:?}");
        }
        let key = ["bad".to_owned(), "nobody' OR '1'='1".to_owned()];
        let slots = reader.series(&none, Step::Day, By::Backend, Some(&key)).await.expect("slots");
        let told: Vec<(&str, i64, i64)> =
            slots.iter().map(|slot| (slot.sums.key.as_str(), slot.sums.turns, slot.sums.failed)).collect();
        assert_eq!(told, [("bad", 1, 1)]);
        ledger.close().await;
    }
}

#[tokio::test]
async fn sums_pages_and_filters_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let ledger = filled(place, week()).await;
        let reader = ledger.reader().await.expect("a reader");
        let none = Filter::default();
        let sums = reader.sums(&none, By::Nothing).await.expect("sums").remove(0);
        let expected = Sums {
            key: String::new(),
            turns: 5,
            answered: 4,
            failed: 1,
            client_gone: 0,
            tokens_unknown: 1,
            cost_unknown: 1,
            attempts: 9,
            input: 30,
            output: 15,
            cached_input: 12,
            cache_write: 0,
            reasoning: 6,
            cost_micro: 54,
            bytes_in: 500,
            bytes_out: 250,
        };
        assert_eq!(sums, expected);
        for (by, expected) in [
            (By::Day, vec![("2024-10-04", 2), ("2024-10-05", 1), ("2024-10-06", 2)]),
            (By::Backend, vec![("good", 4), ("bad", 1)]),
            (By::Model, vec![("m-b", 4), ("m-a", 1)]),
            (By::Caller, vec![("ann", 4), ("ben", 1)]),
            (By::Frontend, vec![("openai-chat", 4), ("gemini", 1)]),
        ] {
            let found = reader.sums(&none, by).await.expect("sums");
            let found: Vec<(&str, i64)> = found.iter().map(|sums| (sums.key.as_str(), sums.turns)).collect();
            assert_eq!(found, expected, "{by:?}");
        }
        for (name, value, n) in [
            ("id", "nobody", 0),
            ("from", "2024-10-05", 3),
            ("to", "2024-10-05", 3),
            ("backend", "bad", 1),
            ("model", "m-b", 4),
            ("frontend", "gemini", 1),
            ("caller", "ann", 4),
            ("session", "lip-05050505050505050505050505050505", 1),
            ("status", "429", 1),
            ("outcome", "failed", 1),
            ("what", "count_tokens", 1),
            ("what", "all", 6),
            ("backend", "' OR '1'='1", 0),
        ] {
            let mut filter = Filter::default();
            assert_eq!(filter.set(name, value), Ok(true));
            let sums = reader.sums(&filter, By::Nothing).await.expect("sums").remove(0);
            assert_eq!(sums.turns, n, "{name}={value}");
            let mut read = Vec::new();
            while let page =
                reader.turns(&filter, Order::Oldest, read.last().cloned(), 2).await.expect("a page")
                && !page.is_empty()
            {
                read.extend(page.into_iter().map(|turn| (turn.began_us, turn.id)));
            }
            assert_eq!(read.len() as i64, n, "{name}={value} page by page");
            assert!(read.is_sorted());
        }
        ledger.close().await;
    }
}

#[tokio::test]
async fn what_turns_count_for_their_clients_is_summed_up_by_day_and_month() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |text: &str| Duration::from_secs(base::calendar::unix_seconds(text).expect("a date"));
    for place in places(folder.path()).await {
        // Half a day each, from 2024-10-04 on; the third one's tokens nobody said: 150 bytes, at a dollar and two for a million.
        let ledger = filled(place, week()).await;
        let reader = ledger.reader().await.expect("a reader");
        let sums = async |before: &str| {
            let mut sums = reader.charged(at(before)).await.expect("sums");
            sums.sort_by(|a, b| a.caller.cmp(&b.caller));
            let plain = |c: Charge| (c.turns, c.tokens, c.micro);
            sums.into_iter().map(|one| (one.caller, plain(one.day), plain(one.month))).collect::<Vec<_>>()
        };
        let (ann, ben) = ("ann".to_owned(), "ben".to_owned());
        assert_eq!(sums("2024-10-04T18:00:00Z").await, [(ann.clone(), (2, 15, 18), (2, 15, 18))]);
        let third = (1, 37, 25 + 24);
        assert_eq!(sums("2024-10-05T06:00:00Z").await, [(ann.clone(), third, (3, 15 + 37, 18 + third.2))]);
        let all =
            [(ann.clone(), (1, 15, 18), (4, 67 + 15, 67 + 18 + 18)), (ben.clone(), (1, 15, 18), (1, 15, 18))];
        assert_eq!(sums("2024-10-06T18:00:00Z").await, all);
        assert_eq!(
            sums("2024-10-31T23:59:59Z").await,
            [(ann, (0, 0, 0), (4, 82, 103)), (ben, (0, 0, 0), (1, 15, 18))]
        );
        assert_eq!(sums("2024-11-02").await, []);
        ledger.close().await;
    }
}

#[tokio::test]
async fn times_are_spread_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let ledger = filled(place, week()).await;
        let reader = ledger.reader().await.expect("a reader");
        let spread = reader.spread(&Filter::default(), Time::Total).await.expect("a spread");
        assert_eq!([spread.p50, spread.p95, spread.max], [Some(32_000), Some(35_000), Some(35_000)]);
        let mut nothing = Filter::default();
        nothing.set("backend", "none").expect("a name");
        assert_eq!(reader.spread(&nothing, Time::FirstOutput).await.expect("none").p50, None);
        ledger.close().await;
    }
}

#[tokio::test]
async fn what_was_kept_survives_the_host_and_old_turns_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage.db");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_micros() as u64;
    let first = filled(file(&path), [turn(1, now - 3 * DAY_US), turn(2, now)]).await;
    // Told twice, it is there once.
    first.turn_ended(&Arc::new(turn(2, now)));
    first.close().await;
    assert!(
        Reader::open(&file(&folder.path().join("other.db"))).await.is_err(),
        "nothing is made by reading"
    );
    let count = async || {
        let reader = Reader::open(&file(&path)).await.expect("a reader");
        reader.turns(&Filter::default(), Order::Oldest, None, 9).await.expect("turns").len()
    };
    assert_eq!(count().await, 2);
    let second = start(file(&path), Some(Duration::from_micros(2 * DAY_US)));
    second.turn_ended(&Arc::new(turn(3, now)));
    second.close().await;
    assert_eq!(count().await, 2, "one is new, one was too old");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn database_that_cannot_be_used_costs_rows_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage.db");
    std::fs::create_dir(&path).expect("a folder in the way");
    let ledger = start(file(&path), None);
    for n in 0..20_000 {
        ledger.turn_ended(&Arc::new(turn(n, n)));
    }
    let Standing { written, lost, waiting, .. } = ledger.standing();
    assert_eq!((written, lost, waiting), (0, 20_000 - 16_384, 16_384), "the queue is bounded");
    while ledger.standing().trouble.is_none() {
        tokio::task::yield_now().await;
    }
    // What waits is written once it can be.
    std::fs::remove_dir(&path).expect("nothing in the way");
    while ledger.standing().written < 256 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.standing().trouble, None);
    ledger.close().await;
}

#[tokio::test]
async fn newer_database_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usage.db");
    filled(file(&path), [turn(1, 1)]).await.close().await;
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite://{}", path.display())).await.expect("a database");
    sqlx::query("UPDATE lip_schema SET version = 99").execute(&pool).await.expect("a version");
    pool.close().await;
    let error = Reader::open(&file(&path)).await.expect_err("a newer one").to_string();
    assert!(error.contains("version 99") && error.contains("usage.database"), "{error}");
}
