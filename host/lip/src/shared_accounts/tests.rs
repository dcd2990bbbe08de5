//! Two hosts over one table, here in a file: what one seals the other opens, and nobody writes over what he cannot open.
use super::seal::Seal;
use super::{Commons, Table};
use base::Secret;
use ledger::accounts::{Key, SharedAccounts};
use ledger::store::Place;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vault::{Account, Copies, Lock, Records, Shared as _, Unkept};

const KEYS: [&str; 2] =
    ["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="];

fn host(file: &Path, keys: &[&str]) -> (Arc<Table>, Arc<dyn Records>) {
    let keys: Vec<_> = keys.iter().map(|key| Secret::new((*key).to_owned())).collect();
    let table = Arc::new(Table {
        place: Place::File(file.to_owned()),
        seal: Seal::new(&keys).unwrap_or_else(|e| panic!("{e}")),
        link: None,
        open: tokio::sync::Mutex::default(),
        down: parking_lot::Mutex::default(),
    });
    let records = Commons(Arc::clone(&table)).records("acme");
    (table, records)
}

fn account(token: &str) -> Account {
    let mut account = Account::new("acme", "a");
    account.refresh_token = Some(Secret::new(token.to_owned()));
    account
}

async fn hold(records: &Arc<dyn Records>, name: &str) -> Box<dyn Lock> {
    let taken = records.try_lock(name).await;
    taken.unwrap_or_else(|e| panic!("{e}")).unwrap_or_else(|| panic!("{name} is held"))
}

async fn save(records: &Arc<dyn Records>, name: &str, token: &str) -> Result<(), Unkept> {
    let lock = hold(records, name).await;
    let saved = lock.save(&account(token), Copies::Both).await;
    lock.release().await;
    saved
}

async fn token(records: &Arc<dyn Records>, name: &str) -> Result<Option<String>, String> {
    let found = records.load(name).await;
    let told = found.account.map(|account| account.refresh_token.expect("a token").expose().clone());
    found.broken.map_or(Ok(told), Err)
}

#[tokio::test]
async fn one_host_at_a_time_holds_an_account_and_the_others_read_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.db");
    let ((_, one), (_, other)) = (host(&file, &KEYS[..1]), host(&file, &KEYS[..1]));
    assert_eq!(token(&one, "a").await, Ok(None));
    save(&one, "a", "hush").await.expect("saved");
    let lock = hold(&one, "a").await;
    assert!(other.try_lock("a").await.expect("asked").is_none());
    assert_eq!(token(&other, "a").await, Ok(Some("hush".to_owned())));
    drop(lock);
    // Dropped, it lets go in a moment.
    while other.try_lock("a").await.expect("asked").is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let bytes = std::fs::read_dir(folder.path())
        .expect("files")
        .flatten()
        .flat_map(|file| std::fs::read(file.path()));
    assert!(bytes.flatten().collect::<Vec<u8>>().windows(4).all(|bytes| bytes != b"hush"));
}

#[tokio::test]
async fn who_lost_his_claim_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.db");
    let ((_, one), (_, other)) = (host(&file, &KEYS[..1]), host(&file, &KEYS[..1]));
    let late = hold(&one, "a").await;
    let rows = SharedAccounts::open(&Place::File(file)).await.expect("a table");
    let key = Key { backend: "acme".to_owned(), name: "a".to_owned() };
    rows.release(&key, 1).await.expect("the end of its claim");
    save(&other, "a", "new").await.expect("saved");
    let refused = late.save(&account("old"), Copies::Both).await;
    assert!(matches!(refused, Err(Unkept::Lost)), "{refused:?}");
    assert!(matches!(late.erase().await, Err(Unkept::Lost)));
    assert_eq!(token(&other, "a").await, Ok(Some("new".to_owned())));
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_and_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.db");
    let ((table, one), (stranger, other)) = (host(&file, &KEYS[..1]), host(&file, &KEYS[1..]));
    save(&one, "a", "hush").await.expect("saved");
    let told = token(&other, "a").await.expect_err("another key");
    assert!(
        told.contains("acme/a") && told.contains("another accounts.key") && !told.contains("hush"),
        "{told}"
    );
    let refused = save(&other, "a", "mine").await;
    assert!(
        matches!(&refused, Err(Unkept::Shared { why, .. }) if why.contains("another accounts.key")),
        "{refused:?}"
    );
    assert_eq!(token(&one, "a").await, Ok(Some("hush".to_owned())));
    assert_eq!(table.examine().await, Ok(1));
    let told = stranger.examine().await.expect_err("another key");
    assert!(told.contains("acme/a cannot be opened") && told.contains("; give this host that key"), "{told}");
    // The row of another account: as if it were changed.
    let rows = SharedAccounts::open(&Place::File(file.clone())).await.expect("a table");
    let key = |name: &str| Key { backend: "acme".to_owned(), name: name.to_owned() };
    let sealed = rows.read(&key("a")).await.expect("read").expect("a record");
    let claim = rows.claim(&key("b"), Duration::ZERO).await.expect("asked").expect("a claim");
    rows.save(&key("b"), claim.fence, &sealed).await.expect("saved");
    let told = token(&one, "b").await.expect_err("another's record");
    assert!(told.contains("another account's"), "{told}");
    // With both keys the first seals from now on; an account that is forgotten needs none.
    let (_, both) = host(&file, &[KEYS[1], KEYS[0]]);
    assert_eq!(token(&both, "a").await, Ok(Some("hush".to_owned())));
    save(&both, "a", "anew").await.expect("saved");
    assert_eq!(token(&other, "a").await, Ok(Some("anew".to_owned())));
    assert!(token(&one, "a").await.is_err());
    hold(&one, "b").await.erase().await.expect("forgotten");
    assert_eq!(token(&one, "b").await, Ok(None));
}
