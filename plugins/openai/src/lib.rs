//! OpenAI Chat Completions with an API key. Hands bodies on as they are, errors included.
//!
//! Source: platform.openai.com/docs/api-reference (chat, models, authentication, "Organizations and projects").
use lip_plugin::{Connector, Create, Ctx, HttpRequest, Model, Passage, Result, export_connector};

struct OpenAi {
    base: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
}

impl Connector for OpenAi {
    // OPENAI_BASE_URL is not read: users set it for their clients, and there it often names LIP itself.
    const MANIFEST: &'static str = r#"{
        "id": "openai", "title": "OpenAI", "dialects": ["openai-chat"], "auth": "api-key",
        "env": {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_API_BASE_URL"},
        "base_url": "https://api.openai.com/v1", "egress": ["api.openai.com"],
        "best_for": "OpenAI's own models, in production", "docs": "https://platform.openai.com/docs/api-reference/chat",
        "strip_prefixes": ["openai/"],
        "config": {"type": "object", "properties": {
            "organization": {"type": "string", "description": "Organization that the usage counts for."},
            "project": {"type": "string", "description": "Project that the usage counts for."},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "More headers of every request."}
        }}
    }"#;

    fn create(with: Create<'_>) -> Result<Self> {
        let base = with.base_url("https://api.openai.com/v1")?;
        let mut headers = with.headers()?;
        for key in ["organization", "project"] {
            headers.extend(with.header_value(key)?.map(|value| (format!("openai-{key}"), value)));
        }
        Ok(Self { base, headers })
    }

    fn passages(&self) -> Vec<Passage> {
        let request = HttpRequest::post(format!("{}/chat/completions", self.base));
        vec![Passage::new("openai-chat", self.signed(request))]
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let request = self.signed(HttpRequest::get(format!("{}/models", self.base)));
        Model::from_openai_list(&cx.http(request).await?.success().await?.bytes().await?)
    }
}

impl OpenAi {
    fn signed(&self, request: HttpRequest) -> HttpRequest {
        request.headers(self.headers.iter().cloned()).bearer("api_key")
    }
}

export_connector!(OpenAi);

#[cfg(test)]
mod tests {
    use super::OpenAi;
    use lip_plugin::{Value, json, serde_json};
    use lip_testkit::{Reply, Stage};

    lip_testkit::conformance!(OpenAi);

    #[test]
    fn turn_is_the_clients_body_and_the_upstreams_answer() {
        let body = " {\"n\":1e2, \"model\" : \"gpt-5\"}\n";
        let config = json!({"organization": "org-1", "project": "p", "headers": {"X-Team": "blue"}});
        let reply = Reply::sse(["{}", "[DONE]"]).only_for("POST", "/v1/chat/completions");
        let stage = Stage::of::<OpenAi>().config(&config).secret("api_key", "sk").reply(reply);
        let seen = stage.client_headers(&[("x-stainless", "1")]).stream().turn(body).run();
        assert_eq!(seen.text(), "data: {}\n\ndata: [DONE]\n\n");
        assert_eq!(&*seen.requests[0].body, body.as_bytes());
        let sent = format!("{:?}", seen.requests[0].headers);
        let own = r#"("x-team", "blue"), ("openai-organization", "org-1"), ("openai-project", "p")"#;
        let rest =
            r#"("x-stainless", "1"), ("content-type", "application/json"), ("authorization", "Bearer sk")"#;
        assert_eq!(sent, format!("[{own}, {rest}]"));
    }

    #[test]
    fn bad_config_names_the_key() {
        let bad = r#"{"base_url": "api.openai.com"}, {"organization": 7}, {"project": "a\r\nb: c"}, {"headers": "x"},
            {"headers": {"Authorization": "x"}}, {"headers": {"a b": "x"}}, {"headers": {"a": ["x"]}}"#;
        let bad: Vec<Value> = serde_json::from_str(&format!("[{bad}]")).expect("JSON");
        for config in bad {
            let error = Stage::of::<OpenAi>().config(&config).create().expect("an error");
            assert_eq!(error.code, "bad_config", "{error:?}");
            let (key, _) = error.message.split_once([':', '.']).expect("a sentence");
            assert!(config.get(key).is_some(), "{error:?}");
        }
    }
}
