//! Can this host share its accounts with others as it is told to?
use super::finding::Finding;
use crate::setup::Setup;
use crate::shared_accounts;

const WHAT: &str = "shared accounts";

/// Looks at the database of accounts that the settings name, and whether their key opens what is there; nothing where they name none.
pub(super) fn look(found: &Setup) -> Option<Finding> {
    let table = match shared_accounts::of(&found.settings, None) {
        Ok(table) => table?,
        Err(wrong) => return Some(Finding::fail(WHAT, &wrong)),
    };
    let shown = table.shown();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Some(match runtime.map(|runtime| runtime.block_on(table.examine())) {
        Ok(Ok(1)) => Finding::ok(WHAT, &format!("{shown} holds 1, and it can be opened")),
        Ok(Ok(n)) => Finding::ok(WHAT, &format!("{shown} holds {n}, and all can be opened")),
        Ok(Err(unfit)) => Finding::fail(WHAT, &unfit),
        Err(error) => Finding::warn(WHAT, &error.to_string()),
    })
}
