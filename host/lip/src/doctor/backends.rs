//! The backends: has each what it needs, and do its own settings make sense? And the programs of agents.
use super::finding::Finding;
use crate::setup::Setup;
use crate::{backends, config};
use engine::BackendSpec;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Time for a program to say which version it is.
const VERSION_TIME: Duration = Duration::from_secs(5);
/// Time between two looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Characters of that which are shown.
const VERSION_CHARS: usize = 60;

pub(super) fn look(found: &Setup, specs: &[BackendSpec]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mistakes = config::mistakes(found, specs);
    findings.extend(mistakes.wrong.iter().map(|wrong| Finding::fail("backends", wrong)));
    findings.extend(mistakes.odd.iter().map(|odd| Finding::warn("backends", odd)));
    for spec in specs.iter().filter(|spec| spec.configured || is_usable(spec)) {
        let what = format!("backend {}", spec.name);
        findings.push(match missing(spec) {
            Some(missing) => Finding::fail(&what, missing),
            None => Finding::ok(&what, &has(spec)),
        });
    }
    let n_unused = specs.iter().filter(|spec| !spec.configured && !is_usable(spec)).count();
    if n_unused > 0 {
        let sentence = format!("{n_unused} more without a key or a login: lip backends says what each lacks");
        findings.push(Finding::ok("backends", &sentence));
    }
    findings.push(default(found, specs));
    findings
}

fn missing(spec: &BackendSpec) -> Option<&str> {
    spec.missing.as_deref().or(spec.logged_out.as_deref())
}

fn is_usable(spec: &BackendSpec) -> bool {
    missing(spec).is_none()
}

/// What it has, never what that is.
fn has(spec: &BackendSpec) -> String {
    match spec.keys.len() {
        0 => format!("{}, ready", spec.connector),
        1 => format!("{}, ready, with a key", spec.connector),
        n => format!("{}, ready, with {n} keys", spec.connector),
    }
}

fn default(found: &Setup, specs: &[BackendSpec]) -> Finding {
    let what = "default backend";
    let Some(name) = backends::default(&found.settings, specs) else {
        let sentence =
            "there is none: every request must name its backend; choose one with --default-backend";
        return Finding::warn(what, sentence);
    };
    match specs.iter().find(|spec| spec.name == name) {
        None => Finding::fail(what, &format!("there is no backend \"{name}\"; lip backends lists them")),
        Some(spec) => match missing(spec) {
            Some(_) => Finding::fail(
                what,
                &format!("{name} is not ready; choose another with --default-backend, or see above"),
            ),
            None if found.settings.default_backend().is_none() && !spec.configured => {
                let sentence =
                    format!("{name}, for no backend is configured; choose one with --default-backend");
                Finding::warn(what, &sentence)
            }
            None => Finding::ok(what, &name),
        },
    }
}

/// The programs of agents that are there.
pub(super) fn programs(found: &Setup, specs: &[BackendSpec]) -> Vec<Finding> {
    let there = specs.iter().filter_map(|spec| Some((spec, backends::program(spec, &found.env)?)));
    there
        .map(|(spec, program)| {
            let what = format!("agent of {}", spec.name);
            match version(&program) {
                Ok(version) => Finding::ok(&what, &format!("{} {version}", program.display())),
                Err(why) => {
                    Finding::warn(&what, &format!("{} {why}; try it in a terminal", program.display()))
                }
            }
        })
        .collect()
}

/// The first line that it says of its version.
fn version(program: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("cannot be started: {e}"))?;
    let until = Instant::now() + VERSION_TIME;
    while child.try_wait().map_err(|e| e.to_string())?.is_none() {
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("does not say its version within {} s", VERSION_TIME.as_secs()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("(no version)");
    Ok(line.chars().filter(|char| !char.is_control()).take(VERSION_CHARS).collect())
}
