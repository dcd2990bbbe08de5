//! Needs a function that is nowhere.
rogues::lip_plugin::export_connector!(rogues::Good);

unsafe extern "C" {
    fn lip_rogue_nowhere();
}

#[unsafe(no_mangle)]
pub extern "C" fn call_it() {
    unsafe { lip_rogue_nowhere() }
}
