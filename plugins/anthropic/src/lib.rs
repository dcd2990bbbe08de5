//! Anthropic Messages with an API key. Hands bodies on as they are, errors included.
//!
//! Source: docs.anthropic.com/en/api (messages, messages-count-tokens, models-list, versioning, beta-headers).
use lip_plugin::{
    Connector, Create, Ctx, HttpRequest, Model, Passage, Result, Turn, Value, export_connector, serde_json,
};

/// The version of the API that a client speaks who names none.
const VERSION: &str = "2023-06-01";
/// Pages of the model list that are read; each has up to 1000 models.
const PAGES_MAX: usize = 20;

struct Anthropic {
    base: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
}

impl Connector for Anthropic {
    // ANTHROPIC_BASE_URL is not read: users set it for their clients, and there it often names LIP itself.
    const MANIFEST: &'static str = r#"{
        "id": "anthropic", "title": "Anthropic", "dialects": ["anthropic-messages"], "auth": "api-key",
        "env": {"api_key": "ANTHROPIC_API_KEY", "base_url": "ANTHROPIC_API_BASE_URL"},
        "base_url": "https://api.anthropic.com/v1", "egress": ["api.anthropic.com"],
        "best_for": "Claude by the standard API", "docs": "https://docs.anthropic.com/en/api/messages",
        "strip_prefixes": ["anthropic/"], "translate": {"max_tokens_default": 8192, "signed_thinking": true},
        "config": {"type": "object", "properties": {
            "headers": {"type": "object", "additionalProperties": {"type": "string"},
                "description": "More headers of every request; an anthropic-beta joins the client's own."}
        }}
    }"#;

    fn create(with: Create<'_>) -> Result<Self> {
        let base = with.base_url("https://api.anthropic.com/v1")?;
        let base = base.strip_suffix("/messages").unwrap_or(&base).to_owned();
        Ok(Self { base, headers: with.headers()? })
    }

    fn passages(&self) -> Vec<Passage> {
        // An own list of betas has to be joined with each client's.
        if self.headers.iter().any(|(name, _)| name == "anthropic-beta") {
            return Vec::new();
        }
        let request =
            HttpRequest::post(format!("{}/messages", self.base)).headers(self.headers.iter().cloned());
        let request = request.secret_header("x-api-key", "", "api_key");
        vec![Passage::new("anthropic-messages", request).default_header("anthropic-version", VERSION)]
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.post(cx, "/messages", turn).await
    }

    async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
        self.post(cx, "/messages/count_tokens", turn).await
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let mut models = Vec::new();
        let mut url = format!("{}/models?limit=1000", self.base);
        for _ in 0..PAGES_MAX {
            let request = self.signed(HttpRequest::get(url), Vec::new());
            let page: Value =
                serde_json::from_slice(&cx.http(request).await?.success().await?.bytes().await?)?;
            let list = page.get("data").and_then(Value::as_array);
            let list =
                list.ok_or_else(|| lip_plugin::Error::new("bad_json", "the model list has no data"))?;
            models.extend(list.iter().filter_map(model));
            match page.get("last_id").and_then(Value::as_str) {
                Some(last) if page.get("has_more") == Some(&Value::Bool(true)) => {
                    url = format!("{}/models?limit=1000&after_id={}", self.base, encoded(last));
                }
                _ => break,
            }
        }
        Ok(models)
    }
}

impl Anthropic {
    async fn post(&self, cx: Ctx, path: &str, turn: Turn) -> Result<()> {
        let request = self.signed(HttpRequest::post(format!("{}{path}", self.base)), turn.headers);
        cx.http(request.json(turn.body)).await?.splice();
        Ok(())
    }

    fn signed(&self, request: HttpRequest, client: Vec<(String, String)>) -> HttpRequest {
        let (betas, mut headers): (Vec<_>, Vec<_>) =
            self.headers.iter().cloned().chain(client).partition(|(name, _)| name == "anthropic-beta");
        if !headers.iter().any(|(name, _)| name == "anthropic-version") {
            headers.push(("anthropic-version".to_owned(), VERSION.to_owned()));
        }
        let mut list: Vec<&str> = Vec::new();
        for beta in betas.iter().flat_map(|(_, value)| value.split(',')).map(str::trim) {
            if !beta.is_empty() && !list.contains(&beta) {
                list.push(beta);
            }
        }
        if !list.is_empty() {
            headers.push(("anthropic-beta".to_owned(), list.join(",")));
        }
        request.headers(headers).secret_header("x-api-key", "", "api_key")
    }
}

/// A model of the list, unless it is retired: requests that name such a model fail.
fn model(value: &Value) -> Option<Model> {
    if value.get("lifecycle").and_then(Value::as_str) == Some("retired") {
        return None;
    }
    let mut model = Model::named(value.get("id")?.as_str()?);
    model.title = value.get("display_name").and_then(Value::as_str).map(str::to_owned);
    model.context_tokens = value.get("max_input_tokens").and_then(Value::as_u64);
    model.output_tokens = value.get("max_tokens").and_then(Value::as_u64);
    model.owned_by = Some("anthropic".to_owned());
    Some(model)
}

/// Percent-encodes a value of a URL's query.
fn encoded(text: &str) -> String {
    let one = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

export_connector!(Anthropic);

#[cfg(test)]
mod tests;
