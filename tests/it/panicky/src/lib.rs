//! Panics where the model's name says: `start`, `step`, `stream`; in the model list always. `calm` answers.
use lip_plugin::{Connector, Create, Ctx, Model, Result, Turn, export_connector};

struct Panicky;

impl Connector for Panicky {
    const MANIFEST: &'static str =
        r#"{"id": "panicky", "title": "Panicky", "dialects": ["openai-chat"], "auth": "none"}"#;

    fn create(_: Create<'_>) -> Result<Self> {
        Ok(Self)
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        assert_ne!(turn.model, "start", "asked to panic at once");
        cx.sleep_ms(0).await;
        assert_ne!(turn.model, "step", "asked to panic after an effect");
        if turn.model == "stream" {
            cx.send("data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n").await;
            panic!("asked to panic after output");
        }
        cx.answer(r#"{"choices":[{"message":{"content":"calm"}}]}"#);
        Ok(())
    }

    async fn models(&self, _: Ctx) -> Result<Vec<Model>> {
        panic!("asked to panic in the model list")
    }
}

export_connector!(Panicky);
