//! Each conformance check finds the mistake that it is there for: a table of connectors with one fault each.
mod acme;
mod faults;
mod raw;
mod stage;

use acme::{Good, plain};
use lip_testkit::conformance::{CHECKS, Check, Finding, Kit};
use std::collections::BTreeSet;

lip_testkit::conformance!(Good, plain());

/// A check, a library with the fault that it is there for, and what it says.
type Fault = (&'static str, Kit, &'static str);

#[test]
fn every_check_catches_a_fault_of_its_own() {
    let faults: Vec<Fault> = faults::all();
    let caught: BTreeSet<&str> = faults.iter().map(|(id, ..)| *id).collect();
    let missing: Vec<&str> = CHECKS.iter().map(|check| check.id).filter(|id| !caught.contains(id)).collect();
    assert!(missing.is_empty(), "nothing shows that these can fail: {missing:?}");
    let wrong: Vec<String> = faults.iter().filter_map(escapes).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Why the check of this name does not find the fault; `None` if it does.
fn escapes((id, kit, what): &Fault) -> Option<String> {
    let check = CHECKS.iter().find(|check| check.id == *id)?;
    match check.on(kit) {
        Finding::Failed(wrong) if wrong.what.contains(what) && !wrong.hint.is_empty() => None,
        other => Some(format!("{id}: {other:?}, but there is a fault: {what}")),
    }
}

#[test]
fn there_are_forty_checks_and_more_with_words_for_each() {
    assert!(CHECKS.len() >= 40, "{}", CHECKS.len());
    let ids: BTreeSet<&str> = CHECKS.iter().map(|check: &Check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len(), "ids differ");
    for check in CHECKS {
        assert!(check.purpose.ends_with('.') && check.remedy.ends_with(['.', ':']), "{check:?}");
    }
}
