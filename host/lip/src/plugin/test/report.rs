//! What was tried and what came of it: for people, grouped, or as JSON that a badge can show.
use crate::out;
use lip_testkit::conformance::{Check, Finding, Group};
use loader::Plugin;
use serde_json::{Value, json};
use std::sync::Arc;

/// A take of a cassette and what differs.
pub(super) type Replayed = (String, Result<(), String>);

/// All that was tried of one library.
pub(super) struct Tried {
    pub(super) plugin: Arc<Plugin>,
    pub(super) checks: Vec<(&'static Check, Finding)>,
    pub(super) takes: Vec<Replayed>,
}

impl Tried {
    /// How many hold, and of how many.
    fn score(&self) -> (usize, usize) {
        let counts = self.checks.iter().filter(|(_, found)| !matches!(found, Finding::NotApplicable(_)));
        let n_checks = counts.clone().count();
        let n_good = counts.filter(|(_, found)| *found == Finding::Passed).count();
        let n_replayed = self.takes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        (n_good + n_replayed, n_checks + self.takes.len())
    }
}

/// Prints it all.
///
/// # Errors
/// How many failed; or that nothing was tried.
pub(super) fn print(tried: &[Tried], as_json: bool) -> Result<(), String> {
    let (mut passed, mut total) = (0, 0);
    for (good, all) in tried.iter().map(Tried::score) {
        (passed, total) = (passed + good, total + all);
    }
    if as_json {
        out::line(badge(tried, passed, total));
    } else {
        tried.iter().for_each(library);
    }
    match (total - passed, total) {
        (0, 0) => Err("nothing was tried: no cassette is of these connectors".to_owned()),
        (0, _) => Ok(()),
        (n, all) => Err(format!("{n} of {all} failed")),
    }
}

fn library(tried: &Tried) {
    let manifest = tried.plugin.manifest();
    let cage = tried.plugin.isolation().name();
    out::line(format!("{} {} (abi {}, {cage})", manifest.plugin, manifest.version, manifest.abi));
    for group in Group::ALL {
        let own: Vec<_> = tried.checks.iter().filter(|(check, _)| check.group == group).collect();
        if !own.is_empty() {
            out::line(format!("  {}", group.title()));
        }
        for (check, found) in own {
            match found {
                Finding::Passed => out::line(format!("    ok    {}", check.id)),
                Finding::NotApplicable(why) => {
                    out::line(format!("    n/a   {}: not applicable: {why}", check.id));
                }
                Finding::Failed(wrong) => {
                    out::line(format!("    FAIL  {}: {}", check.id, check.purpose));
                    indented(&format!("{wrong}\ndocs: {}", check.docs()));
                }
            }
        }
    }
    if !tried.takes.is_empty() {
        out::line("  cassettes");
    }
    for (name, outcome) in &tried.takes {
        let state = if outcome.is_ok() { "ok  " } else { "FAIL" };
        out::line(format!("    {state}  {name}"));
        if let Err(why) = outcome {
            indented(why);
        }
    }
    let (passed, total) = tried.score();
    let n_left = tried.checks.len() + tried.takes.len() - total;
    out::line(format!("  {passed} of {total} hold, {n_left} not applicable"));
}

fn indented(text: &str) {
    text.lines().for_each(|line| out::line(format!("          {line}")));
}

/// The keys up to `color` are those of an endpoint badge of shields.io.
fn badge(tried: &[Tried], passed: usize, total: usize) -> Value {
    let color = if passed == total && total > 0 { "brightgreen" } else { "red" };
    json!({
        "schemaVersion": 1,
        "label": "lip conformance",
        "message": format!("{passed}/{total}"),
        "color": color,
        "passed": passed,
        "total": total,
        "lip": env!("CARGO_PKG_VERSION"),
        "libraries": tried.iter().map(of_library).collect::<Vec<_>>(),
    })
}

fn of_library(tried: &Tried) -> Value {
    let check = |(check, found): &(&'static Check, Finding)| {
        let (outcome, why, hint) = match found {
            Finding::Passed => ("passed", None, None),
            Finding::NotApplicable(why) => ("not-applicable", Some((*why).to_owned()), None),
            Finding::Failed(wrong) => ("failed", Some(wrong.what.clone()), Some(wrong.hint)),
        };
        json!({"id": check.id, "group": check.group.title(), "outcome": outcome, "why": why, "hint": hint,
            "docs": check.docs()})
    };
    let take = |(name, outcome): &Replayed| json!({"what": name, "ok": outcome.is_ok(), "why": outcome.as_ref().err()});
    let (passed, total) = tried.score();
    let manifest = tried.plugin.manifest();
    json!({
        "plugin": manifest.plugin,
        "version": manifest.version,
        "abi": manifest.abi,
        "isolation": tried.plugin.isolation().name(),
        "file": tried.plugin.path(),
        "sha256": tried.plugin.sha256(),
        "passed": passed,
        "total": total,
        "checks": tried.checks.iter().map(check).collect::<Vec<_>>(),
        "cassettes": tried.takes.iter().map(take).collect::<Vec<_>>(),
    })
}
