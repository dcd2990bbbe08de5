//! The proof: all stories of all rows in front of few hosts; and that bugs would turn them red.
use crate::bugs::{BUGS, Bug};
use crate::clients::{TONGUES, Tongue};
use crate::logins::with_bundle;
use crate::provider::{KEY, Provider};
use crate::rows::Row;
use crate::stories::{CASES, Case, Instance, config, run};
use stage::Lip;
use std::sync::Arc;

/// A key that no provider knows.
const WRONG_KEY: &str = "sk-of-somebody-else";

/// Starts a host with one instance per name, in front of the rows' providers.
pub(crate) async fn host(instances: &[Instance]) -> Lip {
    let text: String = instances.iter().map(|at| config(at.row, &at.name, &at.provider, at.key)).collect();
    with_bundle(Lip::builder()).config_toml(&text).start().await
}

/// Runs all cases of all rows. What leaves marks on keys and breakers has an instance for each asker, and a host apart, so
/// that lists of models stay short.
async fn all() -> Vec<(&'static Row, Case, Result<(), String>)> {
    let (mut shared, mut marked) = (Vec::new(), Vec::new());
    let mut plan = Vec::new();
    for (idx, row) in crate::rows::all().into_iter().enumerate() {
        let provider = Arc::new(Provider::start(row, None).await);
        let at = |name: String, key| Instance { row, name, provider: Arc::clone(&provider), key };
        shared.push(at(format!("row{idx}"), KEY));
        for case in CASES.into_iter().filter(|case| case.is_offered(row)) {
            for tongue in TONGUES {
                if case.needs_own_instance() {
                    let key = if case == Case::Refused(401) { WRONG_KEY } else { KEY };
                    marked.push(at(format!("row{idx}.n{}", marked.len()), key));
                    plan.push((true, marked.len() - 1, case, tongue));
                } else {
                    plan.push((false, shared.len() - 1, case, tongue));
                }
            }
        }
    }
    let hosts = [host(&shared).await, host(&marked).await];
    let mut outcomes = Vec::new();
    for (is_marked, idx, case, tongue) in plan {
        let at = if is_marked { &marked[idx] } else { &shared[idx] };
        outcomes.push((at.row, case, run(&hosts[usize::from(is_marked)], at, case, tongue).await));
    }
    outcomes
}

#[tokio::test]
async fn every_row_does_what_its_provider_offers() {
    let outcomes = all().await;
    let failures: Vec<&String> = outcomes.iter().filter_map(|(.., outcome)| outcome.as_ref().err()).collect();
    let all: Vec<&str> = failures.iter().map(|why| why.as_str()).collect();
    assert!(all.is_empty(), "{} of {} stories fail:\n{}", all.len(), outcomes.len(), all.join("\n"));
    crate::table::compare(&outcomes);
}

/// Every seeded bug must be noticed by the row's own stories.
#[tokio::test]
async fn seeded_bugs_turn_the_stories_red() {
    let mut instances = Vec::new();
    for (idx, row) in crate::rows::all().into_iter().enumerate() {
        // The last one stands for a connector without a bug.
        for (n, bug) in BUGS.iter().map(Some).chain([None]).enumerate() {
            let provider = Arc::new(Provider::start(row, bug).await);
            instances.push((Instance { row, name: format!("row{idx}.b{n}"), provider, key: KEY }, bug));
        }
    }
    let (instances, bugs): (Vec<Instance>, Vec<Option<&Bug>>) = instances.into_iter().unzip();
    let lip = host(&instances).await;
    let mut unnoticed = Vec::new();
    for (at, bug) in instances.iter().zip(bugs) {
        let tongue = at.row.doors[0].tongue().unwrap_or(Tongue::Chat);
        let mut told = Ok(());
        for case in [Case::Text, Case::Tools] {
            told = told.and(run(&lip, at, case, tongue).await);
        }
        match (bug, told) {
            (Some(_), Err(_)) | (None, Ok(())) => {}
            (Some(bug), Ok(())) => unnoticed.push(format!("{}: {}", at.row.name, bug.name)),
            (None, Err(why)) => unnoticed.push(format!("{}: red without a bug: {why}", at.row.name)),
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices:\n{}", unnoticed.join("\n"));
}

/// Where the libraries send requests unless told otherwise is where the vendors' APIs are.
#[tokio::test]
async fn libraries_know_the_vendors_addresses() {
    let told = with_bundle(Lip::builder()).args("plugin inspect --json").run().await;
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    for row in crate::rows::all().into_iter().filter(|row| !row.vendor.is_empty()) {
        let connectors = told.as_array().into_iter().flatten().map(|entry| &entry["connector"]);
        let found = connectors.into_iter().find(|connector| connector["id"] == row.kind);
        let connector = found.unwrap_or_else(|| panic!("no connector {}", row.kind));
        assert_eq!(connector["base_url"], row.vendor, "{}", row.name);
        let host = row.vendor.split('/').nth(2).unwrap_or_default();
        let may_reach = connector["egress"].as_array().is_some_and(|hosts| hosts.iter().any(|h| h == host));
        assert!(may_reach, "{}: {}", row.name, connector["egress"]);
    }
}
