//! `cargo fuzz run aws_event_stream`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::run("aws_event_stream", data));
