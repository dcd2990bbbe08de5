//! Panics in the constructor of its root module.
use rogues::lip_plugin::lip_abi::abi_stable::library::{self, CheckTypeLayout, LibHeader, RootModuleResult};
use rogues::lip_plugin::lip_abi::{PluginMod_Ref, Stamp};

#[used]
#[unsafe(no_mangle)]
pub static LIP_PLUGIN_STAMP: Stamp = Stamp::new(cfg!(panic = "unwind"), "init-panics 0.1.0");

fn module() -> PluginMod_Ref {
    panic!("no module today")
}

extern "C" fn constructor() -> RootModuleResult {
    library::__call_root_module_loader(module)
}

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
pub static LOADER: LibHeader =
    unsafe { LibHeader::from_constructor::<PluginMod_Ref>(constructor, CheckTypeLayout::Yes) };
