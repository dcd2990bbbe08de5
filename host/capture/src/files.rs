//! The files of a folder, within their bounds. A turn stays in the file that it began in.
use crate::json::Json;
use crate::record::VERSION;
use crate::rules::Rules;
use bytes::Bytes;
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How the names of files begin and end; between them stand the time in milliseconds, the process and a number, so that names are in
/// the order of time.
const BEGINS: &str = "lip-";
const ENDS: &str = ".capture";
/// What is left free at the end of a file for the last words of the turns that are cut.
const SPARE: u64 = 4096;
/// Bytes that wait before they are written: fewer cost a call for little, more have left the processor's cache by then.
const WAIT_BYTES_MAX: u64 = 128 << 10;
/// As many bytes are copied behind their line; more are written from where they are.
const COPIED_MAX: usize = 8 << 10;

/// Why something was not written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A bound is reached.
    Full,
    /// The file could not be written before: see [`Failed`].
    Gone,
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
    /// The line that is made next, and kept for its room.
    line: Vec<u8>,
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
    /// Bytes that stand apart, each with how many of `waits` go before it.
    apart: Vec<(usize, Bytes)>,
    waits_bytes: u64,
    /// Turns that have ended, and whose last lines wait.
    n_ended: u64,
    n_turns: usize,
}

impl Files {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        let (open, line, failed) = (HashMap::new(), Vec::new(), Vec::new());
        Self { rules, open, current: None, next: 0, line, closed_bytes: 0, failed }
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

    /// An empty line, to be made and then added.
    pub(crate) fn line(&mut self) -> &mut Vec<u8> {
        self.line.clear();
        &mut self.line
    }

    /// Adds the line with these bytes behind it, of which their own end is written too, or that of headers in the line. So many bytes.
    pub(crate) fn add(&mut self, id: u64, bytes: Bytes, has_head: bool) -> Result<u64, Refused> {
        let size = self.line.len() as u64 + bytes.len() as u64 + u64::from(has_head || !bytes.is_empty());
        let spare = SPARE.min(self.rules.file_bytes / 8);
        let Some(open) = self.open.get_mut(&id) else { return Err(Refused::Gone) };
        if open.bytes + size + spare > self.rules.file_bytes {
            return Err(Refused::Full);
        }
        if self.total() + size + spare > self.rules.total_bytes {
            self.make_room()?;
            if self.total() + size + spare > self.rules.total_bytes {
                return Err(Refused::Full);
            }
        }
        let Some(open) = self.open.get_mut(&id) else { return Err(Refused::Gone) };
        open.add(&self.line, bytes, has_head);
        if open.waits_bytes >= WAIT_BYTES_MAX {
            self.write(Some(id));
        }
        Ok(size)
    }

    /// Adds the line that a turn is cut, for which there is always room.
    pub(crate) fn add_last_word(&mut self, id: u64) {
        if let Some(open) = self.open.get_mut(&id)
            && open.bytes + self.line.len() as u64 <= self.rules.file_bytes
        {
            open.add(&self.line, Bytes::new(), false);
        }
    }

    /// Writes what waits. Gives the files that could not be written.
    pub(crate) fn flush(&mut self) -> Vec<Failed> {
        self.write(None);
        std::mem::take(&mut self.failed)
    }

    /// Writes what waits for this file, or for all.
    fn write(&mut self, only: Option<u64>) {
        let mut failed = Vec::new();
        for (id, open) in self.open.iter_mut().filter(|(id, _)| only.is_none_or(|only| **id == only)) {
            if open.waits_bytes == 0 {
                continue;
            }
            if let Err(error) = open.write() {
                let whole = open.bytes - open.waits_bytes;
                // Half a line would spoil the next one.
                let _ = open.file.set_len(whole);
                failed.push(Failed { id: *id, error, n_ended: open.n_ended });
            }
            open.waits.clear();
            open.apart.clear();
            (open.waits_bytes, open.n_ended) = (0, 0);
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
            let stays = Some(*id) == current || open.n_turns > 0 || open.waits_bytes > 0;
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
        let mut head = Vec::new();
        let mut json = Json::first(&mut head, "capture");
        json.number("version", VERSION.into()).text("program", program).number("at_ms", at_ms);
        json.option("host", Some(host.as_str()).filter(|host| !host.is_empty())).end();
        if let Err(error) = file.write_all(&head) {
            // Without its first line it is no capture.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let bytes = head.len() as u64;
        self.open.insert(id, Open::new(file, path, bytes));
        Ok(id)
    }

    /// Deletes files until a further one is within the bounds.
    fn make_room(&mut self) -> Result<(), Refused> {
        self.write(None);
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

impl Open {
    fn new(file: File, path: PathBuf, bytes: u64) -> Self {
        let (waits, apart, began) = (Vec::new(), Vec::new(), Instant::now());
        Self { file, path, began, bytes, waits, apart, waits_bytes: 0, n_ended: 0, n_turns: 1 }
    }

    fn add(&mut self, line: &[u8], bytes: Bytes, has_head: bool) {
        let mut size = line.len() + bytes.len();
        self.waits.extend_from_slice(line);
        let is_followed = has_head || !bytes.is_empty();
        if bytes.len() > COPIED_MAX {
            self.apart.push((self.waits.len(), bytes));
        } else {
            self.waits.extend_from_slice(&bytes);
        }
        if is_followed {
            self.waits.push(b'\n');
            size += 1;
        }
        self.bytes += size as u64;
        self.waits_bytes += size as u64;
    }

    fn write(&mut self) -> io::Result<()> {
        let (mut slices, mut from) = (Vec::with_capacity(2 * self.apart.len() + 1), 0);
        for (at, bytes) in &self.apart {
            slices.push(IoSlice::new(self.waits.get(from..*at).unwrap_or_default()));
            slices.push(IoSlice::new(bytes));
            from = *at;
        }
        slices.push(IoSlice::new(self.waits.get(from..).unwrap_or_default()));
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match self.file.write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => IoSlice::advance_slices(&mut left, n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
