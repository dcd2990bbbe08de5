//! What this host shares with others: the server that the settings name.
use settings::Resolved;
use std::sync::Arc;
use stores::address::Address;
use stores::keys::Keys;
use stores::link::Link;
use tokio::runtime::Handle;

/// The link to the server that the settings name; none where they name none.
///
/// # Errors
/// It is no address.
pub(crate) fn open(settings: &Resolved, runtime: &Handle) -> Result<Option<Arc<Link>>, String> {
    let Some(address) = address(settings)? else { return Ok(None) };
    Ok(Some(Link::open(address, Keys::new(settings.state_prefix()), runtime)))
}

/// The server that the settings name.
///
/// # Errors
/// It is no address.
pub(crate) fn address(settings: &Resolved) -> Result<Option<Address>, String> {
    settings.state().map(Address::parse).transpose().map_err(|e| format!("state: {e}"))
}
