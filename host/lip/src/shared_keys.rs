//! The client keys of the database, which all hosts share: as `lip keys` writes them there, and as a host takes them up while it runs.
use crate::access::{KeysPlace, keys_place};
use crate::out;
use crate::reload::Reloader;
use ledger::clients::{Added, SharedClient, SharedClients};
use ledger::store::{Error, Place};
use settings::{ClientKey, Env, File, Format, Resolved};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;

/// The time between two looks: a key that is revoked is refused by every host after that, and the time of a look.
const EVERY: Duration = Duration::from_secs(2);
/// How long a look may take.
const LOOK_TIME: Duration = Duration::from_secs(3);

/// The database that these settings have client keys in.
///
/// # Errors
/// One of an unknown kind.
pub(crate) fn place(settings: &Resolved, env: &Env) -> Result<Option<Place>, String> {
    match keys_place(settings, env)? {
        KeysPlace::Database(place) => Ok(Some(place)),
        KeysPlace::File(_) => Ok(None),
    }
}

/// A host's eye on them.
#[derive(Debug)]
pub(crate) struct SharedKeys {
    place: Option<Place>,
    /// How long they stay in use without a look. None: for as long as the host runs.
    kept_for: Option<Duration>,
    table: Option<SharedClients>,
    /// Those that are in use.
    seen: Option<Vec<SharedClient>>,
    /// When they were read.
    read: Instant,
    is_told: bool,
}

impl SharedKeys {
    /// On those that these settings name.
    ///
    /// # Errors
    /// A database of an unknown kind.
    pub(crate) fn of(settings: &Resolved, env: &Env) -> Result<Self, String> {
        let kept_for = Some(settings.keys_kept_for()).filter(|time| !time.is_zero());
        let place = place(settings, env)?;
        Ok(Self { place, kept_for, table: None, seen: None, read: Instant::now(), is_told: false })
    }

    /// Takes them up whenever they have changed; those that are known stay for their time while the database cannot be read. Never ends.
    pub(crate) async fn follow(&mut self, reloader: &Reloader) -> Infallible {
        while self.place.is_some() {
            tokio::time::sleep(EVERY).await;
            self.look(reloader).await;
        }
        std::future::pending().await
    }

    /// Takes them up if they have changed.
    pub(crate) async fn look(&mut self, reloader: &Reloader) {
        let Some(place) = self.place.clone() else { return };
        let began = Instant::now();
        match tokio::time::timeout(LOOK_TIME, self.read(&place)).await {
            Ok(Ok(all)) => {
                (self.is_told, self.read) = (false, began);
                if self.seen.as_ref() != Some(&all) {
                    let keys = parsed(&all).into_iter().filter_map(|key| match key {
                        Ok(key) => Some(key),
                        Err(why) => {
                            tracing::error!(database = place.shown(), "a client key is left out: {why}");
                            None
                        }
                    });
                    reloader.take_keys(Some(keys.collect())).await;
                    self.seen = Some(all);
                }
            }
            Ok(Err(error)) => self.failed(&place, &error.to_string()),
            Err(_) => self.failed(&place, "it has not answered in time"),
        }
        if self.read == began {
            return;
        }
        let is_over = self.kept_for.is_some_and(|time| self.read.elapsed() >= time);
        if is_over && self.seen.take().is_some() {
            reloader.take_keys(None).await;
        }
    }

    async fn read(&mut self, place: &Place) -> Result<Vec<SharedClient>, Error> {
        let table = match self.table.take() {
            Some(table) => table,
            None => SharedClients::open(place).await?,
        };
        self.table.insert(table).all().await
    }

    fn failed(&mut self, place: &Place, error: &str) {
        if !std::mem::replace(&mut self.is_told, true) {
            let database = place.shown();
            tracing::warn!(error, database, "client keys cannot be read; those that are known stay in use");
        }
    }
}

/// The keys that were told of, or what is wrong with one: perhaps a newer LIP wrote it.
fn parsed(all: &[SharedClient]) -> Vec<Result<ClientKey, String>> {
    let one = |client: &SharedClient| {
        let name = format!("the database's \"{}\"", client.name);
        let file = File { name: &name, format: Format::Toml, text: &client.told };
        let mut keys = settings::read_keys(&file).map_err(|refused| refused.to_string())?;
        let key = keys.pop().filter(|key| keys.is_empty() && key.name() == client.name);
        key.ok_or_else(|| format!("{name} is not one key of that name"))
    };
    all.iter().map(one).collect()
}

/// The table of a database, for one subcommand.
pub(crate) struct Desk<'a>(pub(crate) &'a Place);

impl Desk<'_> {
    /// Adds a key that is told of so.
    ///
    /// # Errors
    /// The name is taken, or the database cannot be used.
    pub(crate) fn add(&self, name: &str, told: &str) -> Result<(), String> {
        let client = SharedClient { name: name.to_owned(), told: told.to_owned() };
        match self.ask(async |table| table.add(&client).await)? {
            Added::Yes => Ok(()),
            Added::Taken => Err(taken(name)),
        }
    }

    /// Takes one away.
    ///
    /// # Errors
    /// There is none of this name, or the database cannot be used.
    pub(crate) fn remove(&self, name: &str) -> Result<(), String> {
        match self.ask(async |table| table.remove(name).await)? {
            true => Ok(()),
            false => Err(format!(
                "no key \"{name}\" stands in {}; one of the configuration or of a file is taken away there",
                self.0.shown()
            )),
        }
    }

    /// All of them that this LIP understands; of the others it is said why not.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(crate) fn all(&self) -> Result<Vec<ClientKey>, String> {
        let all = self.ask(async |table| table.all().await)?;
        Ok(parsed(&all).into_iter().filter_map(|key| key.map_err(out::progress).ok()).collect())
    }

    fn ask<T>(&self, what: impl AsyncFnOnce(&SharedClients) -> Result<T, Error>) -> Result<T, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let asked = async { what(&SharedClients::open(self.0).await?).await };
        let answer = runtime.map_err(|e| e.to_string())?.block_on(asked);
        answer.map_err(|error| format!("{}: {error}", self.0.shown()))
    }
}

/// What is said of a name that is given away.
pub(crate) fn taken(name: &str) -> String {
    format!("there is a key \"{name}\" already; lip keys revoke {name} takes it away")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_understood_stands_in_no_other_s_way() {
        let hash = access::KeyHash::of(b"k").to_string();
        let told = |name: &str, text: &str| SharedClient { name: name.to_owned(), told: text.to_owned() };
        let good = format!("[\"ann\"]\nhash = \"{hash}\"\nrequests_per_minute = 7\n");
        let two = format!("{good}[eve]\nhash = \"{hash}\"\n");
        let newer = format!("[\"ann\"]\nhash = \"{hash}\"\nwatts_per_minute = 7\n");
        let all =
            [told("ann", &good), told("ben", &good), told("eve", &two), told("ann", &newer), told("x", "")];
        let read: Vec<Option<u64>> = parsed(&all)
            .into_iter()
            .map(|key| key.ok().and_then(|key| key.values().requests_per_minute()))
            .collect();
        assert_eq!(read, [Some(7), None, None, None, None]);
    }
}
