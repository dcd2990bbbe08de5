//! Systems without the child cage: everything runs in process.
use crate::module::Module;
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref};
use std::ffi::OsString;
use std::process::ExitCode;

#[path = "cage/limits.rs"]
mod limits;

pub use limits::Limits;

/// Operations that one step may bring.
pub(crate) const OPS_MAX: usize = 4096;
/// Events that one step may produce.
pub(crate) const EVENTS_MAX: usize = 16_384;

/// No process is a worker here.
pub fn intercept(_: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    None
}

/// There is no sandbox here.
pub(crate) const fn confine(_: &std::path::Path) {}

/// Makes instances of a library's connectors the way a host sees them.
#[derive(Clone)]
pub(crate) struct Factory(Module);

impl std::fmt::Debug for Factory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Factory(inproc)")
    }
}

impl Factory {
    pub(crate) const fn here(module: Module) -> Self {
        Self(module)
    }

    /// Makes one.
    ///
    /// # Errors
    /// The library's own error.
    pub(crate) fn create(
        &self,
        host: HostFns_Ref,
        connector: &str,
        instance: &str,
        config: Buf,
    ) -> Result<ConnectorBox, AbiError> {
        self.0.create(host, connector, instance, config)
    }
}
