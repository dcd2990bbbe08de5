//! Holds a plugin stamp and nothing else.
use rogues::lip_plugin::lip_abi::Stamp;

#[used]
#[unsafe(no_mangle)]
pub static LIP_PLUGIN_STAMP: Stamp = Stamp::new(cfg!(panic = "unwind"), "no-root 0.1.0");
