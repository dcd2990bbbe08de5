//! A complete connector for an OpenAI-compatible provider, as an outside author writes it.
use lip_plugin::{Connector, Create, Ctx, HttpRequest, Model, Result, Turn, export_connector};

struct Acme {
    base: String,
}

impl Connector for Acme {
    const MANIFEST: &'static str = r#"{
        "id": "acme", "title": "Acme AI", "dialects": ["openai-chat"], "auth": "api-key",
        "env": {"api_key": "ACME_API_KEY", "base_url": "ACME_API_BASE_URL"}, "egress": ["api.acme.example"]
    }"#;

    fn create(with: Create<'_>) -> Result<Self> {
        let base = with.base_url("https://api.acme.example/v1")?;
        Ok(Self { base })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let request = HttpRequest::post(format!("{}/chat/completions", self.base));
        cx.http(request.bearer("api_key").json(turn.body)).await?.splice();
        Ok(())
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let request = HttpRequest::get(format!("{}/models", self.base));
        Model::from_openai_list(&cx.http(request.bearer("api_key")).await?.success().await?.bytes().await?)
    }
}

export_connector!(Acme);
