//! Steps that do not end.
use lip_plugin::{Ctx, Result};
use std::convert::Infallible;
use std::hint::{black_box, spin_loop};
use std::sync::Mutex;
use std::time::Duration;

/// Works without end.
pub(crate) fn spin() -> ! {
    loop {
        spin_loop();
    }
}

/// Waits for a lock that it holds itself.
pub(crate) fn deadlock() -> Result<()> {
    let lock = Mutex::new(());
    let held = lock.lock();
    let again = black_box(&lock).lock();
    drop((held, again));
    Ok(())
}

/// Blocks its thread.
pub(crate) fn sleep() -> Result<()> {
    std::thread::sleep(Duration::from_secs(3_600));
    Ok(())
}

/// Says at each poll that it has to be polled again.
pub(crate) async fn polls_itself() -> Result<()> {
    let never: Infallible = std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
    match never {}
}

struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        spin();
    }
}

/// Waits until it is cancelled, and does not end then.
pub(crate) async fn dropped(cx: Ctx) -> Result<()> {
    let _endless = Endless;
    cx.sleep_ms(3_600_000).await
}
