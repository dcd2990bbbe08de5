//! Says its version: at once for the model `version`, for any other behind what its upstream streams. The version is a number
//! in the file that stories write over.
use lip_plugin::{Connector, Create, Ctx, HttpRequest, Result, Turn, export_connector};
use std::hint::black_box;

/// The last five bytes are the version.
static VERSION: [u8; 24] = *b"changeling version 00001";

/// Read each time from where the library is mapped.
fn version() -> String {
    String::from_utf8_lossy(&black_box(&VERSION)[19..]).into_owned()
}

struct Changeling {
    base: String,
}

impl Connector for Changeling {
    const MANIFEST: &'static str = r#"{
        "id": "changeling", "title": "Changeling", "dialects": ["openai-chat"], "auth": "none",
        "models": ["version", "relay"], "env": {"base_url": "CHANGELING_BASE_URL"}
    }"#;

    fn create(with: Create<'_>) -> Result<Self> {
        Ok(Self { base: with.base_url("http://127.0.0.1:9/v1")? })
    }

    async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
        if turn.model == "version" {
            cx.answer(format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, version()));
            return Ok(());
        }
        let request = HttpRequest::post(format!("{}/chat/completions", self.base));
        let mut upstream = cx.http(request.json(turn.body)).await?.success().await?;
        while let Some(piece) = upstream.chunk().await? {
            cx.send(piece).await;
        }
        let delta = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{}"}}}}]}}"#, version());
        cx.send(format!("data: {delta}\n\ndata: [DONE]\n\n")).await;
        Ok(())
    }
}

export_connector!(Changeling);
