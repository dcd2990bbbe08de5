//! Can this host share its state with others as it is told to, and can they reach it?
use super::clock::skew;
use super::finding::Finding;
use crate::setup::Setup;
use crate::state;
use bytes::Bytes;
use egress::{Call, Deadlines, Egress, Target};
use engine::{CLUSTER_PATH, CLUSTER_SECRET, Cluster, OWNER};
use http::{HeaderMap, HeaderValue, Method};
use std::time::Duration;
use stores::keys::Keys;
use stores::probe;

const WHAT: &str = "shared state";
const DOOR: &str = "cluster.address";
/// How long the host behind the address may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// An agent that nobody has.
const NOBODY: &str = "00000000000000000000000000000000";

/// Asks the server that the settings name; nothing where they name none.
pub(super) fn look(found: &Setup) -> Vec<Finding> {
    let settings = &found.settings;
    let address = match state::address(settings) {
        Ok(Some(address)) => address,
        Ok(None) => return Vec::new(),
        Err(wrong) => return vec![Finding::fail(WHAT, &wrong)],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let keys = Keys::new(settings.state_prefix());
    let shown = address.shown();
    match runtime.map(|runtime| runtime.block_on(probe::look(&address, &keys))) {
        Ok(Ok(fit)) => {
            let well = Finding::ok(WHAT, &format!("{shown} is {}, and may be written", fit.server));
            std::iter::once(well).chain(skew(WHAT, fit.ahead_us)).collect()
        }
        Ok(Err(unfit)) => vec![Finding::fail(WHAT, &format!("{shown}: {unfit}"))],
        Err(error) => vec![Finding::warn(WHAT, &error.to_string())],
    }
}

/// Asks the address by which other hosts reach this one; nothing where it has none.
pub(super) fn door(found: &Setup) -> Option<Finding> {
    let Cluster { address: Some(address), secret: Some(secret), .. } = state::cluster(&found.settings) else {
        return None;
    };
    let url = format!("{address}{CLUSTER_PATH}{NOBODY}");
    let target = url.parse().ok().and_then(|url| Target::of(url, false));
    let (Some(target), Ok(secret)) = (target, HeaderValue::from_str(secret.expose())) else {
        return Some(Finding::fail(DOOR, "it names no host; write http://host:port"));
    };
    let place = target.to_string();
    let headers = HeaderMap::from_iter([(CLUSTER_SECRET, secret)]);
    let call = Call { method: Method::POST, target, headers, body: Bytes::new() };
    let deadlines = Deadlines { connect: PATIENCE, head: PATIENCE, idle: PATIENCE };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    Some(match runtime.block_on(Egress::new(deadlines).send(call, None)) {
        Ok(head) if head.status == 410 && head.headers.contains_key(OWNER) => {
            Finding::ok(DOOR, &format!("{place} is a host with this secret"))
        }
        Ok(head) if head.status == 401 => Finding::fail(
            DOOR,
            &format!(
                "{place} is a host with another secret; give all hosts the same cluster.secret, and start them again"
            ),
        ),
        Ok(head) => Finding::fail(
            DOOR,
            &format!(
                "{place} answers {}, as no host does that takes turns of others; correct the address",
                head.status
            ),
        ),
        Err(fault) => {
            Finding::warn(DOOR, &format!("{}; start the host, or correct the address", fault.message))
        }
    })
}
