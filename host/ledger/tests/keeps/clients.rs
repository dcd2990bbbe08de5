//! Client keys that hosts share: one of each name, whoever adds it.
use super::places;
use ledger::clients::{Added, SharedClient, SharedClients};

fn client(name: &str, told: &str) -> SharedClient {
    SharedClient { name: name.to_owned(), told: told.to_owned() }
}

#[tokio::test]
async fn clients_are_added_once_and_gone_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    for place in places(folder.path()).await {
        let one = SharedClients::open(&place).await.expect("a table");
        let other = SharedClients::open(&place).await.expect("a table");
        let (ben, another) = (client("ben", "hash = \"a\"\n"), client("ben", "another"));
        let ann = client("ann", "hash = 'b'\n");
        let both = tokio::join!(one.add(&ben), other.add(&another));
        let both = [both.0.expect("added"), both.1.expect("added")];
        assert!(both.contains(&Added::Yes) && both.contains(&Added::Taken), "{both:?}");
        assert_eq!(other.add(&ann).await.expect("added"), Added::Yes);
        let all = one.all().await.expect("all");
        assert_eq!((all.len(), &all[0]), (2, &ann));
        assert!(one.remove("ben").await.expect("removed") && !other.remove("ben").await.expect("none"));
        assert_eq!(other.all().await.expect("all"), [ann]);
    }
}
