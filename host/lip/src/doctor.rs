//! `lip doctor`: looks at everything that a host needs, and says of each thing that is wrong what to do.
mod accounts;
mod backends;
mod clock;
mod database;
mod finding;
mod libraries;
mod machine;
mod reach;
mod shared;

use crate::{backends as specs, out, setup};
use clap::{Arg, ArgAction, ArgMatches, Command};
use finding::Finding;

/// The subcommand.
pub(crate) fn command(json: Arg) -> Command {
    let offline = Arg::new("offline").long("offline").action(ArgAction::SetTrue);
    Command::new("doctor")
        .about("Check all that a host needs, each with its remedy; exit 1 if something fails")
        .arg(json)
        .arg(offline.help("Ask no provider whether it can be reached"))
}

/// Looks, and tells what it found.
///
/// # Errors
/// Something fails.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let findings = look(matches);
    if matches.get_flag("json") {
        out::line(finding::as_json(&findings));
    } else {
        out::line(finding::table(&findings));
    }
    match findings.iter().filter(|finding| finding.fails()).count() {
        0 => Ok(()),
        1 => Err("one thing fails".to_owned()),
        n => Err(format!("{n} things fail")),
    }
}

fn look(matches: &ArgMatches) -> Vec<Finding> {
    let found = match setup::setup(matches) {
        Ok(found) => found,
        Err(wrong) => {
            let each = wrong.replace("\n  hint: ", "\u{0}");
            let each = each.lines().map(|line| line.replace('\u{0}', "\n  hint: "));
            let mut findings: Vec<Finding> =
                each.map(|line| Finding::fail("configuration", line.trim_start_matches("error: "))).collect();
            let sentence = "nothing else was looked at; correct the configuration, and ask again";
            findings.push(Finding::warn("the rest", sentence));
            return findings;
        }
    };
    let all = specs::specs(&found);
    let mut findings = Vec::new();
    findings.push(configuration(&found));
    findings
        .extend(found.settings.warnings().iter().map(|odd| Finding::warn("configuration", &odd.to_string())));
    findings.extend(libraries::look(&found));
    findings.extend(backends::look(&found, &all));
    findings.extend(backends::programs(&found, &all));
    let reached = if matches.get_flag("offline") { reach::Reached::default() } else { reach::look(&all) };
    findings.extend(reached.findings);
    if !matches.get_flag("offline") {
        findings.extend(shared::look(&found));
        findings.extend(database::look(&found));
        findings.extend(shared::door(&found));
        findings.extend(accounts::look(&found));
    }
    findings.extend(machine::look(&found, reached.their_time));
    findings
}

fn configuration(found: &setup::Setup) -> Finding {
    let file = found.settings.config().map(|file| file.display().to_string());
    Finding::ok("configuration", &file.unwrap_or_else(|| "no file: defaults, variables and flags".to_owned()))
}
