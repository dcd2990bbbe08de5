//! More memory than there is.
use crate::said;
use lip_plugin::{Ctx, Result};
use std::hint::black_box;

/// Asks for more than an address can name: a panic.
pub(crate) async fn vec_overflows(cx: Ctx) -> Result<()> {
    let wish = Vec::<u64>::with_capacity(black_box(usize::MAX));
    said(&cx, &format!("got {}", wish.capacity()))
}

/// Asks for more than the machine has: the allocator says no, and the standard library ends the process.
pub(crate) async fn allocation_fails(cx: Ctx) -> Result<()> {
    let wish = Vec::<u8>::with_capacity(black_box(isize::MAX as usize));
    said(&cx, &format!("got {}", wish.capacity()))
}

/// Takes 64 GiB and writes to each page.
pub(crate) async fn allocates(cx: Ctx) -> Result<()> {
    let taken: Vec<Vec<u8>> = (0..1024).map(|n| vec![black_box(n as u8) | 1; 64 << 20]).collect();
    said(&cx, &format!("got {} pieces", taken.len()))
}

/// Forgets a megabyte in every step.
pub(crate) async fn leaks(cx: Ctx) -> Result<()> {
    loop {
        std::mem::forget(black_box(vec![1u8; 1 << 20]));
        cx.sleep_ms(0).await?;
    }
}
