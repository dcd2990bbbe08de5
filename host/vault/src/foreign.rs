//! Files of official clients: read as they are, written only over what we started from, and never created.
use crate::account::Account;
use crate::cas::{self, Verdict};
use crate::core::{Core, Trouble};
use crate::disk::{Disk, Held, Stamp};
use crate::print::TokenPrint;
use crate::spec::{LockStyle, Source};
use crate::store::unique;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// So often a file that changes under our hands is looked at again.
const ROUNDS: usize = 3;
/// How a client's lock is waited for: so often, from the first pause to the longest.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
const LOCK_PAUSE_MAX: Duration = Duration::from_secs(2);

/// A client's file as it is now.
pub(crate) struct ClientFile {
    pub(crate) account: Account,
    bytes: Bytes,
    stamp: Stamp,
}

/// Reads the file; none if there is none. The error is a sentence that names it.
pub(crate) async fn read(core: &Core, source: &Source) -> Result<Option<ClientFile>, String> {
    let path = source.file.clone();
    let told = |why: String| format!("{} cannot be read: {why}", source.file.display());
    let found = core.on_disk(move |disk| disk.read(&path)).await.map_err(|e| told(e.to_string()))?;
    let Some((bytes, stamp)) = found else { return Ok(None) };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(told("it is empty".into()));
    }
    let bytes = Bytes::from(bytes);
    let account = core.provider.read(&source.format, bytes.clone()).await.map_err(told)?;
    Ok(Some(ClientFile { account, bytes, stamp }))
}

/// Writes the tokens of `renewed` into the file. `basis`: the refresh token that it held when we began.
pub(crate) async fn write_back(
    core: &Core,
    source: &Source,
    renewed: &Account,
    basis: Option<&TokenPrint>,
) -> Result<Verdict, String> {
    let told = |why: String| format!("{} cannot be written: {why}", source.file.display());
    for _ in 0..ROUNDS {
        let Some(file) = read(core, source).await? else { return Err(told("it is gone".into())) };
        match cas::verdict(&file.account, renewed, basis) {
            verdict @ (Verdict::Done | Verdict::Theirs) => return Ok(verdict),
            Verdict::Write => {}
        }
        let bytes = core.provider.write(&source.format, file.bytes, renewed.clone()).await.map_err(told)?;
        if replace(core, source, bytes, file.stamp).await.map_err(|e| told(e.to_string()))? {
            return Ok(Verdict::Write);
        }
    }
    Err(told("its client writes it all the time".into()))
}

/// Replaces the file if it is still in the state `was`.
async fn replace(core: &Core, source: &Source, bytes: Bytes, was: Stamp) -> std::io::Result<bool> {
    let path = source.file.clone();
    core.on_disk(move |disk| {
        let path = disk.resolved(&path);
        let (folder, head) = temp_names(&path);
        let temp = folder.join(format!("{head}{}.tmp", unique()));
        let result = disk.create(&temp, &bytes).and_then(|()| {
            let is_same = disk.stamp(&path)? == Some(was);
            if is_same { disk.rename(&temp, &path).map(|()| true) } else { Ok(false) }
        });
        if !matches!(result, Ok(true)) {
            let _ = disk.remove(&temp);
        }
        result
    })
    .await
}

/// Removes what a process of ours left beside the file. Only for who holds our own lock.
pub(crate) async fn sweep(core: &Core, source: &Source) {
    let path = source.file.clone();
    let swept = core.on_disk(move |disk| {
        let (folder, head) = temp_names(&disk.resolved(&path));
        for name in disk.list(&folder)?.iter().filter(|n| n.starts_with(&head) && n.ends_with(".tmp")) {
            disk.remove(&folder.join(name))?;
        }
        Ok(())
    });
    // What cannot be removed now is found again at the next refresh.
    let _ = swept.await;
}

/// The folder of a client's file, and how our temporary files in it begin.
fn temp_names(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (path.parent().unwrap_or(Path::new("")).to_owned(), format!(".{name}.lip-"))
}

/// A client's lock, given back when dropped.
pub(crate) struct ClientLock {
    /// The system lets go of this one.
    _held: Option<Held>,
    /// This one is a file that has to be removed.
    created: Option<Created>,
}

/// A lock file of ours.
struct Created {
    disk: Arc<dyn Disk>,
    file: PathBuf,
    words: String,
}

impl Drop for ClientLock {
    fn drop(&mut self) {
        let Some(Created { disk, file, words }) = self.created.take() else { return };
        // It may have counted as left behind, and be another's now.
        let is_ours =
            disk.read(&file).is_ok_and(|found| found.is_some_and(|(bytes, _)| bytes == words.as_bytes()));
        if is_ours {
            // One that stays counts as left behind after a while.
            let _ = disk.remove(&file);
        }
    }
}

/// Keeps the client away from its file, in the way it understands.
pub(crate) async fn lock(core: &Core, style: &LockStyle) -> Result<ClientLock, Trouble> {
    let mut pause = LOCK_PAUSE;
    for _ in 0..LOCK_TRIES {
        let wanted = style.clone();
        let disk = core.disk.clone();
        let taken = core.on_disk(move |on| match wanted {
            LockStyle::Advisory { file } => {
                Ok(on.try_lock(&file)?.map(|held| ClientLock { _held: Some(held), created: None }))
            }
            LockStyle::Exclusive { file, stale_ms } => {
                if on.age(&file).is_some_and(|age| age > Duration::from_millis(stale_ms)) {
                    // Moved away first: of two who see it, one moves it, and nobody removes a new one.
                    let aside = file.with_extension(format!("stale-{}", unique()));
                    on.rename(&file, &aside)?;
                    on.remove(&aside)?;
                }
                let words = unique();
                match on.create(&file, words.as_bytes()) {
                    Ok(()) => {
                        Ok(Some(ClientLock { _held: None, created: Some(Created { disk, file, words }) }))
                    }
                    Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(None),
                    Err(e) => Err(e),
                }
            }
        });
        match taken.await {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Trouble::disk("the client's lock cannot be taken", &e)),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LOCK_PAUSE_MAX);
    }
    Err(Trouble::soon("the official client holds its lock"))
}
