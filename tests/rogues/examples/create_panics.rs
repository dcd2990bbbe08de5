//! Panics when an instance is made.
use rogues::lip_plugin::{Connector, Create, Ctx, Result, Turn, export_connector};

struct Panics;

impl Connector for Panics {
    const MANIFEST: &'static str =
        r#"{"id": "panics", "title": "Panics", "dialects": ["openai-chat"], "auth": "none"}"#;

    fn create(with: Create<'_>) -> Result<Self> {
        panic!("no instance \"{}\" today", with.instance)
    }

    async fn turn(&self, _cx: Ctx, _turn: Turn) -> Result<()> {
        Ok(())
    }
}

export_connector!(Panics);
