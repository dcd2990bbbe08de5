//! The database behind the ledger: a file of SQLite, or a PostgreSQL server.
use crate::schema;
use base::Secret;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) type Pool = sqlx::AnyPool;

/// Connections that read at the same time.
const READERS_MAX: u32 = 3;
/// The time for a connection to be there.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Where rows are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file of SQLite. Made, with its folder, where it is missing.
    File(PathBuf),
    /// The URL of a PostgreSQL server: `postgres://user:password@host/database`. Holds a password.
    Server(Secret<String>),
}

impl Place {
    /// Where `text` says: a URL of PostgreSQL or SQLite, or a path.
    ///
    /// # Errors
    /// A URL of another kind.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_server = text.starts_with("postgres://") || text.starts_with("postgresql://");
        match text.split_once("://") {
            Some(_) if is_server => Ok(Self::Server(Secret::new(text.to_owned()))),
            Some(("sqlite", path)) => Ok(Self::File(path.into())),
            // The rest may hold a password.
            Some((scheme, _)) => {
                Err(format!("a database of kind {scheme}:// is not known: expected a path or postgres://…"))
            }
            None => Ok(Self::File(text.into())),
        }
    }

    /// A name for a file that belongs to this place: what [`Self::shown`] says, in letters that any file system takes.
    pub fn file_name(&self) -> String {
        let server = match self {
            Self::File(_) => None,
            Self::Server(url) => url.expose().split_once("?").map(|(_, options)| options),
        };
        let is_where =
            |option: &&str| ["host=", "port=", "dbname="].iter().any(|name| option.starts_with(name));
        let options = server.unwrap_or_default().split('&').filter(is_where);
        let text = options.fold(self.shown().replace("postgres://", ""), |text, option| text + "_" + option);
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' };
        let name: String = text.chars().map(plain).collect();
        name.trim_matches(['_', '.']).to_owned()
    }

    /// As people read it, without what may be a secret.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(url) => {
                let place = base::without_login(url.expose()).map_or("", |(_, place)| place);
                format!("postgres://{place}")
            }
        }
    }
}

/// Why the ledger cannot be used at the moment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's own words.
    #[error("the database answered: {0}")]
    Database(#[from] sqlx::Error),
    /// It was written by a newer LIP.
    #[error(
        "the database has tables of version {found}, this LIP knows {known}: use the newer LIP, or another usage.database"
    )]
    Newer {
        /// What is there.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// It has not answered for so many seconds.
    #[error("the database has not answered for {0} s")]
    Slow(u64),
    /// Rows of turns that have ended wait to be written.
    #[error("usage of some turns waits to be written")]
    Behind,
    /// Its file cannot be made.
    #[error("{path} cannot be made: {source}")]
    Folder {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Is it about what stands in a row, and will be the same however often that is written?
    /// Source: PostgreSQL, "Error Codes": classes 22, data exception, and 23, integrity constraint violation.
    pub(crate) fn is_of_a_value(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| code.len() == 5 && (code.starts_with("22") || code.starts_with("23")))
    }
}

/// What a pool of connections is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To write, over one connection, for each of SQLite's is a thread with pages of its own. A missing file is made.
    Write,
    /// To read. A missing file is refused.
    Read,
}

/// Opens the database and brings its tables up to date.
///
/// # Errors
/// It cannot be reached, or used.
pub(crate) async fn open(place: &Place, purpose: Use) -> Result<Pool, Error> {
    install_default_drivers();
    let url = match place {
        Place::Server(url) => url.expose().clone(),
        Place::File(path) => {
            if purpose == Use::Write {
                make(path).map_err(|source| Error::Folder { path: path.display().to_string(), source })?;
            }
            file_url(path, purpose)
        }
    };
    let is_file = matches!(place, Place::File(_));
    let connections_max = match purpose {
        Use::Write => 1,
        Use::Read => READERS_MAX,
    };
    let options = AnyPoolOptions::new().max_connections(connections_max).acquire_timeout(CONNECT_TIME);
    let options = options.after_connect(move |connection, _| {
        Box::pin(async move {
            if is_file {
                // Readers do not wait for the writer, and a writer of another process is waited for. Rows come in the order of
                // their keys, so that few pages serve; what a batch writes fits.
                for pragma in [
                    "PRAGMA busy_timeout = 5000",
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA synchronous = NORMAL",
                    "PRAGMA cache_size = -1024",
                ] {
                    sqlx::query(pragma).execute(&mut *connection).await?;
                }
            }
            Ok(())
        })
    });
    let pool = options.connect(&url).await?;
    schema::prepare(&pool, place).await?;
    Ok(pool)
}

/// Makes the file and its folder. Who talks with which model is nobody else's business.
fn make(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// What a URL gives a meaning of its own is written as its number.
fn file_url(path: &Path, purpose: Use) -> String {
    let mode = if purpose == Use::Write { "rwc" } else { "rw" };
    let mut url = String::from("sqlite://");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'%' | b'?' | b'#' => url.push_str(&format!("%{byte:02X}")),
            _ if byte.is_ascii() => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{url}?mode={mode}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_shown_without_their_password() {
        let shown = |text: &str| Place::parse(text).map(|place| place.shown());
        assert_eq!(shown("/var/lib/lip/usage.db").as_deref(), Ok("/var/lib/lip/usage.db"));
        assert_eq!(shown("sqlite://usage.db").as_deref(), Ok("usage.db"));
        let server = "postgres://lip:s3cret@db.test:5432/usage?sslpassword=other";
        assert_eq!(shown(server).as_deref(), Ok("postgres://db.test:5432/usage"));
        assert!(!format!("{:?}", Place::parse(server)).contains("s3cret"));
        let name = |text: &str| Place::parse(text).map(|place| place.file_name());
        assert_eq!(name(server).as_deref(), Ok("db.test_5432_usage"));
        assert_eq!(name("postgres://u:s3cret@/lip?host=/run/pg&sslkey=x").as_deref(), Ok("lip_host__run_pg"));
        let refused = shown("mysql://lip:s3cret@db.test").expect_err("another kind");
        assert!(refused.contains("mysql") && !refused.contains("s3cret"), "{refused}");
    }
}
