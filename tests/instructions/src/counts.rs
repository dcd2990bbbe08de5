//! The numbers that are committed.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// `counts.json`.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Counts {
    /// What a count depends on besides this repository, as it was: where a count differs, this may be why.
    pub(crate) counted_with: BTreeMap<String, String>,
    /// Instructions by the name of their case.
    pub(crate) instructions: BTreeMap<String, u64>,
}

impl Counts {
    /// Reads the file; an empty one where there is none yet.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub(crate) fn read() -> Result<Self, String> {
        match fs::read_to_string(place()) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| format!("counts.json: {e}")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("counts.json: {error}")),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        fs::write(place(), format!("{text}\n")).map_err(|e| format!("counts.json: {e}"))
    }
}

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.json")
}

/// What counts depend on, as it is here.
pub(crate) fn counted_with() -> BTreeMap<String, String> {
    let said = |program: &str, arg: &str| {
        let done = Command::new(program).arg(arg).output().ok()?;
        let text = String::from_utf8(done.stdout).ok()?;
        // `rustc 1.95.0 (…)`, `glibc 2.36`, `valgrind-3.19.0`
        text.split([' ', '-', '\n']).nth(1).map(str::to_owned)
    };
    [("rustc", "--version"), ("getconf", "GNU_LIBC_VERSION"), ("valgrind", "--version")]
        .into_iter()
        .filter_map(|(program, arg)| {
            let name = if program == "getconf" { "glibc" } else { program };
            Some((name.to_owned(), said(program, arg)?))
        })
        .collect()
}
