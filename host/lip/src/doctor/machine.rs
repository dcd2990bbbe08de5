//! The machine: folders, port, open files, clock.
use super::finding::Finding;
use crate::dirs;
use crate::setup::Setup;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Open files beside those of turns: libraries, log, pool.
const FILES_BESIDE: u64 = 128;
/// Files of one turn: the client's connection and the provider's.
const FILES_OF_TURN: u64 = 2;
/// What a clock may be wrong before certificates and tokens are judged wrongly.
const SKEW_MAX: Duration = Duration::from_secs(60);
/// No clock that is right shows less: seconds from 1970 to the beginning of 2025.
const LEAST_S: u64 = 1_735_689_600;
const PATIENCE: Duration = Duration::from_secs(2);

/// All of it; `their_time`: what another machine says the time is, as an HTTP date.
pub(super) fn look(found: &Setup, their_time: Option<String>) -> Vec<Finding> {
    let settings = &found.settings;
    let accounts = settings.accounts_dir().map_or_else(|| dirs::accounts(&found.env), Path::to_owned);
    let mut findings = vec![
        folder("state folder", &dirs::state(&found.env), Others::MayRead),
        folder("accounts folder", &accounts, Others::MayNothing),
    ];
    findings.push(port(settings.host(), settings.port()));
    if let Some(port) = settings.anthropic_port() {
        findings.push(self::port(settings.host(), port));
    }
    findings.extend(files(settings.concurrent_turns()));
    findings.push(clock(their_time.as_deref()));
    findings
}

/// What other users may do with a folder.
#[derive(Clone, Copy)]
enum Others {
    MayRead,
    MayNothing,
}

/// May files be written there, and may others do more than they should?
fn folder(what: &str, path: &Path, others: Others) -> Finding {
    let shown = path.display();
    let Some(there) = path.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::fail(what, &format!("{shown} cannot be made; give it a parent"));
    };
    if let Err(error) = tempfile::Builder::new().prefix(".lip-doctor").tempfile_in(there) {
        let sentence =
            format!("{} cannot be written to: {error}; give this user the right to", there.display());
        return Finding::fail(what, &sentence);
    }
    if there != path {
        return Finding::ok(what, &format!("{shown}, made when it is needed"));
    }
    let (forbidden, verb, mode) = match others {
        Others::MayRead => (0o022, "written to", "755"),
        Others::MayNothing => (0o077, "read", "700"),
    };
    match mode_of(path) & forbidden {
        0 => Finding::ok(what, &shown.to_string()),
        _ => Finding::warn(what, &format!("{shown} can be {verb} by other users; chmod {mode} {shown}")),
    }
}

#[cfg(unix)]
fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().map_or(0, |meta| meta.permissions().mode())
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> u32 {
    0
}

fn port(host: &str, port: u16) -> Finding {
    let what = "port";
    if port == 0 {
        return Finding::ok(what, "the system chooses one");
    }
    match TcpListener::bind((host, port)) {
        Ok(_) => Finding::ok(what, &format!("{host}:{port} is free")),
        Err(_) if is_lip(host, port) => {
            Finding::ok(what, &format!("a host of LIP listens on {host}:{port} already"))
        }
        Err(error) => {
            let sentence = format!(
                "{host}:{port} cannot be listened on: {error}; choose another with --host and --port"
            );
            Finding::fail(what, &sentence)
        }
    }
}

/// Does a host of ours answer there?
fn is_lip(host: &str, port: u16) -> bool {
    let ask = |address: SocketAddr| -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    let addresses = (host, port).to_socket_addrs().into_iter().flatten();
    addresses.filter_map(|address| ask(address).ok()).any(|answer| answer.contains("\"service\":\"lip\""))
}

/// How many files this process may open; nothing where the system does not say.
fn files(turns: u64) -> Option<Finding> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let most: u64 = line.split_whitespace().next()?.parse().unwrap_or(u64::MAX);
    let wanted = turns.saturating_mul(FILES_OF_TURN).saturating_add(FILES_BESIDE);
    let told = format!("{most} may be open, {turns} turns need {wanted}");
    Some(match most < wanted {
        true => {
            Finding::warn("open files", &format!("{told}; raise ulimit -n, or lower limits.concurrent_turns"))
        }
        false => Finding::ok("open files", &told),
    })
}

fn clock(theirs: Option<&str>) -> Finding {
    let now = SystemTime::now();
    if now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) < LEAST_S {
        return Finding::fail("clock", "it is years slow: certificates will look invalid; set it");
    }
    let Some(theirs) = theirs.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Finding::ok("clock", "nothing to compare it with");
    };
    let skew = now.duration_since(theirs).or_else(|_| theirs.duration_since(now)).unwrap_or_default();
    match skew > SKEW_MAX {
        true => {
            Finding::warn("clock", &format!("it differs from a provider's by {} s; set it", skew.as_secs()))
        }
        false => Finding::ok("clock", "as a provider's"),
    }
}
