//! `cargo fuzz run stream`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::run("stream", data));
