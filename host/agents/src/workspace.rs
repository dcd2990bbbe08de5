//! The directory that an agent works in: absolute, there, readable, and none of the system's.
use base::{Fault, Kind, Retry};
use lip_wire::canon::{Fields, Json, Request};
use std::path::{Component, Path, PathBuf};

/// Directories of the system: an agent there could change the machine.
#[cfg(unix)]
const SYSTEM: [&str; 15] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr", "/System",
    "/Library", "/var/lib", "/var/log",
];
#[cfg(not(unix))]
const SYSTEM: [&str; 3] = ["C:\\Windows", "C:\\Program Files", "C:\\Program Files (x86)"];

/// Fields of a request, beside those of its dialect, by which clients name a workspace; the first one counts.
const HINTS: [&str; 4] = ["project_dir", "workspace_path", "cwd", "project"];

/// The workspace that the request itself names.
pub(crate) fn hint(request: &Request) -> Option<String> {
    let named = |name: &&str| {
        let of = |(_, fields): (_, &Fields)| fields.get(name).and_then(Json::read::<String>);
        request.extensions.iter().find_map(of).filter(|text| is_named(text))
    };
    HINTS.iter().find_map(named)
}

fn is_named(text: &str) -> bool {
    !matches!(text.trim(), "" | "." | "..")
}

/// The workspace of a turn: the session's wish, else the backend's own.
///
/// # Errors
/// There is none, or it cannot be used; the sentence says which and what to do.
pub(crate) fn choose(wish: Option<&str>, own: Option<&str>, allows_system: bool) -> Result<PathBuf, Fault> {
    let named = |text: Option<&str>| text.filter(|text| is_named(text)).map(str::to_owned);
    let Some(text) = named(wish).or_else(|| named(own)) else {
        return Err(Fault::client(Kind::BadRequest, "the agent has no workspace")
            .retry(Retry::Elsewhere)
            .code("acp_missing_project_workspace")
            .hint("Set the backend's project_dir to an absolute directory, or say !/project-dir(/path/to/project)"));
    };
    usable(Path::new(text.trim()), allows_system).map_err(|why| {
        Fault::client(Kind::BadRequest, format!("the workspace {} {why}", text.trim()))
            .retry(Retry::Elsewhere)
            .code("acp_workspace_invalid")
            .hint("Name an absolute directory of a project")
    })
}

fn usable(path: &Path, allows_system: bool) -> Result<PathBuf, &'static str> {
    if !path.is_absolute() {
        return Err("is not absolute");
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("leads upwards");
    }
    let real = path.canonicalize().map_err(|_| "does not exist")?;
    if !real.is_dir() {
        return Err("is no directory");
    }
    if real.read_dir().is_err() {
        return Err("cannot be read");
    }
    if !allows_system && is_system(&real) {
        return Err("belongs to the system");
    }
    Ok(real)
}

fn is_system(path: &Path) -> bool {
    path.parent().is_none() || SYSTEM.iter().any(|system| path.starts_with(system))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn code(wish: Option<&str>, own: Option<&str>) -> String {
        choose(wish, own, false).unwrap_err().code.unwrap().into_owned()
    }

    #[test]
    fn the_sessions_wish_comes_first() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = |dir: &tempfile::TempDir| dir.path().to_str().unwrap().to_owned();
        let chosen = |wish: Option<&str>, own: Option<&str>| choose(wish, own, false).unwrap();
        assert_eq!(chosen(Some(&path(&a)), Some(&path(&b))), a.path().canonicalize().unwrap());
        for wish in [None, Some(""), Some(" . "), Some("..")] {
            assert_eq!(chosen(wish, Some(&path(&b))), b.path().canonicalize().unwrap());
        }
        assert_eq!(code(None, None), "acp_missing_project_workspace");
    }

    #[test]
    fn bad_workspaces_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        let up = dir.path().join("x/../..");
        for path in ["relative", "/nowhere-at-all", "/", "/etc", "/usr/lib", "/proc/self", "/var/log"]
            .into_iter()
            .chain([&file, &link, &up].map(|path| path.to_str().unwrap()))
        {
            assert_eq!(code(Some(path), None), "acp_workspace_invalid", "{path}");
        }
        assert!(choose(Some("/etc"), None, true).is_ok());
    }
}
