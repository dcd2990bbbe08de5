//! A connector without fault, which the rogues share.
pub use lip_plugin;
use lip_plugin::{Connector, Create, Ctx, Result, Turn};

/// Answers each turn with the turn's own body.
pub struct Good;

impl Connector for Good {
    const MANIFEST: &'static str =
        r#"{"id": "good", "title": "Good", "dialects": ["openai-chat"], "auth": "none"}"#;

    fn create(_with: Create<'_>) -> Result<Self> {
        Ok(Self)
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        cx.answer(turn.body);
        Ok(())
    }
}

/// Runs `$body` when the library is mapped, before anybody can ask what it is.
#[macro_export]
macro_rules! on_load {
    ($body:block) => {
        #[used]
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__mod_init_func")
        )]
        #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
        #[cfg_attr(
            not(any(target_vendor = "apple", windows)),
            unsafe(link_section = ".init_array")
        )]
        static ON_LOAD: extern "C" fn() = {
            extern "C" fn on_load() {
                $body
            }
            on_load
        };
    };
}
