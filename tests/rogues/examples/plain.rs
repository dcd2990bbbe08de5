//! A library that never heard of LIP.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> i32 {
    42
}
