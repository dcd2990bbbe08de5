//! Speaks a dialect that nobody knows.
use rogues::lip_plugin::{Connector, Create, Ctx, Result, Turn, export_connector};

struct Odd;

impl Connector for Odd {
    const MANIFEST: &'static str = r#"{"id": "odd", "title": "Odd", "dialects": ["smoke"], "auth": "none"}"#;

    fn create(_with: Create<'_>) -> Result<Self> {
        Ok(Self)
    }

    async fn turn(&self, _cx: Ctx, _turn: Turn) -> Result<()> {
        Ok(())
    }
}

export_connector!(Odd);
