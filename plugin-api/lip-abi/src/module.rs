//! The root module of a library and the functions of the host. Both are prefix types: they grow at their end only.
use crate::{AbiError, Buf, ConnectorBox};
use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings,
    sabi_types::VersionStrings,
    std_types::{RResult, RStr},
};

/// The only calls that a library may make at any time and from any thread. None of them blocks.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostFns_Ref, prefix_fields = HostFns_Prefix)))]
#[sabi(missing_field(option))]
pub struct HostFns {
    /// Asks for a `resume` of the task `key` soon. Unknown and old keys are ignored.
    pub wake: extern "C" fn(key: u64),
    /// One log line. Levels: 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub log: extern "C" fn(level: u32, target: RStr<'_>, message: RStr<'_>),
    /// Milliseconds since 1970-01-01T00:00:00Z by the host's clock.
    #[sabi(last_prefix_field)]
    pub now_unix_ms: extern "C" fn() -> u64,
    /// Since 1.1. What this host is: JSON `{abi, host, operations: [number, …], cage}`, the same for as long as it runs. `abi`: its version of
    /// this interface; `host`: its name and version; `operations`: the [`crate::op`] that it carries out for connectors that may ask for
    /// them; `cage`: where the library runs, `inproc` or `child`.
    pub host_info: extern "C" fn() -> RStr<'static>,
}

/// What a library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginMod_Ref, prefix_fields = PluginMod_Prefix)))]
#[sabi(missing_field(option))]
pub struct PluginMod {
    /// JSON `{plugin, version, abi, connectors: [{id, title, dialects, …}]}`.
    pub manifest: extern "C" fn() -> RStr<'static>,
    /// Makes one instance of the connector named `connector`. `config`: the instance's JSON object. Performs no IO.
    #[sabi(last_prefix_field)]
    pub create: extern "C" fn(
        host: HostFns_Ref,
        connector: RStr<'_>,
        instance: RStr<'_>,
        config: Buf,
    ) -> RResult<ConnectorBox, AbiError>,
}

impl RootModule for PluginMod_Ref {
    abi_stable::declare_root_module_statics! {PluginMod_Ref}
    const BASE_NAME: &'static str = "lip_plugin";
    const NAME: &'static str = "lip-plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
