//! Holds a plugin stamp, and garbage under the name of the root module.
use rogues::lip_plugin::lip_abi::Stamp;

#[used]
#[unsafe(no_mangle)]
pub static LIP_PLUGIN_STAMP: Stamp = Stamp::new(cfg!(panic = "unwind"), "foreign-root 0.1.0");

#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
pub static GARBAGE: [u64; 64] = [0xdead_beef; 64];
