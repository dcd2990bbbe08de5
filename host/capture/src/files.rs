//! The files of a folder, within their bounds. A turn stays in the file that it began in.
use crate::record::{Record, VERSION, line};
use crate::rules::Rules;
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How the names of files begin and end; between them stand the time in milliseconds, the process and a number, so that names are in
/// the order of time.
const BEGINS: &str = "lip-";
const ENDS: &str = ".jsonl";
/// What is left free at the end of a file for the last words of the turns that are cut.
const SPARE: u64 = 4096;

/// Why something was not written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A bound is reached.
    Full,
    /// The system refused it.
    Io(io::Error),
}

/// The open files.
#[derive(Debug)]
pub(crate) struct Files {
    rules: Arc<Rules>,
    open: HashMap<u64, Open>,
    current: Option<u64>,
    next: u64,
    /// Bytes of the files that are closed.
    closed_bytes: u64,
    failed: Vec<Failed>,
}

/// A file that could not be written: what it holds ends with its last whole line.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) id: u64,
    pub(crate) error: io::Error,
    /// Turns that have ended, and of which lines are lost.
    pub(crate) n_ended: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    began: Instant,
    /// Bytes with what waits.
    bytes: u64,
    waits: Vec<u8>,
    /// Turns that have ended, and whose last lines wait.
    n_ended: u64,
    n_turns: usize,
}

impl Files {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, open: HashMap::new(), current: None, next: 0, closed_bytes: 0, failed: Vec::new() }
    }

    /// The file for a turn that begins.
    pub(crate) fn begin(&mut self) -> Result<u64, Refused> {
        if let Some(id) = self.current
            && let Some(open) = self.open.get_mut(&id)
        {
            let every = self.rules.rotate_every;
            let is_old = !every.is_zero() && open.began.elapsed() >= every;
            // Half of a file is left to the turns that are in it.
            if !is_old && open.bytes < self.rules.file_bytes / 2 {
                open.n_turns += 1;
                return Ok(id);
            }
            self.current = None;
        }
        self.make_room()?;
        let id = self.create().map_err(Refused::Io)?;
        self.current = Some(id);
        Ok(id)
    }

    /// Adds a line; `is_last_word`: that a turn is cut, for which there is always room.
    pub(crate) fn add(&mut self, id: u64, line: &[u8], is_last_word: bool) -> Result<(), Refused> {
        let size = line.len() as u64;
        let total = self.total();
        let spare = if is_last_word { 0 } else { SPARE.min(self.rules.file_bytes / 8) };
        let Some(open) = self.open.get_mut(&id) else { return Err(Refused::Full) };
        if open.bytes + size + spare > self.rules.file_bytes {
            return Err(Refused::Full);
        }
        if total + size + spare > self.rules.total_bytes {
            self.make_room()?;
            if self.total() + size + spare > self.rules.total_bytes {
                return Err(Refused::Full);
            }
        }
        if let Some(open) = self.open.get_mut(&id) {
            open.bytes += size;
            open.waits.extend_from_slice(line);
        }
        Ok(())
    }

    /// Writes what waits. Gives the files that could not be written.
    pub(crate) fn flush(&mut self) -> Vec<Failed> {
        self.write();
        std::mem::take(&mut self.failed)
    }

    fn write(&mut self) {
        let mut failed = Vec::new();
        for (id, open) in &mut self.open {
            if open.waits.is_empty() {
                continue;
            }
            if let Err(error) = open.file.write_all(&open.waits) {
                let whole = open.bytes - open.waits.len() as u64;
                // Half a line would spoil the next one.
                let _ = open.file.set_len(whole);
                failed.push(Failed { id: *id, error, n_ended: open.n_ended });
            }
            open.waits.clear();
            open.n_ended = 0;
        }
        for Failed { id, .. } in &failed {
            self.open.remove(id);
            self.current = self.current.filter(|current| current != id);
        }
        self.failed.extend(failed);
        self.close_ended();
    }

    /// A turn of this file is whole.
    pub(crate) fn end(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.n_turns = open.n_turns.saturating_sub(1);
            open.n_ended += 1;
        }
    }

    /// A turn of this file is cut.
    pub(crate) fn give_up(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            open.n_turns = open.n_turns.saturating_sub(1);
        }
    }

    fn close_ended(&mut self) {
        let current = self.current;
        let closed = &mut self.closed_bytes;
        self.open.retain(|id, open| {
            let stays = Some(*id) == current || open.n_turns > 0 || !open.waits.is_empty();
            if !stays {
                *closed += open.bytes;
            }
            stays
        });
    }

    fn total(&self) -> u64 {
        self.closed_bytes + self.open.values().map(|open| open.bytes).sum::<u64>()
    }

    fn create(&mut self) -> io::Result<u64> {
        make_folder(&self.rules.folder)?;
        let (id, process) = (self.next, std::process::id());
        self.next += 1;
        let at_ms = now_ms();
        let name = format!("{BEGINS}{at_ms:013}-{process}-{id}{ENDS}");
        let path = self.rules.folder.join(name);
        let mut file = create_private(&path)?;
        let Rules { program, host, .. } = &*self.rules;
        let (program, host) = (program.clone(), host.clone());
        let head = line(&Record::Capture { version: VERSION, program, at_ms, host });
        if let Err(error) = file.write_all(&head) {
            // Without its first line it is no capture.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let bytes = head.len() as u64;
        let began = Instant::now();
        self.open.insert(id, Open { file, path, began, bytes, waits: Vec::new(), n_ended: 0, n_turns: 1 });
        Ok(id)
    }

    /// Deletes files until a further one is within the bounds.
    fn make_room(&mut self) -> Result<(), Refused> {
        self.write();
        let mut closed = self.closed_files();
        let open_bytes: u64 = self.open.values().map(|open| open.bytes).sum();
        let mut bytes: u64 = closed.iter().map(|file| file.bytes).sum::<u64>() + open_bytes;
        let mut n = closed.len() + self.open.len();
        let room = self.rules.file_bytes.min(self.rules.total_bytes / 2);
        let keep = self.rules.keep;
        closed.reverse();
        while let Some(file) = closed.pop() {
            let is_old = !keep.is_zero() && file.age.is_some_and(|age| age > keep);
            let is_too_much = n >= self.rules.files.max(1) || bytes + room > self.rules.total_bytes;
            if !is_old && !is_too_much {
                closed.push(file);
                break;
            }
            match fs::remove_file(&file.path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Refused::Io(error)),
            }
            (bytes, n) = (bytes - file.bytes, n - 1);
        }
        self.closed_bytes = closed.iter().map(|file| file.bytes).sum();
        // As many are open as there may be.
        if n >= self.rules.files.max(1) && self.current.is_none() { Err(Refused::Full) } else { Ok(()) }
    }

    /// The oldest first.
    fn closed_files(&self) -> Vec<Closed> {
        let is_open = |path: &Path| self.open.values().any(|open| open.path == path);
        let mut found: Vec<Closed> = list(&self.rules.folder)
            .into_iter()
            .filter(|path| !is_open(path))
            .filter_map(|path| {
                let data = fs::metadata(&path).ok()?;
                let age = data.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
                Some(Closed { path, bytes: data.len(), age })
            })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }
}

struct Closed {
    path: PathBuf,
    bytes: u64,
    age: Option<std::time::Duration>,
}

/// The capture files of a folder, the oldest first.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(BEGINS) && name.ends_with(ENDS)
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_ours).collect();
    found.sort();
    found
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
