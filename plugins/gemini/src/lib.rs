//! Google Gemini with an API key. Hands bodies on as they are, errors included; model and streaming stand in the URL.
//!
//! Source: ai.google.dev/api (generate-content, tokens, models, api-key). The key goes into a header, never into a URL.
use lip_plugin::{
    Connector, Create, Ctx, Error, HttpRequest, Model, Result, Turn, Value, export_connector, serde_json,
};

/// Pages of the model list that are read; each has up to 1000 models.
const PAGES_MAX: usize = 20;
/// What clients and selectors put before a model's name.
const PREFIXES: [&str; 4] = ["gemini:", "google/", "gemini/", "models/"];

struct Gemini {
    base: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
}

impl Connector for Gemini {
    const MANIFEST: &'static str = r#"{
        "id": "gemini", "title": "Google Gemini", "dialects": ["gemini"], "auth": "api-key",
        "env": {"api_key": "GEMINI_API_KEY", "base_url": "GEMINI_API_BASE_URL"},
        "base_url": "https://generativelanguage.googleapis.com", "egress": ["generativelanguage.googleapis.com"],
        "best_for": "Gemini by the metered API, in production", "docs": "https://ai.google.dev/api/generate-content",
        "strip_prefixes": ["google/", "gemini/", "models/"],
        "config": {"type": "object", "properties": {
            "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "More headers of every request."}
        }}
    }"#;

    fn create(with: Create<'_>) -> Result<Self> {
        let base = with.base_url("https://generativelanguage.googleapis.com")?;
        let base = base.strip_suffix("/v1beta").unwrap_or(&base).to_owned();
        Ok(Self { base, headers: with.headers()? })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let verb = if turn.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        self.post(cx, verb, turn).await
    }

    async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.post(cx, "countTokens", turn).await
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let mut models = Vec::new();
        let mut url = format!("{}/v1beta/models?pageSize=1000", self.base);
        for _ in 0..PAGES_MAX {
            let request = self.signed(HttpRequest::get(url));
            let page: Value =
                serde_json::from_slice(&cx.http(request).await?.success().await?.bytes().await?)?;
            let list = page.get("models").and_then(Value::as_array);
            let list = list.ok_or_else(|| Error::new("bad_json", "the model list has no models"))?;
            models.extend(list.iter().filter_map(model));
            match page.get("nextPageToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => {
                    url = format!("{}/v1beta/models?pageSize=1000&pageToken={}", self.base, encoded(token))
                }
                None => break,
            }
        }
        Ok(models)
    }
}

impl Gemini {
    async fn post(&self, cx: Ctx, verb: &str, turn: Turn) -> Result<()> {
        let request = HttpRequest::post(format!("{}/v1beta/{}:{verb}", self.base, resource(&turn.model)?));
        cx.http(self.signed(request).headers(turn.headers).json(turn.body)).await?.splice();
        Ok(())
    }

    fn signed(&self, request: HttpRequest) -> HttpRequest {
        request.headers(self.headers.iter().cloned()).secret_header("x-goog-api-key", "", "api_key")
    }
}

/// The model's resource name, safe to stand in a URL: `models/<name>`, or `tunedModels/<name>`.
fn resource(model: &str) -> Result<String> {
    let mut name = model;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    let tuned = name.strip_prefix("tunedModels/");
    let name = tuned.or_else(|| name.rsplit('/').next()).unwrap_or_default();
    if name.is_empty() {
        return Err(Error::bad_request("the request names no model").param("model"));
    }
    let kind = if tuned.is_some() { "tunedModels" } else { "models" };
    Ok(format!("{kind}/{}", encoded(name)))
}

/// A model of the list, if it answers prompts.
fn model(value: &Value) -> Option<Model> {
    let methods = value.get("supportedGenerationMethods")?.as_array()?;
    if !methods.iter().any(|method| method == "generateContent") {
        return None;
    }
    let name = value.get("name")?.as_str()?;
    let mut model = Model::named(name.strip_prefix("models/").unwrap_or(name));
    model.title = value.get("displayName").and_then(Value::as_str).map(str::to_owned);
    model.context_tokens = value.get("inputTokenLimit").and_then(Value::as_u64);
    model.output_tokens = value.get("outputTokenLimit").and_then(Value::as_u64);
    model.owned_by = Some("google".to_owned());
    Some(model)
}

/// Percent-encodes one segment or query value of a URL.
fn encoded(text: &str) -> String {
    let one = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

export_connector!(Gemini);

#[cfg(test)]
mod tests;
