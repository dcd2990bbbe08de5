//! Can this host keep its usage and find its client keys in a server that hosts share, and may rows wait here while that is away?
use super::clock::skew;
use super::finding::Finding;
use crate::setup::Setup;
use crate::usage;
use ledger::spool::SpoolRules;
use ledger::store::Place;
use std::path::Path;
use tokio::runtime::{Builder, Runtime};

const DATABASE: &str = "usage database";
const SPOOL: &str = "spool";
/// A row that waits takes about so many bytes.
const ROW_BYTES: u64 = 600;

/// Asks the server that the settings name, and looks at what waits for it; nothing where they name a file.
pub(super) fn look(found: &Setup) -> Vec<Finding> {
    if !found.settings.usage_enabled() && !found.settings.keys_database() {
        return Vec::new();
    }
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::warn(DATABASE, &error.to_string())],
    };
    let place = match usage::place(&found.settings, &found.env) {
        Ok(place) => place,
        Err(wrong) => return vec![Finding::fail(DATABASE, &wrong)],
    };
    let mut findings = match runtime.block_on(ledger::probe::look(&place)) {
        Ok(None) => Vec::new(),
        Ok(Some(fit)) => {
            let tables = match fit.version {
                None => "the first host makes its tables".to_owned(),
                Some(version) if version < fit.known => {
                    format!("the first host brings its tables from version {version} to {}", fit.known)
                }
                Some(version) => format!("its tables have version {version}"),
            };
            let well = Finding::ok(DATABASE, &format!("{} may be written, {tables}", place.shown()));
            std::iter::once(well).chain(skew(DATABASE, fit.ahead_us)).collect()
        }
        Err(unfit) => vec![Finding::fail(DATABASE, &format!("{}: {unfit}", place.shown()))],
    };
    findings.extend(
        usage::spool(&found.settings, &found.env, &place).map(|spool| of_spool(&spool, &place, &runtime)),
    );
    findings
}

fn of_spool(spool: &SpoolRules, place: &Place, runtime: &Runtime) -> Finding {
    let (shown, wanted) = (spool.path.display(), spool.turns_max.saturating_mul(ROW_BYTES));
    let there = spool.path.ancestors().skip(1).find(|folder| folder.is_dir());
    let Some(there) = there else {
        return Finding::fail(SPOOL, &format!("{shown} cannot be made; give it a parent"));
    };
    if let Err(error) = tempfile::Builder::new().prefix(".lip-doctor").tempfile_in(there) {
        let folder = there.display();
        return Finding::fail(
            SPOOL,
            &format!("{folder} cannot be written to: {error}; give this user the right to"),
        );
    }
    let n_rows = match runtime.block_on(ledger::probe::waiting(spool)) {
        Ok(n_rows) => n_rows,
        Err(error) => return Finding::fail(SPOOL, &format!("{shown} cannot be read: {error}; move it away")),
    };
    match free_bytes(there) {
        Some(free) if free < wanted => {
            let sentence = format!(
                "{shown} may need {} MB, and {} MB are free; make room, or lower usage.spool_turns",
                wanted >> 20,
                free >> 20
            );
            Finding::warn(SPOOL, &sentence)
        }
        _ if n_rows > 0 => {
            let sentence = format!(
                "{n_rows} rows wait in {shown} for {}; they are written while a host runs",
                place.shown()
            );
            Finding::warn(SPOOL, &sentence)
        }
        _ => Finding::ok(SPOOL, &format!("nothing waits in {shown}")),
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
