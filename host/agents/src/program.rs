//! From a description to a command: which file, and which environment.
use crate::describe::Description;
use crate::launch::Command;
use base::{Fault, Kind, Retry};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The command that starts the agent of `description` in `workspace`. `host_env`: the host's environment; `hidden`: variables of it that
/// no agent gets.
///
/// # Errors
/// The program is not there.
pub(crate) fn command(
    description: &Description,
    workspace: &Path,
    host_env: &[(OsString, OsString)],
    hidden: &[String],
) -> Result<Command, Fault> {
    let env = environment(description, host_env, hidden);
    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
    let find = |program: &String| find(program, path, workspace);
    let named = description.programs.iter().filter(|program| !program.trim().is_empty());
    let program = named.clone().find_map(find).ok_or_else(|| {
        let names: Vec<_> = named.map(|name| format!("\"{name}\"")).collect();
        let fault = Fault::host(
            Kind::Unavailable,
            format!("the agent's program {} was not found", names.join(" or ")),
        );
        fault.retry(Retry::Elsewhere).code("agent_missing").hint(&*description.missing)
    })?;
    let args = description.args.iter().map(OsString::from).collect();
    Ok(Command { program, args, env, cwd: workspace.to_owned() })
}

/// A name without a directory is looked for on `PATH`, anything else must be an absolute file. Nothing is ever taken from the workspace.
fn find(program: &String, path: Option<&OsString>, workspace: &Path) -> Option<PathBuf> {
    let is_name = Path::new(program).components().count() == 1 && !program.contains(['/', '\\']);
    if !is_name && !Path::new(program).is_absolute() {
        return None;
    }
    let found = which::which_in(program, path, workspace).ok()?;
    (!is_name || !found.starts_with(workspace)).then_some(found)
}

fn environment(
    description: &Description,
    host_env: &[(OsString, OsString)],
    hidden: &[String],
) -> Vec<(OsString, OsString)> {
    let is_kept = |name: &OsString| {
        let is_own = description.env.keys().any(|own| *name == **own);
        let is_removed = hidden.iter().chain(&description.env_remove).any(|hidden| *name == **hidden);
        !is_own && !is_removed
    };
    let own = description.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    host_env.iter().filter(|(name, _)| is_kept(name)).cloned().chain(own).collect()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn env(of: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        of.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
    }

    fn describe(programs: &[&str]) -> Description {
        let programs = programs.iter().map(|&name| name.to_owned()).collect();
        Description { programs, missing: "Install it".to_owned(), ..Description::default() }
    }

    fn program(dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn first_program_that_is_there_is_taken() {
        let (bin, project) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let agent = program(bin.path(), "agent");
        program(project.path(), "trap");
        let host = env(&[("PATH", bin.path().to_str().unwrap())]);
        let of = |programs: &[&str]| {
            command(&describe(programs), project.path(), &host, &[]).map(|command| command.program)
        };
        assert_eq!(of(&["missing", "agent"]).unwrap(), agent);
        assert_eq!(of(&[agent.to_str().unwrap()]).unwrap(), agent);
        for programs in [&["missing"][..], &["./trap"], &["trap"], &["bin/agent"]] {
            let fault = of(programs).unwrap_err();
            assert_eq!((fault.status(), fault.hint.as_deref()), (503, Some("Install it")), "{programs:?}");
        }
        // Not even where the PATH leads there.
        let host = env(&[("PATH", ".:")]);
        assert!(command(&describe(&["trap"]), project.path(), &host, &[]).is_err());
    }

    #[test]
    fn secrets_of_the_host_stay_with_it() {
        let project = tempfile::tempdir().unwrap();
        let agent = program(project.path(), "agent");
        let mut description = describe(&[agent.to_str().unwrap()]);
        description.env.insert("NO_RELAUNCH".to_owned(), "true".to_owned());
        description.env_remove.push("CURSOR_API_KEY".to_owned());
        let host =
            env(&[("HOME", "/h"), ("API_KEYS", "k"), ("CURSOR_API_KEY", "c"), ("NO_RELAUNCH", "false")]);
        let command = command(&description, project.path(), &host, &["API_KEYS".to_owned()]).unwrap();
        assert_eq!(command.env, env(&[("HOME", "/h"), ("NO_RELAUNCH", "true")]));
    }
}
