//! What the host says of itself, so that a library that is newer than its host can know before it tries.
use crate::Ctx;
use serde::Deserialize;

/// The host that a library runs in. What a host does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HostInfo {
    /// Its version of the interface, such as `1.1.0`.
    pub abi: String,
    /// Its name and version, such as `lip 0.1.0`.
    pub host: String,
    /// The [operations](lip_abi::op) that it carries out, for connectors that may ask for them.
    pub operations: Vec<u32>,
    /// Where the library runs: `inproc`, or `child` for a process of its own.
    pub cage: String,
}

impl HostInfo {
    /// Does it carry out this [operation](lip_abi::op)?
    pub fn does(&self, operation: u32) -> bool {
        self.operations.contains(&operation)
    }
}

impl Ctx {
    /// What the host says of itself; `None` on hosts older than interface 1.1. Read once per call: keep what you need.
    pub fn host_info(&self) -> Option<HostInfo> {
        let text = (self.shared.host.host_info()?)();
        serde_json::from_str(text.as_str()).ok()
    }
}
