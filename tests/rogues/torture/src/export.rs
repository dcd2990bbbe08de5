//! The root module, written by hand: a forger stands before each instance.
use crate::{Torture, forged};
use lip_plugin::glue::{self, Entry};
use lip_plugin::lip_abi::abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult,
};
use lip_plugin::lip_abi::abi_stable::prefix_type::PrefixTypeTrait;
use lip_plugin::lip_abi::abi_stable::std_types::{RResult, RStr};
use lip_plugin::lip_abi::{AbiError, Buf, ConnectorBox, HostFns_Ref, PluginMod, PluginMod_Ref, Stamp};
use std::sync::OnceLock;

#[used]
#[unsafe(no_mangle)]
pub static LIP_PLUGIN_STAMP: Stamp = Stamp::new(cfg!(panic = "unwind"), "torture 0.1.0");

const ENTRIES: &[Entry] = &[Entry::of::<Torture>()];

extern "C" fn manifest() -> RStr<'static> {
    static MANIFEST: OnceLock<String> = OnceLock::new();
    glue::manifest(&MANIFEST, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), ENTRIES)
}

extern "C" fn create(
    host: HostFns_Ref,
    connector: RStr<'_>,
    instance: RStr<'_>,
    config: Buf,
) -> RResult<ConnectorBox, AbiError> {
    glue::report_panics_to(host);
    glue::create(ENTRIES, host, connector, instance, config).map(|inner| forged::before(inner, host))
}

fn module() -> PluginMod_Ref {
    PluginMod { manifest, create }.leak_into_prefix()
}

extern "C" fn constructor() -> RootModuleResult {
    __call_root_module_loader(module)
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
pub static LOADER: LibHeader =
    unsafe { LibHeader::from_constructor::<PluginMod_Ref>(constructor, CheckTypeLayout::Yes) };
