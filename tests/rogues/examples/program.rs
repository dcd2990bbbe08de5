//! A program, not a library.
fn main() {}
