//! Too much of what is allowed.
use crate::said;
use lip_plugin::{Ctx, Level, Result};

const LINES: u32 = 20_000;
const BIG_BYTES: usize = 16 << 20;

/// Streams until nobody listens.
pub(crate) async fn streams(cx: Ctx) -> Result<()> {
    loop {
        cx.send("data: {\"choices\":[{\"delta\":{\"content\":\"on \"}}]}\n\n").await;
    }
}

/// Fills the log.
pub(crate) async fn logs(cx: Ctx) -> Result<()> {
    for _ in 0..LINES {
        cx.log(Level::Error, "flood\n\u{1b}[31m and another line");
    }
    said(&cx, "logged")
}

/// One answer of 16 MiB.
pub(crate) async fn answers_big(cx: Ctx) -> Result<()> {
    let (head, tail) = (r#"{"choices":[{"message":{"content":""#, r#""}}]}"#);
    let mut answer = String::with_capacity(head.len() + BIG_BYTES + tail.len());
    answer.push_str(head);
    answer.extend(std::iter::repeat_n('x', BIG_BYTES));
    answer.push_str(tail);
    cx.answer(answer);
    Ok(())
}
