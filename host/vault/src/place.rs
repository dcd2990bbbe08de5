//! Where an account lives: in our own record alone, or in a client's file with our record beside it.
use crate::account::{Account, State};
use crate::cas::{self, Winner};
use crate::core::{Core, Trouble};
use crate::disk::{Held, Stamp};
use crate::foreign;
use crate::print::TokenPrint;
use crate::spec::{Access, Source};
use crate::store::{Copies, Paths, Record};
use std::time::Duration;

/// After so long a file that could not be read is read once more: its writer may be about to finish.
const REREAD: Duration = Duration::from_millis(20);

/// Where an account lives.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) paths: Paths,
    pub(crate) source: Option<Source>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Free,
    Locked,
}

impl Place {
    /// The account's lock, and the client's own.
    pub(crate) async fn lock(&self, core: &Core) -> Result<(Held, Option<foreign::ClientLock>), Trouble> {
        let held = core.lock(&self.paths).await?;
        let clients = match self.writable().and_then(|source| source.lock.as_ref()) {
            Some(style) => Some(foreign::lock(core, style).await?),
            None => None,
        };
        Ok((held, clients))
    }

    pub(crate) fn writable(&self) -> Option<&Source> {
        self.source.as_ref().filter(|source| source.access == Access::Write)
    }

    /// What tells whether anything changed.
    pub(crate) async fn stamps(&self, core: &Core) -> Option<[Option<Stamp>; 3]> {
        let (paths, file) = (self.paths.clone(), self.source.as_ref().map(|s| s.file.clone()));
        let stamps = core.on_disk(move |disk| {
            let [main, spare] = paths.stamps(disk);
            Ok([main, spare, file.and_then(|file| disk.stamp(&file).ok().flatten())])
        });
        stamps.await.ok()
    }

    /// What is there now.
    pub(crate) async fn load(&self, core: &Core, hold: Hold) -> Loaded {
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

    async fn record(&self, core: &Core, hold: Hold) -> Record {
        let read = async |hold: Hold| {
            let paths = self.paths.clone();
            let read = core.on_disk(move |disk| {
                if hold == Hold::Locked {
                    paths.sweep(disk);
                }
                Ok(paths.load(disk))
            });
            read.await.unwrap_or_default()
        };
        if hold == Hold::Locked
            && let Some(source) = self.writable()
        {
            foreign::sweep(core, source).await;
        }
        let record = read(hold).await;
        if record.broken.is_none() {
            return record;
        }
        tokio::time::sleep(REREAD).await;
        read(Hold::Free).await
    }

    /// Stores our own record durably. Only for who holds the lock.
    pub(crate) async fn save(
        &self,
        core: &Core,
        account: &mut Account,
        copies: Copies,
    ) -> Result<(), Trouble> {
        account.updated_ms = core.now_ms();
        let (paths, mut next) = (self.paths.clone(), account.clone());
        next.book.revision += 1;
        let saved = core.on_disk(move |disk| paths.save(disk, &next, copies)).await;
        saved.map_err(|e| Trouble::disk("the account cannot be stored", &e))?;
        // What is not on the disk is no revision of it.
        account.book.revision += 1;
        Ok(())
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
