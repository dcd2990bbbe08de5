//! Can this host share its state with others as it is told to?
use super::finding::Finding;
use crate::setup::Setup;
use crate::state;
use stores::keys::Keys;
use stores::probe;

const WHAT: &str = "shared state";

/// Asks the server that the settings name; nothing where they name none.
pub(super) fn look(found: &Setup) -> Option<Finding> {
    let settings = &found.settings;
    let address = match state::address(settings) {
        Ok(address) => address?,
        Err(wrong) => return Some(Finding::fail(WHAT, &wrong)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let keys = Keys::new(settings.state_prefix());
    let shown = address.shown();
    Some(match runtime.map(|runtime| runtime.block_on(probe::look(&address, &keys))) {
        Ok(Ok(server)) => Finding::ok(WHAT, &format!("{shown} is {server}, and may be written")),
        Ok(Err(unfit)) => Finding::fail(WHAT, &format!("{shown}: {unfit}")),
        Err(error) => Finding::warn(WHAT, &error.to_string()),
    })
}
