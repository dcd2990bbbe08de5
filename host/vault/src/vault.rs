//! The folder of all accounts, and the pools over it.
use crate::account::is_name;
use crate::core::{Clock, Core};
use crate::disk::{Disk, RealDisk};
use crate::figures::Renewals;
use crate::files::Files;
use crate::place::Place;
use crate::pool::Pool;
use crate::provider::Provider;
use crate::records::{Records, Shared};
use crate::select::Turnstile;
use crate::spec::{PoolSpec, Source};
use crate::store::parse;
use base::Secret;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All accounts of this user. Several processes may have the same folder open.
pub struct Vault {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    /// Where accounts are kept that many hosts share; none: in the folder.
    shared: Option<Arc<dyn Shared>>,
    /// Where strategies that go round stand, per backend: pools of one backend share it.
    stiles: Mutex<HashMap<String, Arc<Mutex<Turnstile>>>>,
}

impl Vault {
    /// The vault in `folder`, which is created with the first account.
    pub fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self::on(folder, clock, Arc::new(RealDisk))
    }

    /// The same over another file system.
    pub fn on(folder: PathBuf, clock: Arc<dyn Clock>, disk: Arc<dyn Disk>) -> Self {
        Self { folder, clock, disk, shared: None, stiles: Mutex::default() }
    }

    /// The same, with the accounts that many hosts share in place of those of the folder. What belongs to files of official clients stays
    /// there.
    #[must_use]
    pub fn sharing(self, shared: Arc<dyn Shared>) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// Whether its accounts are those that many hosts share.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Whether somebody has logged in to `backend` here. Looks at names of files only; where many hosts share accounts, somebody may have.
    pub fn holds(&self, backend: &str) -> bool {
        if self.is_shared() {
            return true;
        }
        let files = std::fs::read_dir(self.folder.join(backend)).into_iter().flatten().flatten();
        files.into_iter().any(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
    }

    /// The tokens of all accounts that are stored in files here, of whatever backend: for those who must not let them out. What cannot be read
    /// has none.
    pub fn tokens(&self) -> Vec<Secret<String>> {
        let list = |folder: &Path| {
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
        };
        let backends = list(&self.folder);
        let folders = backends.flat_map(|folder| [folder.join("files"), folder]);
        let records = folders.flat_map(|folder| list(&folder).collect::<Vec<_>>());
        let is_record =
            |path: &PathBuf| path.extension().is_some_and(|name| name == "json" || name == "good");
        let accounts = records.filter(is_record).filter_map(|path| parse(&std::fs::read(path).ok()?).ok());
        accounts.flat_map(|account| [account.access_token, account.refresh_token]).flatten().collect()
    }

    /// A pool of accounts. Nothing is read before it is asked for something.
    pub fn pool(&self, spec: PoolSpec, provider: Arc<dyn Provider>) -> Arc<Pool> {
        let stile = Arc::clone(self.stiles.lock().entry(spec.backend.clone()).or_default());
        let folder = self.folder.join(&spec.backend);
        let files = |folder: PathBuf| Arc::new(Files { folder, disk: Arc::clone(&self.disk) });
        let places = places(&(files(folder.join("files")) as Arc<dyn Records>), &spec);
        let records = match &self.shared {
            Some(shared) => shared.records(&spec.backend),
            None => files(folder),
        };
        let (clock, disk, renewals) = (Arc::clone(&self.clock), Arc::clone(&self.disk), Renewals::default());
        Arc::new(Pool::new(Core { spec, clock, records, disk, provider, renewals }, stile, places))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Where the accounts of clients' files live. One is named after its file, with a few digits where two files have one name.
fn places(records: &Arc<dyn Records>, spec: &PoolSpec) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for source in &spec.sources {
        let digits = base::hex(&Sha256::digest(source.file.as_os_str().as_encoded_bytes())[..4]);
        let plain = name_of(source);
        let is_taken = places.iter().any(|place| place.name == plain);
        let name = if is_taken { format!("{plain}-{digits}") } else { plain };
        if !spec.accounts.allows(&name) {
            continue;
        }
        // The digits belong to the place, so that a record is never taken for another file's.
        let (records, record) = (Arc::clone(records), format!("{name}-{digits}"));
        places.push(Place { name, records, record, source: Some(source.clone()) });
    }
    places
}

fn name_of(source: &Source) -> String {
    let stem = source.file.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' };
    let name: String = stem.chars().map(plain).take(48).collect();
    let name = name.trim_start_matches(['-', '_']);
    if is_name(name) { name.to_owned() } else { "file".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Access;

    #[test]
    fn files_get_names_that_last() {
        let source = |file: &str| Source {
            file: file.into(),
            access: Access::Read,
            format: String::new(),
            lock: None,
        };
        let mut spec = PoolSpec::new("b");
        let records: Arc<dyn Records> = Arc::new(Files { folder: "v".into(), disk: Arc::new(RealDisk) });
        spec.sources = ["x/oauth_creds.json", "y/oauth_creds.json", ".hidden", "ä.json"].map(source).into();
        let names: Vec<String> = places(&records, &spec).into_iter().map(|place| place.name).collect();
        assert_eq!(names[0], "oauth_creds");
        assert!(names[1].starts_with("oauth_creds-") && is_name(&names[1]));
        assert_eq!(names[2..], ["hidden", "file"]);
    }
}
