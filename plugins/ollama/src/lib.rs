//! Ollama, local or remote: OpenAI Chat through `/v1`, or the native API where its own options are wanted.
//!
//! Source: docs.ollama.com/api (chat, tags, authentication) and /openai-compatibility. `/v1` knows neither `num_ctx` nor `keep_alive`.
use lip_plugin::{
    Connector, Create, Ctx, Error, HttpRequest, Model, Result, Turn, Value, export_connector, serde_json,
};

mod body;
mod place;

const DEFAULT: &str = "http://localhost:11434";
/// Where the models are listed that a signed-in Ollama runs in the cloud.
const CLOUD_TAGS: &str = "https://ollama.com/api/tags";

struct Ollama {
    base: String,
    /// Of every request, from the config.
    headers: Vec<(String, String)>,
    has_key: bool,
    lists_cloud_models: bool,
    native: body::Native,
}

impl Connector for Ollama {
    const MANIFEST: &'static str = include_str!("manifest.json");

    fn create(with: Create<'_>) -> Result<Self> {
        let place =
            with.string("base_url")?.map_or_else(|| Ok(DEFAULT.to_owned()), |text| place::url(&text))?;
        let names = with.config.get("secrets").and_then(Value::as_array);
        let has_key = match with.string("auth")?.as_deref() {
            Some("bearer") => true,
            Some("none") => false,
            None => names.is_some_and(|names| names.iter().any(|name| name == "api_key")),
            Some(_) => return Err(Error::bad_config("auth", "write bearer or none, or leave it out")),
        };
        Ok(Self {
            base: place,
            headers: with.headers()?,
            has_key,
            lists_cloud_models: with.flag("list_cloud_models", false)?,
            native: body::Native::new(&with)?,
        })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        let (path, body) = if turn.dialect == "ollama" {
            ("/api/chat", self.native.fitted(&turn.body))
        } else {
            if !self.native.is_idle() {
                cx.note("/v1 knows no num_ctx, keep_alive or options: they were not sent");
            }
            ("/v1/chat/completions", body::openai(&turn.body))
        };
        let request = HttpRequest::post(format!("{}{path}", self.base)).headers(turn.headers);
        cx.http(self.signed(request).json(body)).await?.splice();
        Ok(())
    }

    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        let request = self.signed(HttpRequest::get(format!("{}/api/tags", self.base)));
        let mut models = tags(&cx.http(request).await?.success().await?.bytes().await?)?;
        if self.lists_cloud_models {
            match cloud(&cx).await {
                Ok(cloud) => models.extend(cloud),
                Err(error) => cx.note(format!("the cloud's models are missing: {error}")),
            }
        }
        Ok(models)
    }
}

impl Ollama {
    fn signed(&self, request: HttpRequest) -> HttpRequest {
        let request = request.headers(self.headers.iter().cloned());
        if self.has_key { request.bearer("api_key") } else { request }
    }
}

async fn cloud(cx: &Ctx) -> Result<Vec<Model>> {
    let mut models = tags(&cx.http(HttpRequest::get(CLOUD_TAGS)).await?.success().await?.bytes().await?)?;
    // A local Ollama runs them under this name.
    models.iter_mut().for_each(|model| model.id.push_str("-cloud"));
    Ok(models)
}

fn tags(body: &[u8]) -> Result<Vec<Model>> {
    let list: Value = serde_json::from_slice(body)?;
    let list = list.get("models").and_then(Value::as_array);
    let list = list.ok_or_else(|| Error::new("bad_json", "the answer is no list of models"))?;
    let model = |entry: &Value| {
        let name = entry.get("name").or_else(|| entry.get("model")).and_then(Value::as_str)?;
        let mut model = Model::named(name);
        model.owned_by = entry.pointer("/details/family").and_then(Value::as_str).map(str::to_owned);
        Some(model)
    };
    Ok(list.iter().filter_map(model).collect())
}

export_connector!(Ollama);

#[cfg(test)]
mod tests;
