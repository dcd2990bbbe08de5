//! Where an account lives: in our own record alone, or in a client's file with our record beside it.
use crate::account::{Account, State};
use crate::cas::{self, Winner};
use crate::core::{self, Core, Trouble};
use crate::disk::Stamp;
use crate::foreign;
use crate::print::TokenPrint;
use crate::records::{Copies, Lock, Record, Records, Unkept};
use crate::spec::{Access, Source};
use std::sync::Arc;
use std::time::Duration;

/// After so long a file that could not be read is read once more: its writer may be about to finish.
const REREAD: Duration = Duration::from_millis(20);

/// Where an account lives.
#[derive(Clone)]
pub(crate) struct Place {
    /// The account's.
    pub(crate) name: String,
    pub(crate) records: Arc<dyn Records>,
    /// The record's.
    pub(crate) record: String,
    pub(crate) source: Option<Source>,
}

/// An account's lock that is held, and the client's own.
pub(crate) struct Locked {
    record: Box<dyn Lock>,
    _client: Option<foreign::ClientLock>,
}

/// What was found there.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) sight: Sight,
    pub(crate) account: Option<Account>,
    /// What cannot be read, in a sentence.
    pub(crate) problem: Option<String>,
    /// The refresh token that the client's file holds.
    pub(crate) in_file: Option<TokenPrint>,
}

/// How well an account can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It is there.
    Good,
    /// It is not there.
    Gone,
    /// Something is there that cannot be read, so that nobody knows which tokens count.
    Unreadable,
}

/// Whether the reader holds the account's lock.
#[derive(Clone, Copy)]
pub(crate) enum Hold<'a> {
    Free,
    Locked(&'a Locked),
}

impl Locked {
    /// Stores the record durably.
    pub(crate) async fn save(
        &self,
        core: &Core,
        account: &mut Account,
        copies: Copies,
    ) -> Result<(), Unkept> {
        account.updated_ms = core.now_ms();
        let mut next = account.clone();
        next.book.revision += 1;
        self.record.save(&next, copies).await?;
        // What is not stored is no revision of it.
        account.book.revision += 1;
        Ok(())
    }

    /// Removes the record.
    pub(crate) async fn erase(&self) -> Result<(), Unkept> {
        self.record.erase().await
    }

    /// Lets go, and returns when others may take it.
    pub(crate) async fn release(self) {
        self.record.release().await;
    }
}

impl Place {
    /// The account's lock, and the client's own.
    pub(crate) async fn lock(&self, core: &Core) -> Result<Locked, Trouble> {
        let record = core::lock(&*self.records, &self.record).await?;
        let client = match self.writable().and_then(|source| source.lock.as_ref()) {
            Some(style) => Some(foreign::lock(core, style).await?),
            None => None,
        };
        Ok(Locked { record, _client: client })
    }

    pub(crate) fn writable(&self) -> Option<&Source> {
        self.source.as_ref().filter(|source| source.access == Access::Write)
    }

    /// What tells whether anything changed.
    pub(crate) async fn stamps(&self, core: &Core) -> Option<[Option<Stamp>; 3]> {
        let [main, spare] = self.records.stamps(&self.record).await.ok()?;
        let Some(file) = self.source.as_ref().map(|source| source.file.clone()) else {
            return Some([main, spare, None]);
        };
        let clients = core.on_disk(move |disk| Ok(disk.stamp(&file).ok().flatten()));
        Some([main, spare, clients.await.ok()?])
    }

    /// What is there now.
    pub(crate) async fn load(&self, core: &Core, hold: Hold<'_>) -> Loaded {
        let loaded = self.look(core, hold).await;
        if let Some(account) = &loaded.account {
            core.provider.saw(account);
        }
        loaded
    }

    async fn look(&self, core: &Core, hold: Hold<'_>) -> Loaded {
        let record = self.record(core, hold).await;
        let Some(source) = &self.source else {
            let sight = match (&record.account, &record.broken) {
                (Some(_), _) => Sight::Good,
                (None, Some(_)) => Sight::Unreadable,
                (None, None) => Sight::Gone,
            };
            // The file's name counts: a record may have been copied.
            let account = record.account.map(|account| Account { name: self.name.clone(), ..account });
            return Loaded { sight, account, problem: record.broken, in_file: None };
        };
        let mut file = foreign::read(core, source).await;
        if !matches!(file, Ok(Some(_))) {
            tokio::time::sleep(REREAD).await;
            file = foreign::read(core, source).await;
        }
        match file {
            Ok(Some(file)) => {
                let in_file = file.account.refresh_print();
                let ours = record.account.unwrap_or_else(|| Account::new(&core.spec.backend, &self.name));
                let mut account = together(file.account, ours);
                account.backend.clone_from(&core.spec.backend);
                account.name.clone_from(&self.name);
                Loaded { sight: Sight::Good, account: Some(account), problem: record.broken, in_file }
            }
            // Its client has logged out: our copies of its tokens count no more.
            Ok(None) => Loaded {
                sight: Sight::Gone,
                account: None,
                problem: Some(format!("{} is not there: log in with its client", source.file.display())),
                in_file: None,
            },
            Err(why) => Loaded {
                sight: Sight::Unreadable,
                account: record.account,
                problem: Some(why),
                in_file: None,
            },
        }
    }

    async fn record(&self, core: &Core, hold: Hold<'_>) -> Record {
        let record = match hold {
            Hold::Free => self.records.load(&self.record).await,
            Hold::Locked(locked) => {
                if let Some(source) = self.writable() {
                    foreign::sweep(core, source).await;
                }
                locked.record.load().await
            }
        };
        if record.broken.is_none() {
            return record;
        }
        tokio::time::sleep(REREAD).await;
        self.records.load(&self.record).await
    }
}

/// A client's file and our own record for it, as one account.
fn together(file: Account, mut ours: Account) -> Account {
    if cas::winner(&file, &ours) == Winner::Ours {
        let mut fields = file.fields;
        fields.extend(std::mem::take(&mut ours.fields));
        ours.fields = fields;
        return ours;
    }
    let is_new = file.access_print() != ours.access_print() || file.refresh_print() != ours.refresh_print();
    if is_new {
        ours.take_tokens(&file);
        ours.book.renewed_ms = 0;
        ours.book.seen = file.refresh_print();
        if ours.refresh_token.is_none() || ours.live_refresh().is_some() {
            ours.state = State::Ready;
        }
    }
    ours.book.is_pending = false;
    if !file.label.is_empty() {
        ours.label = file.label;
    }
    ours.fields.extend(file.fields);
    ours
}
