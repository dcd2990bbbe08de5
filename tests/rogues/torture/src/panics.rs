//! Panics wherever author's code runs. Only the last of them is more than a library can catch.
use crate::said;
use lip_plugin::{Buf, Ctx, Result};
use std::panic::panic_any;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("asked to panic in a destructor");
    }
}

impl AsRef<[u8]> for Bomb {
    fn as_ref(&self) -> &[u8] {
        br#"{"choices":[{"message":{"content":"bomb"}}]}"#
    }
}

pub(crate) async fn step(cx: Ctx) -> Result<()> {
    cx.sleep_ms(0).await?;
    panic!("asked to panic after an effect")
}

pub(crate) async fn stream(cx: Ctx) -> Result<()> {
    cx.send("data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n").await;
    panic!("asked to panic after output")
}

/// The value that the panic carries panics as well.
pub(crate) async fn payload(cx: Ctx) -> Result<()> {
    cx.sleep_ms(0).await?;
    panic_any(Bomb)
}

/// Waits until it is cancelled, and panics then.
pub(crate) async fn dropped(cx: Ctx) -> Result<()> {
    let _bomb = Bomb;
    cx.sleep_ms(3_600_000).await
}

/// The owner of the answer's bytes panics when the host lets them go.
pub(crate) async fn buffer(cx: Ctx) -> Result<()> {
    cx.answer(Buf::from_owner(Bomb));
    Ok(())
}

/// A thread of its own panics.
pub(crate) async fn thread(cx: Ctx) -> Result<()> {
    let ended = std::thread::spawn(|| panic!("asked to panic in a thread")).join();
    said(&cx, if ended.is_err() { "the thread panicked" } else { "the thread lived" })
}

/// Panics while a panic unwinds: the standard library ends the process.
pub(crate) async fn twice(cx: Ctx) -> Result<()> {
    let _bomb = Bomb;
    cx.sleep_ms(0).await?;
    panic!("asked to panic twice")
}
