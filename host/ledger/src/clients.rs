//! The client keys that all hosts of a database share: names, and what was told of each. What that means, and that it holds the hash of a
//! key and no key, is known to those who write and read it.
use crate::store::{self, Error, Place, Pool, Use};
use crate::values::us;
use sqlx::Row;
use std::time::{SystemTime, UNIX_EPOCH};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedClient {
    /// Its name. There is one of each.
    pub name: String,
    /// What was told of it.
    pub told: String,
}

/// Whether a name was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was, and is taken now.
    Yes,
    /// Another client has it.
    Taken,
}

/// The table.
#[derive(Debug)]
pub struct SharedClients(Pool);

impl SharedClients {
    /// Of the database at `place`, which is made where it is a file that is missing.
    ///
    /// # Errors
    /// It cannot be used.
    pub async fn open(place: &Place) -> Result<Self, Error> {
        store::open(place, Use::Write).await.map(Self)
    }

    /// All of them, by their names.
    ///
    /// # Errors
    /// The database's.
    pub async fn all(&self) -> Result<Vec<SharedClient>, Error> {
        let rows = sqlx::query("SELECT name, told FROM lip_clients ORDER BY name").fetch_all(&self.0).await?;
        let of = |row: &sqlx::any::AnyRow| Ok(SharedClient { name: row.try_get(0)?, told: row.try_get(1)? });
        rows.iter().map(of).collect()
    }

    /// Adds one. Of two that add the same name at the same time one is told that it is taken.
    ///
    /// # Errors
    /// The database's.
    pub async fn add(&self, client: &SharedClient) -> Result<Added, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let question =
            "INSERT INTO lip_clients (name, told, made_us) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        let query = sqlx::query(question).bind(client.name.clone()).bind(client.told.clone()).bind(us(now));
        let done = query.execute(&self.0).await?;
        Ok(if done.rows_affected() == 1 { Added::Yes } else { Added::Taken })
    }

    /// Takes one away; says whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove(&self, name: &str) -> Result<bool, Error> {
        let query = sqlx::query("DELETE FROM lip_clients WHERE name = $1").bind(name.to_owned());
        Ok(query.execute(&self.0).await?.rows_affected() > 0)
    }
}
