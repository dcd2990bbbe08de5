//! Asks its upstream once and hands on the answer: spliced, or read event by event where the model's name says `parsed`.
use lip_plugin::{Connector, Create, Ctx, HttpRequest, Result, Turn, export_connector};

/// One configured instance.
pub struct Caged {
    url: String,
}

impl Connector for Caged {
    const MANIFEST: &'static str =
        r#"{"id": "caged", "title": "Caged", "dialects": ["openai-chat"], "auth": "none"}"#;

    fn create(with: Create<'_>) -> Result<Self> {
        Ok(Self { url: format!("{}/chat/completions", with.base_url("http://127.0.0.1:1/v1")?) })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let mut upstream =
            cx.http(HttpRequest::post(self.url.clone()).json(turn.body)).await?.success().await?;
        match (turn.model.ends_with("parsed"), turn.stream) {
            (false, _) => upstream.splice(),
            (true, false) => cx.answer(upstream.bytes().await?),
            (true, true) => {
                let mut events = upstream.events();
                while let Some(event) = events.next().await? {
                    cx.send_sse(&event.name, &event.data).await;
                }
            }
        }
        Ok(())
    }
}

export_connector!(Caged);
