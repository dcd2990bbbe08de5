//! Starts this program under callgrind and reads what it counted.
use crate::counted;
use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::{env, fs, thread};

/// The C library's choices that are made by the processor at hand: callgrind counts a repeated move as one instruction per byte, which
/// no processor needs.
const C_LIBRARY: (&str, &str) = ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS");

/// The instructions of each of these cases, in their order.
///
/// # Errors
/// A sentence about the first case that could not be counted.
pub(crate) fn count(names: &[String]) -> Result<Vec<u64>, String> {
    let folder = tempfile::tempdir().map_err(|e| format!("no folder for what callgrind writes: {e}"))?;
    let open: Mutex<VecDeque<usize>> = Mutex::new((0..names.len()).collect());
    let counts = Mutex::new(vec![Ok(0); names.len()]);
    let next = || open.lock().expect("a lock").pop_front();
    let work = || {
        while let Some(at) = next() {
            let count = count_one(&names[at], &folder.path().join(at.to_string()));
            counts.lock().expect("a lock")[at] = count;
        }
    };
    thread::scope(|scope| {
        let n_threads = thread::available_parallelism().map_or(1, usize::from).min(names.len());
        (0..n_threads).for_each(|_| _ = scope.spawn(work));
    });
    counts.into_inner().expect("a lock").into_iter().collect()
}

fn count_one(name: &str, out: &Path) -> Result<u64, String> {
    let program = env::current_exe().map_err(|e| format!("this program's own file cannot be found: {e}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    valgrind.arg(format!("--toggle-collect={}", counted::NAME));
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(program).args(["--run", name]);
    let done = valgrind.env(C_LIBRARY.0, C_LIBRARY.1).output().map_err(|e| format!("valgrind: {e}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(format!("{name}: {}\n{said}", done.status));
    }
    let text = fs::read_to_string(out).map_err(|e| format!("{name}: callgrind wrote nothing: {e}"))?;
    total(&text).ok_or_else(|| format!("{name}: callgrind saw nothing of {}", counted::NAME))
}

/// The sum that callgrind writes at the end of its file.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_the_last_line_and_not_nothing() {
        assert_eq!(total("events: Ir\nsummary: 12\n\nfn=(1) x\n7 12\n\ntotals: 12\n"), Some(12));
        assert_eq!(total("events: Ir\ntotals: 0\n"), None);
        assert_eq!(total("events: Ir\n"), None);
    }
}
