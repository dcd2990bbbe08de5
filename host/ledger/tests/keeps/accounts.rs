//! Accounts that hosts share: one claims a row at a time, and writes it only while no other has claimed it since.
use super::places;
use ledger::accounts::{Claim, Fenced, Key, SharedAccounts};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(600);
const NONE: Duration = Duration::ZERO;

fn key(name: &str) -> Key {
    Key { backend: "acme".to_owned(), name: name.to_owned() }
}

fn claim(fence: i64, record: &str) -> Option<Claim> {
    Some(Claim { fence, record: record.to_owned() })
}

#[tokio::test]
async fn rows_are_written_by_their_last_claimant_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let one = SharedAccounts::open(&place).await.expect("a table");
        let other = SharedAccounts::open(&place).await.expect("a table");
        let a = key("a");
        assert_eq!(one.stamp(&a).await.expect("none"), None);
        // Of two that want a new row at the same moment one has it, until his claim ends.
        let both = tokio::join!(one.claim(&a, LONG), other.claim(&a, LONG));
        let both = [both.0.expect("asked"), both.1.expect("asked")];
        assert!(both.contains(&None) && both.contains(&claim(1, "")), "{both:?}");
        assert!(other.names("acme").await.expect("names").is_empty(), "a claim is no account");
        assert_eq!(one.save(&a, 1, "first").await.expect("asked"), Fenced::Mine);
        let first = one.stamp(&a).await.expect("asked").expect("a stamp");
        assert_eq!(other.read(&a).await.expect("asked").as_deref(), Some("first"));
        assert_eq!(one.extend(&a, 1, NONE).await.expect("asked"), Fenced::Mine);
        // He was not heard of: another claims the row, and what he writes or extends is refused.
        assert_eq!(other.claim(&a, LONG).await.expect("asked"), claim(2, "first"));
        assert_eq!(one.save(&a, 1, "late").await.expect("asked"), Fenced::Lost);
        assert_eq!(one.extend(&a, 1, LONG).await.expect("asked"), Fenced::Lost);
        one.release(&a, 1).await.expect("asked");
        assert_eq!(one.claim(&a, LONG).await.expect("asked"), None, "the claim is not his to end");
        for record in ["second", "second"] {
            assert_eq!(other.save(&a, 2, record).await.expect("asked"), Fenced::Mine);
        }
        let second = one.stamp(&a).await.expect("asked").expect("a stamp");
        assert!(second.0 == first.0 + 2 && second.1 >= first.1, "{first:?} {second:?}");
        other.release(&a, 2).await.expect("asked");
        assert_eq!(one.claim(&a, LONG).await.expect("asked"), claim(3, "second"));
    }
}

#[tokio::test]
async fn numbers_go_on_where_an_account_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let table = SharedAccounts::open(&place).await.expect("a table");
        let (a, b) = (key("a"), key("b"));
        for (key, record) in [(&a, "of a"), (&b, "of b")] {
            table.claim(key, NONE).await.expect("asked");
            table.save(key, 1, record).await.expect("asked");
        }
        assert_eq!(table.names("acme").await.expect("names"), ["a", "b"]);
        assert!(table.names("other").await.expect("names").is_empty());
        assert_eq!(table.save(&a, 1, "").await.expect("asked"), Fenced::Mine);
        assert_eq!(table.names("acme").await.expect("names"), ["b"]);
        assert_eq!(table.all().await.expect("all"), [(b, "of b".to_owned())]);
        assert_eq!(
            (table.read(&a).await.expect("asked"), table.stamp(&a).await.expect("asked")),
            (None, None)
        );
        // Who claimed it before it was taken away, and wakes up now, does not bring it back.
        assert_eq!(table.claim(&a, LONG).await.expect("asked"), claim(2, ""));
        assert_eq!(table.save(&a, 1, "of a").await.expect("asked"), Fenced::Lost);
    }
}
