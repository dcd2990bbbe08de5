//! What this host shares with others: the server that the settings name.
use engine::Cluster;
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

/// How this host and those it shares its state with reach each other.
pub(crate) fn cluster(settings: &Resolved) -> Cluster {
    Cluster {
        name: settings.cluster_name().map(str::to_owned),
        address: settings.cluster_address().map(|url| url.trim_end_matches('/').to_owned()),
        secret: settings.cluster_secret().and_then(|secret| secret.secret().cloned()),
    }
}
