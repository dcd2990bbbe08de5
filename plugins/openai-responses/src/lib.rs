//! OpenAI Responses with an API key: the same credentials, base and model list as OpenAI Chat Completions.
//!
//! Source: platform.openai.com/docs/api-reference (responses, responses input-tokens, models, authentication).
use lip_plugin::{Connector, Create, Ctx, HttpRequest, Model, Passage, Result, Turn, export_connector};

struct OpenAiResponses {
    base: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
}

impl Connector for OpenAiResponses {
    // OPENAI_BASE_URL is not read: users set it for their clients, and there it often names LIP itself.
    const MANIFEST: &'static str = r#"{
        "id": "openai-responses", "title": "OpenAI Responses", "dialects": ["openai-responses"], "auth": "api-key",
        "env": {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_API_BASE_URL"},
        "base_url": "https://api.openai.com/v1", "egress": ["api.openai.com"],
        "best_for": "/v1/responses and structured outputs", "docs": "https://platform.openai.com/docs/api-reference/responses",
        "strip_prefixes": ["openai/"],
        "config": {"type": "object", "properties": {
            "organization": {"type": "string", "description": "Organization that the usage counts for."},
            "project": {"type": "string", "description": "Project that the usage counts for."},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "More headers of every request."}
        }}
    }"#;

    fn create(with: Create<'_>) -> Result<Self> {
        let base = with.base_url("https://api.openai.com/v1")?;
        let base = base.strip_suffix("/responses").unwrap_or(&base).to_owned();
        let mut headers = with.headers()?;
        for key in ["organization", "project"] {
            headers.extend(with.header_value(key)?.map(|value| (format!("openai-{key}"), value)));
        }
        Ok(Self { base, headers })
    }

    fn passages(&self) -> Vec<Passage> {
        vec![Passage::new("openai-responses", self.post("/responses"))]
    }

    async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let request = self.post("/responses/input_tokens");
        cx.http(request.headers(turn.headers).json(turn.body)).await?.splice();
        Ok(())
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let request = self.signed(HttpRequest::get(format!("{}/models", self.base)));
        Model::from_openai_list(&cx.http(request).await?.success().await?.bytes().await?)
    }
}

impl OpenAiResponses {
    fn post(&self, path: &str) -> HttpRequest {
        self.signed(HttpRequest::post(format!("{}{path}", self.base)))
    }

    fn signed(&self, request: HttpRequest) -> HttpRequest {
        request.headers(self.headers.iter().cloned()).bearer("api_key")
    }
}

export_connector!(OpenAiResponses);

#[cfg(test)]
mod tests;
