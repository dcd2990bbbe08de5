//! The entry of a mapped library, whichever way it was written.
use crate::c_module::CModule;
use lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref, PluginMod_Ref};

/// What a library exports. Copies are as good as the first: the library is never unmapped.
#[derive(Clone, Copy)]
pub(crate) enum Module {
    /// The root module of a library that was written with `lip-plugin`.
    Rust(PluginMod_Ref),
    /// The table of a library that was written with `lip_plugin.h`.
    C(CModule),
}

impl Module {
    /// JSON `{plugin, version, abi, connectors: [{id, title, dialects, …}]}`, as hostile as any input.
    pub(crate) fn manifest_text(self) -> String {
        match self {
            // Bytes, for a foreign `str` need not be UTF-8.
            Self::Rust(module) => {
                String::from_utf8_lossy((module.manifest())().as_rslice().as_slice()).into_owned()
            }
            Self::C(module) => module.manifest_text(),
        }
    }

    /// Makes one instance. Runs the author's code, which performs no IO.
    ///
    /// # Errors
    /// The library's own error, among them a caught panic.
    pub(crate) fn create(
        self,
        host: HostFns_Ref,
        connector: &str,
        instance: &str,
        config: Buf,
    ) -> Result<ConnectorBox, AbiError> {
        match self {
            Self::Rust(module) => {
                (module.create())(host, connector.into(), instance.into(), config).into_result()
            }
            Self::C(module) => module.create(host, connector, instance, &config),
        }
    }
}
